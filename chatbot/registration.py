"""From a filled form to a ticket: once per draft, with the citizen's private answers sealed while they wait."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.draft import Draft, Slot
from chatbot.places import gazetteer
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import running
from ticketing.people.actor import BOT
from ticketing.suggestion import service as suggestion
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import MAX_CONTENT, MAX_LENGTHS, Appeal, Registered, register
from ticketing.ticket.states import Channel, Kind, TicketState, Urgency

SURE_OF_CATEGORY = 0.4
"""From here on nine of ten categories are right; a doubtful one is left to the dispatcher, who sees the proposals."""
_PRIVATE = (Slot.NAME, Slot.PHONE)


def load_draft(core: Core, conversation: Conversation) -> Draft | None:
    """The open form of a conversation, or None."""
    if not conversation.draft:
        return None
    draft = Draft.loaded(conversation.draft["form"])
    private = json.loads(core.vault.open(conversation.draft["sealed"].encode()))
    return replace(draft, values={slot: private.get(slot.value, value) for slot, value in draft.values.items()}, phone_part=private["part"])


def save_draft(core: Core, conversation: Conversation, draft: Draft | None) -> None:
    """Keep the form in the conversation; name and number are sealed."""
    if draft is None:
        conversation.draft = None
        return
    private = {slot.value: draft.values[slot] for slot in _PRIVATE if slot in draft.values} | {"part": draft.phone_part}
    shown = replace(draft, values={slot: "" if slot in _PRIVATE else value for slot, value in draft.values.items()}, phone_part="")
    conversation.draft = {"form": shown.stored(), "sealed": core.vault.seal(json.dumps(private)).decode()}


async def register_draft(
    core: Core, session: AsyncSession, conversation: Conversation, draft: Draft, *, unfinished: bool = False
) -> Registered | None:
    """Register the appeal and close the form. Returns None when this draft has its ticket already.

    The caller holds the conversation's row lock, so that two at once cannot both register.
    """
    save_draft(core, conversation, None)
    done = select(Ticket.id).where(Ticket.conversation_id == conversation.id, Ticket.extra["draft"].astext == draft.id)
    if await session.scalar(done.limit(1)):
        return None
    return await register(core, session, BOT, await _appeal(core, session, conversation, draft, unfinished))


async def save_unfinished(core: Core, session: AsyncSession, conversation: Conversation) -> Registered | None:
    """The citizen is gone in the middle of the form: register what was said, so that nothing is lost.

    None when no form is open, nothing was said in it, or an agent made a ticket of the conversation meanwhile. Calling it twice
    registers once.
    """
    await session.refresh(conversation, with_for_update=True)
    draft = load_draft(core, conversation)
    if draft is None:
        return None
    said = draft.value(Slot.WHAT) or draft.value(Slot.WHERE)
    if not said or await registered_since(session, conversation, draft):
        save_draft(core, conversation, None)
        return None
    return await register_draft(core, session, conversation, draft, unfinished=True)


async def registered_since(session: AsyncSession, conversation: Conversation, draft: Draft) -> bool:
    """Whether a ticket was made of the conversation after the form was opened: the agent had what was said in it on the screen."""
    if not draft.begun:
        return False
    since = datetime.fromisoformat(draft.begun)
    made = select(Ticket.id).where(Ticket.conversation_id == conversation.id, Ticket.received_at >= since).limit(1)
    return await session.scalar(made) is not None


_PROMISED = {
    TicketState.REGISTERED: ClockKind.DISPATCH,
    TicketState.TO_DISPATCH: ClockKind.DISPATCH,
    TicketState.IN_PROGRESS: ClockKind.HANDLE,
    TicketState.REPLY_REVIEW: ClockKind.REVIEW,
}


async def promise(session: AsyncSession, ticket: Ticket) -> datetime | None:
    """The moment until which the citizen may expect the next step, or None when nothing is promised in this state."""
    kind = _PROMISED.get(TicketState(ticket.state))
    return next((clock.due_at for clock in await running(session, ticket.id) if kind and clock.kind == kind.value), None)


_KINDS = {"complaint": Kind.COMPLAINT, "consult": Kind.CONSULT, "feedback": Kind.SUGGESTION}


def kind_of(draft: Draft) -> Kind:
    """Type of the appeal, by what was wanted and by the citizen's own words."""
    said = draft.value(Slot.WHAT)
    if "举报" in said:
        return Kind.REPORT
    if any(word in said for word in ("表扬", "点赞", "锦旗", "感谢")):
        return Kind.PRAISE
    if "建议" in said:
        return Kind.SUGGESTION
    if "投诉" not in said and any(word in said for word in ("求助", "帮帮我", "救助", "帮忙")):
        return Kind.HELP
    return _KINDS.get(draft.kind, Kind.COMPLAINT)


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _contact_by(channel: str, *, reachable: bool) -> str:
    """How the result is told: whoever wrote a text message reads one."""
    if reachable:
        return "sms" if channel == Channel.SMS.value else "phone"
    return "wechat" if channel == Channel.WECHAT.value else "none"


async def _appeal(core: Core, session: AsyncSession, conversation: Conversation, draft: Draft, unfinished: bool) -> Appeal:
    what, where, phone = draft.value(Slot.WHAT), draft.value(Slot.WHERE), draft.value(Slot.PHONE)
    content = what or _("市民没有说明事项，只说了地点：{where}").format(where=where or _("未说"))
    if len(where) > MAX_LENGTHS["address"]:  # said in one long breath: the address is shortened, the words are kept
        content = _shorten(_("{content}\n地点：{where}").format(content=content, where=where), MAX_CONTENT)
    found = await suggestion.suggest(core, session, what, address=where, channel=conversation.channel)
    reachable = phone or (draft.caller_known and not draft.anonymous)
    extra: dict[str, object] = {"draft": draft.id}
    if conversation.scene:
        extra["scene"] = conversation.scene
    if unfinished:
        extra["unfinished"] = True
    if "保密" in what:
        extra["wishes_secrecy"] = True
    return Appeal(
        channel=Channel(conversation.channel),
        content=content,
        kind=kind_of(draft),
        category_code=found.category.code if found.category and found.category.confidence >= SURE_OF_CATEGORY else None,
        urgency=Urgency.EMERGENCY if draft.danger else found.urgency,
        occurred=_shorten(draft.occurred, MAX_LENGTHS["occurred"]),
        concerned=_shorten(draft.value(Slot.CONCERNED), MAX_LENGTHS["concerned"]),
        district=_shorten(gazetteer().districts_in(f"{where} {what}"), MAX_LENGTHS["district"]),
        address=_shorten(where, MAX_LENGTHS["address"]),
        name=_shorten(draft.value(Slot.NAME), MAX_LENGTHS["name"]),
        phone=phone,
        anonymous=draft.anonymous,
        contact_by=_contact_by(conversation.channel, reachable=bool(reachable)),
        citizen_id=None if draft.anonymous else conversation.citizen_id,
        conversation_id=conversation.id,
        extra=extra,
    )
