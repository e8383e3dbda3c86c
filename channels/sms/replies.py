"""Answers by text message: what they look like, and their way into the outbox."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.events import enqueue
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Conversation

MAX_TEXT = 300
"""Characters of one answer. Carriers split at 67 and count each part; providers take up to 500 with the signature."""


def fit(text: str) -> str:
    """The answer in one message: without markup's empty lines, cut at a line or sentence where that is near."""
    plain = "\n".join(line.strip() for line in text.splitlines() if line.strip())
    if len(plain) <= MAX_TEXT:
        return plain
    more = _("…（回复“转人工”或拨打热线了解更多）")
    cut = plain[: MAX_TEXT - len(more)]
    end = max(cut.rfind("。"), cut.rfind("\n"), cut.rfind("；"))
    return cut[: end + 1].rstrip() + more if end > len(cut) // 2 else cut + more


def opted(core: Core, *, out: bool) -> str:
    """What is answered to 退订 and 恢复."""
    if out:
        return _("已退订。今后只发受理、补正、答复等法定告知；进度请拨打{line}查询。回复“恢复”可重新接收。").format(line=core.line)
    return _("已恢复短信通知。回复“退订”可以退订。")


async def enqueue_reply(core: Core, session: AsyncSession, citizen_id: int, text: str, *, dedupe: str) -> None:
    """Hand an answer to the outbox: at any hour, since the citizen has just written."""
    payload = {"text_sealed": core.vault.seal(text).decode(), "template": "reply"}
    await enqueue(session, at=core.clock.now(), channel="sms", kind="reply", recipient=str(citizen_id), payload=payload, dedupe_key=dedupe)


async def queue_agent_reply(core: Core, session: AsyncSession, conversation: Conversation, text: str) -> None:
    """An agent's answer to a chat by SMS, in the transaction that stores it. Raises `InvalidInput`: a person's words are never cut."""
    if conversation.channel != "sms" or conversation.citizen_id is None:
        raise IllegalStep(_("这不是短信会话，不能用短信回复"))
    if len(text) > MAX_TEXT:
        raise InvalidInput(_("短信一次最多{n}个字，请分成几条发送"), field="text", n=MAX_TEXT)
    await enqueue_reply(core, session, conversation.citizen_id, text, dedupe=f"sms:agent:{uuid4()}")
