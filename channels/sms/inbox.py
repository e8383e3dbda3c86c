"""Text messages from citizens: stored once, answered by the scheduler, in the order in which each citizen wrote.

The number is told by the carrier through the provider, so it proves who writes as a call does. A message is 退订 or 恢复,
words about own tickets (`channels.affairs`), or a turn of the dialogue; the answer goes out through the outbox.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from channels import affairs
from channels.sms import replies
from channels.sms.pushes import Received
from channels.turns import chosen, in_words
from hotline import logs
from hotline.errors import HotlineError, Unavailable
from hotline.i18n import _
from ticketing.citizen.service import by_caller
from ticketing.conversation.models import Author, Conversation, InboundMessage
from ticketing.conversation.service import add_message, open_conversation
from ticketing.notice import preferences

if TYPE_CHECKING:
    from channels.wechat.channel import Services

log = logs.get(__name__)
CHANNEL = "sms"
LEASE = timedelta(seconds=60)
FIRST_PAUSE = timedelta(seconds=10)
MAX_ATTEMPTS = 5
RECEIVED, ANSWERED, FAILED = "received", "answered", "failed"


@dataclass(frozen=True)
class _Work:
    id: int
    phone: str
    text: str
    attempts: int


class Inbox:
    """One per process."""

    def __init__(self, services: Services) -> None:
        """Connects to nothing yet."""
        self._core, self._database, self._services = services.core, services.database, services

    async def store(self, session: AsyncSession, received: Received) -> bool:
        """Keep a message, sealed; False when it came before."""
        vault, now = self._core.vault, self._core.clock.now()
        body = json.dumps({"phone": received.phone, "text": received.text}, ensure_ascii=False)
        values = {
            "channel": CHANNEL,
            "external_id": f"{_party(vault.fingerprint(received.phone, 'phone'))}:{received.id}",
            "body_sealed": vault.seal(body),
            "body_hash": vault.fingerprint(body, "sms-body"),
            "received_at": now,
            "state": RECEIVED,
            "attempts": 0,
        }
        statement = insert(InboundMessage).values(**values).on_conflict_do_nothing().returning(InboundMessage.id)
        return await session.scalar(statement) is not None

    async def work_off(self, limit: int = 50) -> int:
        """Answer what waits; returns how many messages were handled."""
        count = 0
        while count < limit and (work := await self._take()) is not None:
            count += 1
            try:
                await self._answer(work)
            except Unavailable:
                raise
            except Exception as error:
                log.warning(
                    "text message failed", inbound=work.id, error=type(error).__name__, exc_info=not isinstance(error, HotlineError)
                )
                await self._stumble(work, error)
        return count

    async def _take(self) -> _Work | None:
        """The oldest message that is due and has no earlier one of the same citizen before it."""
        now, earlier = self._core.clock.now(), aliased(InboundMessage)
        before = select(earlier.id).where(
            earlier.channel == CHANNEL,
            earlier.state == RECEIVED,
            earlier.id < InboundMessage.id,
            earlier.last_error.is_(None),
            # the part of the key before the colon is the citizen
            func.left(earlier.external_id, 33) == func.left(InboundMessage.external_id, 33),
        )
        statement = (
            select(InboundMessage)
            .where(
                InboundMessage.channel == CHANNEL,
                InboundMessage.state == RECEIVED,
                or_(InboundMessage.leased_until.is_(None), InboundMessage.leased_until <= now),
                ~before.exists(),
            )
            .order_by(InboundMessage.id)
            .limit(1)
            .with_for_update(skip_locked=True, of=InboundMessage)
        )
        async with self._database.transaction() as session:
            row = (await session.scalars(statement)).first()
            if row is None:
                return None
            row.leased_until, row.attempts = now + LEASE, row.attempts + 1
            held = json.loads(self._core.vault.open(row.body_sealed))
            return _Work(row.id, held["phone"], held["text"], row.attempts)

    async def _answer(self, work: _Work) -> None:
        key = f"sms:{work.id}"
        async with self._database.transaction() as session:
            citizen = await by_caller(self._core, session, work.phone)
            conversation = await open_conversation(self._core, session, channel=CHANNEL, party=work.phone, citizen_id=citizen.id)
            said = await self._own(session, conversation, citizen.id, work.text, key)
            text = await chosen(session, conversation, work.text)
        if said is None:
            said = in_words(await self._services.dialogue.turn(conversation.id, text, external_id=key))
        await self._settle(work, conversation.id, citizen.id, said)

    async def _own(self, session: AsyncSession, conversation: Conversation, citizen_id: int, text: str, key: str) -> str | None:
        word = text.strip(" 。.!！").upper()
        if word in preferences.OPT_OUT or word in preferences.OPT_IN:
            out = word in preferences.OPT_OUT
            await preferences.opt(self._core, session, citizen_id, out=out)
            await add_message(self._core, session, conversation, Author.CITIZEN, text, external_id=key)
            return replies.opted(self._core, out=out)
        return await affairs.answer(self._core, session, conversation, text, key=key, by="link")

    async def _settle(self, work: _Work, conversation_id: UUID, citizen_id: int, said: str) -> None:
        """Done: keep the answer and hand it to the outbox, once, in one transaction."""
        now = self._core.clock.now()
        async with self._database.transaction() as session:
            row = await session.get_one(InboundMessage, work.id, with_for_update=True)
            if row.state != RECEIVED:
                return
            row.state, row.answered_at, row.leased_until, row.conversation_id = ANSWERED, now, None, conversation_id
            if said:
                row.answer = self._core.vault.seal(said).decode()
                await replies.enqueue_reply(self._core, session, citizen_id, replies.fit(said), dedupe=f"sms:reply:{work.id}")

    async def _stumble(self, work: _Work, error: Exception) -> None:
        now = self._core.clock.now()
        async with self._database.transaction() as session:
            row = await session.get_one(InboundMessage, work.id, with_for_update=True)
            if row.state != RECEIVED:
                return
            row.last_error, row.leased_until = type(error).__name__, now + FIRST_PAUSE * 2 ** (work.attempts - 1)
            if work.attempts < MAX_ATTEMPTS:
                return
            row.state, row.answered_at = FAILED, now
            citizen = await by_caller(self._core, session, work.phone)
            apology = _("抱歉，系统没能处理您刚才的短信。请您再发一次，或拨打{line}。").format(line=self._core.line)
            await replies.enqueue_reply(self._core, session, citizen.id, apology, dedupe=f"sms:reply:{work.id}")


def _party(fingerprint: str) -> str:
    return fingerprint[:32]
