"""The whole answer to a caller who heard only the short one: sent by WeChat where the citizen is known there, else by text message.

A text message carries the short answer and the address of the article; WeChat the whole of it as far as one message holds. Both go through
the outbox in the transaction of the turn, once per article and conversation.
"""

from __future__ import annotations

import re

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot.wording import Say
from hotline.events import enqueue
from hotline.i18n import _
from knowledge.article.models import Article
from knowledge.article.text import render
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.notice.service import OUTBOX_KINDS, is_mobile

MOST_IN_WECHAT = 600
MOST_IN_SMS = 180
MOST = 5
"""Messages that one conversation may ask for."""
_WISH = re.compile(r"(?:发|传|推)(?:到|给|个|一份|一下|条)*(?:我|手机|短信|微信)|(?:全文|短信|文字版)(?:发|给)")


async def way(core: Core, session: AsyncSession, conversation: Conversation) -> str | None:
    """By WeChat or by SMS: how the whole answer can reach this caller; None: there is no way, or the channel shows it anyway."""
    if conversation.channel != "phone" or conversation.citizen_id is None:
        return None
    citizen = await session.get_one(Citizen, conversation.citizen_id)
    if citizen.openid_sealed:
        return "wechat"
    return "sms" if is_mobile(core, citizen) else None


def offer(by: str) -> str:
    """The question whether to send it."""
    return _("要不要把全文发到您的微信？") if by == "wechat" else _("要不要把全文发到您的短信？")


def wished(text: str) -> bool:
    """Whether the caller asks for it by himself."""
    return bool(_WISH.search(text))


async def send(core: Core, session: AsyncSession, conversation: Conversation, article: Article, by: str) -> Say:
    """Hand the text to the outbox; a repeat sends nothing more."""
    link = f"{{site}}/guide/{article.slug}"
    if by == "wechat":
        whole = render(article)
        text = whole if len(whole) <= MOST_IN_WECHAT else f"{whole[:MOST_IN_WECHAT]}…\n" + _("全文：{link}").format(link=link)
    else:
        text = _("{title}：{short}全文：{link}").format(title=article.title, short=article.spoken[:MOST_IN_SMS], link=link)
    await enqueue(
        session,
        at=core.clock.now(),
        channel=by,
        kind=OUTBOX_KINDS[by],
        recipient=str(conversation.citizen_id),
        payload={"text_sealed": core.vault.seal(text).decode(), "at_once": True},
        dedupe_key=f"fulltext:{conversation.id}:{article.id}:{article.version}",
    )
    where = _("微信") if by == "wechat" else _("手机短信")
    return Say(_("好的，全文会发到您的{where}，请注意查收。还有别的问题吗？").format(where=where), article=(article.id, article.version))
