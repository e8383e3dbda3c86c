"""The channel's messages in the outbox: put in by whoever has something to say, sent by `delivery`.

The recipient is a citizen's number in our database and the text is sealed: an outbox row tells nobody who was told what.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import PARKED, SENT, WAITING
from channels.wechat.replies import MAX_BYTES, clean
from hotline.errors import IllegalStep, InvalidInput
from hotline.events import Outbox, enqueue
from hotline.i18n import _
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.notice.deliveries import follow
from ticketing.notice.templates import put_address

CHANNEL = "wechat"
_MISSED_FOR = timedelta(days=7)


class Task(StrEnum):
    """What a row asks for."""

    TEXT = "text"
    """Send a text."""
    RATING = "rating"
    """Ask 非常满意/满意/不满意 with buttons (msgmenu)."""
    PICTURE = "picture"
    """Fetch a picture of the citizen from the platform, which keeps it three days."""


async def enqueue_text(core: Core, session: AsyncSession, citizen_id: int, text: str, *, dedupe: str) -> None:
    """Tell a citizen something, once per `dedupe`."""
    await _enqueue(core, session, Task.TEXT, citizen_id, {"text_sealed": core.vault.seal(text).decode()}, dedupe)


async def enqueue_picture(core: Core, session: AsyncSession, citizen_id: int, conversation_id: UUID, media_id: str, *, dedupe: str) -> None:
    """Have a picture fetched and kept with the conversation."""
    payload = {"media_sealed": core.vault.seal(media_id).decode(), "conversation": str(conversation_id)}
    await _enqueue(core, session, Task.PICTURE, citizen_id, payload, dedupe)


async def queue_agent_reply(core: Core, session: AsyncSession, conversation: Conversation, text: str) -> None:
    """An agent's answer to a WeChat conversation, in the transaction that stores it as a message.

    Raises `IllegalStep` when the conversation is not one of WeChat, `InvalidInput` when the text is longer than the platform
    takes: what a person wrote is never cut.
    """
    if len(clean(text).encode()) > MAX_BYTES:
        raise InvalidInput(_("微信一次最多发约680个字，请分成几条发送"), field="text")
    await enqueue_text(core, session, _citizen_of(conversation), text, dedupe=f"wechat:agent:{uuid4()}")


async def queue_rating(core: Core, session: AsyncSession, conversation: Conversation, question: str, key: str) -> None:
    """Ask how satisfied the citizen is, once per `key` (ticket and round). The words come back as an ordinary message."""
    payload = {"text_sealed": core.vault.seal(question).decode()}
    await _enqueue(core, session, Task.RATING, _citizen_of(conversation), payload, f"wechat:rating:{key}")


def _citizen_of(conversation: Conversation) -> int:
    if conversation.channel != CHANNEL or conversation.citizen_id is None:
        raise IllegalStep(_("这不是微信会话，不能用微信回复"))
    return conversation.citizen_id


async def _enqueue(core: Core, session: AsyncSession, task: Task, citizen_id: int, payload: dict[str, Any], dedupe: str) -> None:
    await enqueue(
        session, at=core.clock.now(), channel=CHANNEL, kind=task.value, recipient=str(citizen_id), payload=payload, dedupe_key=dedupe
    )


async def withdraw(core: Core, session: AsyncSession, dedupe: str) -> bool:
    """Take back a text that was not sent yet, because it is given in another way. False: it is sent, or being sent."""
    statement = select(Outbox).where(Outbox.dedupe_key == dedupe).with_for_update(skip_locked=True)
    row = (await session.scalars(statement)).first()
    if row is None or row.state == SENT:
        return False
    if row.state == WAITING and row.leased_until is not None and row.leased_until > core.clock.now():
        return False
    _done_otherwise(core, row)
    return True


async def with_missed(core: Core, session: AsyncSession, citizen_id: int, answer: str, *, site: str = "") -> str:
    """`answer` and those texts that could not be delivered lately: the window was shut, or nobody knows whether they came."""
    statement = (
        select(Outbox)
        .where(
            Outbox.channel == CHANNEL,
            Outbox.kind == Task.TEXT.value,
            Outbox.state == PARKED,
            Outbox.recipient == str(citizen_id),
            Outbox.created_at > core.clock.now() - _MISSED_FOR,
        )
        .order_by(Outbox.id)
        .with_for_update(skip_locked=True)
    )
    for row in await session.scalars(statement):
        longer = "\n\n".join(part for part in (answer, _("（此前可能没有送达您的消息）"), put_address(text_of(core, row), site)) if part)
        if len(longer.encode()) > MAX_BYTES:
            break
        answer = longer
        _done_otherwise(core, row)
        await follow(core, session, row)
    return answer


def text_of(core: Core, row: Outbox) -> str:
    """What the row says, in clear."""
    return core.vault.open(str(row.payload["text_sealed"]).encode())


def _done_otherwise(core: Core, row: Outbox) -> None:
    row.state, row.sent_at, row.last_error = SENT, core.clock.now(), "given with a passive reply"
