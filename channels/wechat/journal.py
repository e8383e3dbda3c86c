"""The journal of pushes: stored before anything answers, worked on by one process at a time, answered once.

Two columns of `InboundMessage` carry the promise. `leased_until`: a process works on it until then; if the process dies,
another one takes over afterwards. `promised_at`: the citizen was told «received», so whoever finishes the work puts the
answer into the outbox, in the same transaction. Every function here is one transaction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat import outbox
from channels.wechat.envelope import Forged, Push
from channels.wechat.incoming import Incoming, read
from channels.wechat.models import WechatSignature
from channels.wechat.signature import MAX_AGE, Signed
from hotline.database import Database
from hotline.i18n import _
from ticketing.citizen.service import by_openid
from ticketing.context import Core
from ticketing.conversation.models import InboundMessage

CHANNEL = "wechat"
LEASE = timedelta(seconds=12)
"""How long a dead process keeps a message. A living one renews the lease every `LEASE` / 3."""
MAX_ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=4)
"""Before the second try; doubled each time."""
MAX_CRASHES = 8
"""After so many tries that ended with the process the message itself is taken for the cause."""
RECEIVED, ANSWERED, FAILED = "received", "answered", "failed"


@dataclass(frozen=True)
class Entry:
    """One message of the journal, leased to this process or not."""

    id: int
    ours: bool
    """Whether this process has to do the work."""


@dataclass(frozen=True)
class Work:
    """A message to be worked on."""

    id: int
    message: Incoming


class Journal:
    """Access to the journal."""

    def __init__(self, core: Core, database: Database, *, site: str = "") -> None:
        """`core` gives the clock and the vault: what citizens wrote is sealed here. `site` is the portal's address."""
        self._site = site
        self._core, self._database = core, database

    async def remember(self, signed: Signed, body: str) -> None:
        """Bind a signature to what came with it, when nothing else of it is stored.

        Raises `Forged` when the same signature came before with something else.
        """
        async with self._database.transaction() as session:
            await self._remember(session, signed, self._core.vault.fingerprint(body, "wechat-body"))

    async def store(self, signed: Signed, push: Push) -> Entry:
        """Store a push and lease it, or find it as already known.

        Raises `Forged` when the same signature came before with another message.
        """
        now = self._core.clock.now()
        message, vault = push.message, self._core.vault
        body_hash = vault.fingerprint(push.xml, "wechat-body")
        async with self._database.transaction() as session:
            await self._remember(session, signed, body_hash)
            identity = {
                "channel": CHANNEL,
                "external_id": f"{self.party(message)}:{vault.fingerprint(message.identity, 'wechat-message')[:32]}",
            }
            statement = insert(InboundMessage).values(
                **identity,
                body_sealed=vault.seal(push.xml),
                body_hash=body_hash,
                received_at=now,
                state=RECEIVED,
                attempts=1,
                leased_until=now + LEASE,
            )
            made = await session.scalar(statement.on_conflict_do_nothing().returning(InboundMessage.id))
            if made is not None:
                return Entry(made, ours=True)
            known = await session.scalars(select(InboundMessage.id).filter_by(**identity))
            return Entry(known.one(), ours=False)

    async def _remember(self, session: AsyncSession, signed: Signed, body_hash: str) -> None:
        key = self._signature_hash(signed)
        values = {"signature_hash": key, "body_hash": body_hash, "seen_at": self._core.clock.now()}
        await session.execute(insert(WechatSignature).values(**values).on_conflict_do_nothing())
        if await session.scalar(select(WechatSignature.body_hash).where(WechatSignature.signature_hash == key)) != body_hash:
            raise Forged("this signature belongs to another message")

    def _signature_hash(self, signed: Signed) -> str:
        # the signature alone: several ways to write timestamp and nonce share one, and all of them are the same proof
        return self._core.vault.fingerprint(signed.signature, "wechat-signature")

    def party(self, message: Incoming) -> str:
        """Keyed hash of the sender: first part of the journal's external id."""
        return self._core.vault.fingerprint(message.openid, "openid")[:32]

    async def has_earlier(self, entry_id: int, message: Incoming) -> bool:
        """Whether an earlier message of the same citizen is being worked on: they are answered in the order they came."""
        now = self._core.clock.now()
        statement = select(InboundMessage.id).where(
            InboundMessage.channel == CHANNEL,
            InboundMessage.state == RECEIVED,
            InboundMessage.id < entry_id,
            InboundMessage.leased_until > now,
            InboundMessage.last_error.is_(None),  # one that failed waits for its next try; nobody waits for it
            func.starts_with(InboundMessage.external_id, self.party(message)),
        )
        async with self._database.transaction() as session:
            return (await session.scalars(statement.limit(1))).first() is not None

    async def renew(self, entry_id: int) -> None:
        """Go on holding the lease."""
        values = {"leased_until": self._core.clock.now() + LEASE}
        async with self._database.transaction() as session:
            await session.execute(
                update(InboundMessage).where(InboundMessage.id == entry_id, InboundMessage.state == RECEIVED).values(values)
            )

    async def settle(self, work: Work, answer: str) -> str:
        """The work is done: keep the answer, and send it on its own if that was promised. Returns what to say now.

        Texts that could not be delivered before are added to the answer, since the citizen is listening again.
        """
        async with self._database.transaction() as session:
            row = await self._locked(session, work.id)
            if row.state != RECEIVED:  # another process was faster after our lease had run out
                return self._answer_of(row)
            if answer:
                citizen = await by_openid(self._core, session, work.message.openid)
                answer = await outbox.with_missed(self._core, session, citizen.id, answer, site=self._site)
                if row.promised_at is not None:
                    await outbox.enqueue_text(self._core, session, citizen.id, answer, dedupe=_late_key(work.id))
            self._close(row, ANSWERED, answer)
        return answer

    async def stumble(self, work: Work, error: BaseException) -> None:
        """The work failed: let it be tried again later, or say so after the last try. The citizen is promised an answer."""
        async with self._database.transaction() as session:
            row = await self._locked(session, work.id)
            if row.state != RECEIVED:
                return
            row.last_error = type(error).__name__
            row.leased_until = self._core.clock.now() + FIRST_PAUSE * 2 ** (row.attempts - 1)
            row.promised_at = row.promised_at or self._core.clock.now()
            if row.attempts >= MAX_ATTEMPTS:
                await self._give_up(session, row, work.message)

    async def _give_up(self, session: AsyncSession, row: InboundMessage, message: Incoming) -> None:
        citizen = await by_openid(self._core, session, message.openid)
        apology = _("抱歉，系统没能处理您刚才的消息。请您再发一次，或拨打{line}。").format(line=self._core.line)
        self._close(row, FAILED, apology)
        await outbox.enqueue_text(self._core, session, citizen.id, apology, dedupe=_late_key(row.id))

    async def is_open(self, entry_id: int) -> bool:
        """Whether the work on it still goes on, in whatever process."""
        async with self._database.transaction() as session:
            return await session.scalar(select(InboundMessage.state).where(InboundMessage.id == entry_id)) == RECEIVED

    async def promise(self, entry_id: int) -> str | None:
        """The stored answer; None when there is none yet: then it is promised, and goes out on its own when it comes.

        Empty when there is nothing to say, or when the answer went out on its own already.
        """
        async with self._database.transaction() as session:
            row = await self._locked(session, entry_id)
            if row.state == RECEIVED:
                row.promised_at = row.promised_at or self._core.clock.now()
                return None
            text = self._answer_of(row)
            if row.promised_at is not None and text and not await outbox.withdraw(self._core, session, _late_key(row.id)):
                return ""
            return text

    async def abandoned(self, limit: int = 20) -> list[Work]:
        """Lease messages whose process died or failed. Their answers go out on their own."""
        now = self._core.clock.now()
        free: ColumnElement[bool] = or_(InboundMessage.leased_until.is_(None), InboundMessage.leased_until <= now)
        statement = select(InboundMessage).where(InboundMessage.channel == CHANNEL, InboundMessage.state == RECEIVED, free)
        found: list[Work] = []
        async with self._database.transaction() as session:
            rows = await session.scalars(statement.order_by(InboundMessage.id).limit(limit).with_for_update(skip_locked=True))
            for row in rows:
                message = read(self._core.vault.open(row.body_sealed))
                row.promised_at = row.promised_at or now
                if row.attempts >= MAX_CRASHES:
                    await self._give_up(session, row, message)
                    continue
                row.leased_until, row.attempts, row.last_error = now + LEASE, row.attempts + 1, None
                found.append(Work(row.id, message))
        return found

    async def forget_signatures(self) -> None:
        """Drop signatures that would be refused for their age anyway."""
        before = self._core.clock.now() - 3 * MAX_AGE
        async with self._database.transaction() as session:
            await session.execute(delete(WechatSignature).where(WechatSignature.seen_at < before))

    async def _locked(self, session: AsyncSession, entry_id: int) -> InboundMessage:
        return (await session.scalars(select(InboundMessage).where(InboundMessage.id == entry_id).with_for_update())).one()

    def _close(self, row: InboundMessage, state: str, answer: str) -> None:
        row.state, row.answered_at, row.leased_until = state, self._core.clock.now(), None
        row.answer = self._core.vault.seal(answer).decode() if answer else None  # it may name a ticket and its query code

    def _answer_of(self, row: InboundMessage) -> str:
        return self._core.vault.open(row.answer.encode()) if row.answer else ""


def _late_key(entry_id: int) -> str:
    return f"wechat:late:{entry_id}"
