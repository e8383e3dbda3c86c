"""登记中 (state `draft`): a form that an agent has not finished. Saved, found again, dropped, or registered (T1).

A draft is nobody's appeal yet: it has no number, no clock and no place in any list or figure, so it is a row of its own and
not of `ticket`. Only whoever saved it sees it. The whole form is sealed, since it may hold name, telephone and ID number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may
from ticketing.secrecy import refuse_secret

MOST = 20
"""Drafts of one person; who needs more has to finish some."""
MAX_FIELDS, MAX_CHARACTERS = 40, 12_000


class TicketDraft(Base):
    """One unfinished form."""

    __tablename__ = "ticket_draft"
    __table_args__ = (Index("ix_ticket_draft_owner_id", "owner_id", "saved_at"), Index("ix_ticket_draft_saved_at", "saved_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    conversation_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    form_sealed: Mapped[bytes]
    """The fields of the form as JSON, under the master key."""
    saved_at: Mapped[datetime]


@dataclass(frozen=True)
class Draft:
    """An unfinished form, opened."""

    id: UUID
    conversation_id: UUID | None
    fields: dict[str, str]
    saved_at: datetime


async def save(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    fields: Mapping[str, str],
    *,
    draft_id: UUID | None = None,
    conversation_id: UUID | None = None,
) -> UUID:
    """Keep a form as it is, complete or not; `draft_id`: the draft that it was opened from, which is written over.

    Raises NotAllowed, InvalidInput (empty, too much), NotFound (somebody else's draft), SecretContent.
    """
    owner_id = _owner(actor)
    kept = {name: value for name, value in fields.items() if value.strip()}
    if not any(kept.get(name) for name in ("content", "title", "address", "name", "phone")):
        raise InvalidInput(_("还没有填内容，不用保存"), field="content")
    if len(kept) > MAX_FIELDS or sum(len(name) + len(value) for name, value in kept.items()) > MAX_CHARACTERS:
        raise InvalidInput(_("内容太长，请控制在{limit}字以内").format(limit=MAX_CHARACTERS), field="content")
    refuse_secret(core, *kept.values())
    row = await _own(session, owner_id, draft_id) if draft_id is not None else None
    if row is None:
        row = await _new(core, session, owner_id)
    row.conversation_id, row.saved_at = conversation_id, core.clock.now()
    row.form_sealed = core.vault.seal(json.dumps(kept, ensure_ascii=False))
    await session.flush()
    return row.id


async def _new(core: Core, session: AsyncSession, owner_id: int) -> TicketDraft:
    count = await session.scalar(select(func.count()).select_from(TicketDraft).where(TicketDraft.owner_id == owner_id))
    if int(count or 0) >= MOST:
        raise InvalidInput(_("已有{n}份没有填完的登记，请先处理或删除").format(n=MOST), field="content")
    row = TicketDraft(id=uuid4(), owner_id=owner_id, form_sealed=b"", saved_at=core.clock.now())
    session.add(row)
    return row


async def mine(core: Core, session: AsyncSession, actor: Actor) -> list[Draft]:
    """One's own drafts, the newest first."""
    rows = select(TicketDraft).where(TicketDraft.owner_id == _owner(actor)).order_by(TicketDraft.saved_at.desc(), TicketDraft.id)
    return [_opened(core, row) for row in await session.scalars(rows)]


async def access_draft(core: Core, session: AsyncSession, actor: Actor, draft_id: UUID) -> Draft:
    """One of one's own drafts. Raises NotFound for anybody else's."""
    return _opened(core, await _own(session, _owner(actor), draft_id))


async def of_conversation(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID) -> Draft | None:
    """One's own newest draft out of this call or chat, or None."""
    found = select(TicketDraft).where(TicketDraft.owner_id == _owner(actor), TicketDraft.conversation_id == conversation_id)
    row = (await session.scalars(found.order_by(TicketDraft.saved_at.desc()).limit(1))).first()
    return _opened(core, row) if row is not None else None


async def one_at_a_time(session: AsyncSession, actor: Actor, conversation_id: UUID) -> None:
    """Until the transaction ends, nobody else saves the draft of this person and conversation: two savings at once make one draft."""
    key = func.hashtextextended(f"draft:{_owner(actor)}:{conversation_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def drop_of_conversation(session: AsyncSession, actor: Actor, conversation_id: UUID) -> None:
    """Throw away one's own drafts out of this call or chat: it has been registered."""
    mine = (TicketDraft.owner_id == _owner(actor)) & (TicketDraft.conversation_id == conversation_id)
    await session.execute(delete(TicketDraft).where(mine))


async def drop(session: AsyncSession, actor: Actor, draft_id: UUID) -> None:
    """Throw it away: it was not needed, or it has just been registered. Dropping twice is as dropping once. Raises NotAllowed."""
    await session.execute(delete(TicketDraft).where(TicketDraft.id == draft_id, TicketDraft.owner_id == _owner(actor)))


async def _own(session: AsyncSession, owner_id: int, draft_id: UUID) -> TicketDraft:
    statement = select(TicketDraft).where(TicketDraft.id == draft_id, TicketDraft.owner_id == owner_id).with_for_update()
    row = (await session.scalars(statement)).one_or_none()
    if row is None:
        raise NotFound(_("没有找到这份没有填完的登记"))
    return row


def _opened(core: Core, row: TicketDraft) -> Draft:
    fields: dict[str, str] = json.loads(core.vault.open(row.form_sealed))
    return Draft(row.id, row.conversation_id, fields, row.saved_at)


def _owner(actor: Actor) -> int:
    if actor.user_id is None or not may(actor, "ticket.register"):
        raise NotAllowed(_("你的岗位不能登记工单"))
    return actor.user_id
