"""What is answered to each kind of message. The bot's words come from `chatbot.dialogue`; here WeChat's own forms are met.

Every function may run twice for the same message (after a crash), so each step that writes carries the message's key.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels import affairs
from channels.portal.in_wechat import REMIND
from channels.turns import chosen, in_words
from channels.wechat import menu, outbox, remind, reports, scenes, subscriptions
from channels.wechat.ears import Ears, NotHeard
from channels.wechat.incoming import Incoming, Kind
from channels.wechat.journal import Work
from channels.wechat.keeping import keep
from chatbot.draft import Slot
from chatbot.registration import load_draft
from hotline import logs
from hotline.database import Database
from hotline.i18n import _
from hotline.settings import Settings
from knowledge.article.topics import announcement
from ticketing.citizen.service import by_openid
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Owner
from ticketing.conversation.service import add_message, open_conversation

if TYPE_CHECKING:
    from chatbot.dialogue import Dialogue

log = logs.get(__name__)
GREETING_EVENTS = frozenset({"subscribe", "subscribe_scan"})


class Answers:
    """Works out answers; `Answers.answer` is what the desk calls."""

    def __init__(self, settings: Settings, core: Core, database: Database, dialogue: Dialogue, ears: Ears) -> None:
        """Everything is shared by the whole process."""
        self._settings, self._core, self._database, self._dialogue, self._ears = settings, core, database, dialogue, ears
        self._reminders = {each.template_id for group in remind.groups(settings) for each in group.reminders}

    async def answer(self, work: Work) -> str:
        """The text for the citizen; empty when there is nothing to say."""
        message = work.message
        match message.kind:
            case Kind.TEXT:
                return await self._text(work, message.get("Content"))
            case Kind.VOICE:
                return await self._voice(work)
            case Kind.IMAGE:
                return await self._picture(work)
            case Kind.LOCATION:
                return await self._location(work)
            case Kind.LINK:
                parts = (message.get("Title"), message.get("Description"), message.get("Url"))
                return await self._text(work, "\n".join(part for part in parts if part))
            case Kind.EVENT:
                return await self._event(work)
            case Kind.VIDEO:
                return _("视频暂时收不了。您可以发几张照片，或者用文字说一说是什么事、在什么地方。")
            case _:
                return self._cannot_read()

    async def _text(self, work: Work, text: str, *, data: dict[str, Any] | None = None) -> str:
        if not text:
            return self._cannot_read()
        async with self._database.transaction() as session:
            conversation = await self._conversation(session, work.message)
            own = await affairs.answer(self._core, session, conversation, text, key=_key(work), by="wechat")
            if own is not None:
                return own
            text = await chosen(session, conversation, text)
        turn = await self._dialogue.turn(conversation.id, text, external_id=_key(work), data=data)
        said = in_words(turn)
        return f"{said}\n\n{await self._offer(work)}".rstrip() if turn.ticket is not None else said

    async def _offer(self, work: Work) -> str:
        """After a ticket was made: the way to the page that asks for a 订阅通知, unless one is left; empty where there are none."""
        if not self._reminders:
            return ""
        async with self._database.transaction() as session:
            citizen = await by_openid(self._core, session, work.message.openid)
            left = await subscriptions.left(session, citizen.id)
        if any(left[template] for template in self._reminders):
            return ""
        return _("想在微信里收到进展提醒，请点这里同意：{address}").format(address=self._settings.web_url + REMIND)

    async def _voice(self, work: Work) -> str:
        try:
            heard = await self._ears.listen(work.message.get("MediaId"))
        except NotHeard as error:
            log.warning("voice message not understood", reason=str(error))
            return _("这条语音暂时听不了。请您用文字再说一遍，或拨打{line}。").format(line=self._core.line)
        async with self._database.transaction() as session:
            conversation = await self._conversation(session, work.message)
            kept = await keep(self._core, self._settings, session, conversation, heard.audio, _("语音消息"))
        if not heard.text:
            return _("这条语音没有听清。请您在安静一点的地方再说一遍，或者用文字告诉我们。")
        answer = await self._text(work, heard.text, data={"attachments": [str(kept)], "transcriber": heard.transcriber})
        return _("听到您说：“{text}”").format(text=heard.text) + ("\n\n" + answer if answer else "")

    async def _picture(self, work: Work) -> str:
        """Promise the picture; `delivery` fetches it from the outbox, so a crash does not lose it."""
        media_id = work.message.get("MediaId")
        if not media_id or not self._ears.can_fetch:
            return _("这张照片没能取到。请用文字说一说是什么事、在什么地方。")
        async with self._database.transaction() as session:
            conversation = await self._conversation(session, work.message)
            citizen = await by_openid(self._core, session, work.message.openid)
            await outbox.enqueue_picture(self._core, session, citizen.id, conversation.id, media_id, dedupe=f"wechat:picture:{work.id}")
            owner, draft = conversation.owner, conversation.draft
            asked = await affairs.waiting_for_citizen(session, citizen.id) if not draft else None
        if owner == Owner.HUMAN.value:
            return ""
        if draft:
            return _("照片收到，会和您的诉求放在一起。请接着说。")
        if asked is not None:
            return _("照片收到，已放进工单{number}。补充完了请回复“补充”和一句说明。").format(number=asked.number)
        return _("照片收到。请说一说是什么事、在什么地方，我们一并登记。")

    async def _location(self, work: Work) -> str:
        """A place: the form's address when a form is open, else a reason to ask what happened there."""
        message = work.message
        label = message.get("Label") or message.get("Poiname")
        place = {"label": label, "latitude": _number(message.get("Location_X")), "longitude": _number(message.get("Location_Y"))}
        async with self._database.transaction() as session:
            conversation = await self._conversation(session, message)
            draft = load_draft(self._core, conversation)
            if draft is None or not label:
                shown = _("[位置] {label}").format(label=label or _("地图上的点"))
                await add_message(
                    self._core, session, conversation, Author.CITIZEN, shown, external_id=_key(work), data={"location": place}
                )
        if conversation.owner != Owner.BOT.value and draft is None:
            return ""
        if not label:
            return _("位置收到，但没有地名。请您再用文字写一下地址，例如路名和小区名。")
        if draft is None:
            return _("位置收到：{label}。请说一说在这里发生了什么事。").format(label=label)
        said = label if draft.asking is Slot.WHERE else _("地址是{label}").format(label=label)
        return await self._text(work, said, data={"location": place})

    async def _event(self, work: Work) -> str:
        message = work.message
        if message.event in GREETING_EVENTS or scenes.of(message):
            async with self._database.transaction() as session:
                conversation = await self._conversation(session, message)
                place = await scenes.remember(self._core, session, conversation, message, work.id)
                urgent = await announcement(self._core, session)
            return urgent + self._greeting() + (_("\n您扫的是“{place}”的二维码，提交的诉求会注明。").format(place=place) if place else "")
        if message.event == "click":
            says = menu.load().says.get(message.get("EventKey"))
            return await self._text(work, says) if says else self._greeting()
        if message.event in reports.EVENTS:
            async with self._database.transaction() as session:
                await reports.take(self._core, session, message, work.id)
        return ""  # unsubscribe, VIEW, what was reported: nothing is to be said

    async def _conversation(self, session: AsyncSession, message: Incoming) -> Conversation:
        citizen = await by_openid(self._core, session, message.openid)
        return await open_conversation(self._core, session, channel="wechat", party=message.openid, citizen_id=citizen.id)

    def _greeting(self) -> str:
        return _(
            "您好，这里是{city}{line}热线。您可以直接说要问的事，或者要反映的问题，我来解答和登记。\n"
            "回复“我的工单”查进度，回复“转人工”找人工客服。\n"
            "对话内容会保存，只用于办理您的诉求。"
        ).format(city=self._settings.city_name, line=self._core.line)

    def _cannot_read(self) -> str:
        return _("这种消息暂时看不了。请用文字、语音、照片或位置告诉我们，或拨打{line}。").format(line=self._core.line)


def _key(work: Work) -> str:
    return f"wechat:{work.id}"


def _number(text: str) -> float | None:
    """A finite number; `nan` and `inf`, which JSON and the database do not take, count as none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
