"""承诺: what was promised to the citizen, by whom and by when; tracked like a ticket until it is kept or broken (A13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import may
from ticketing.supervision.models import Commitment
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell

LONGEST = timedelta(days=3 * 366)
REMIND_AT = 0.8
"""Share of the time after which whoever promised is reminded."""
PAGE = 50


WITHOUT = frozenset({TicketState.REJECTED.value, TicketState.MERGED.value, TicketState.WITHDRAWN.value, TicketState.INVALID.value})
"""States of tickets on which nobody promises anything: they were not handled, or their master is."""


async def promise(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, what: str, due_at: datetime, promised_by: str = ""
) -> Commitment:
    """Note a promise on a ticket. Of a unit's people it binds the unit, otherwise the centre.

    Also on a closed ticket: a promise often outlives it («the road is repaired in spring»). Raises InvalidInput per field, IllegalStep.
    """
    if not may(actor, "commitment.note"):
        raise NotAllowed(_("你的岗位不能登记承诺"))
    if ticket.state in WITHOUT:
        raise IllegalStep(_("这件工单没有办理，不能登记承诺"))
    now, errors = core.clock.now(), {}
    if not 5 <= len(what.strip()) <= 1000:
        errors["what"] = _("请写明承诺了什么，5到1000字")
    if not now < due_at <= now + LONGEST:
        errors["due_at"] = _("兑现日期要在今天以后，三年以内")
    if errors:
        raise InvalidInput(errors=errors)
    row = Commitment(
        ticket_id=ticket.id,
        unit_id=actor.unit_id if actor.role and actor.role.in_unit else None,
        promised_by=promised_by.strip()[:60] or actor.label,
        what=what.strip(),
        promised_at=now,
        remind_at=now + REMIND_AT * (due_at - now),
        due_at=due_at,
        state="open",
        noted_by_id=actor.user_id,
    )
    session.add(row)
    await session.flush()
    data = {"commitment": row.id, "unit": row.unit_id, "due": due_at.isoformat(), "note": row.what[:500]}
    await tell(core, session, actor, ticket, "commitment.made", data)
    return row


def may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Promises on tickets that the actor may see; in lists, unit people see their own unit's. For statements with Commitment and Ticket."""
    if not may(actor, "commitment.note"):
        return Commitment.id.is_(None)
    condition = visible(core, actor)
    return condition & (Commitment.unit_id == actor.unit_id) if actor.role and actor.role.in_unit else condition


async def access_commitment(core: Core, session: AsyncSession, actor: Actor, commitment_id: int) -> tuple[Commitment, Ticket]:
    """The promise and its ticket, both locked. Raises NotFound for what the actor may not see."""
    statement = select(Ticket).join(Commitment, Commitment.ticket_id == Ticket.id)
    statement = statement.where(Commitment.id == commitment_id, may_see(core, actor)).with_for_update(of=Ticket)
    ticket = (await session.scalars(statement)).first()
    if ticket is None:
        raise NotFound(_("没有找到这项承诺"))
    return (await session.scalars(select(Commitment).where(Commitment.id == commitment_id).with_for_update())).one(), ticket


async def decide(core: Core, session: AsyncSession, actor: Actor, commitment_id: int, *, kept: bool, proof: str) -> None:
    """Kept or broken, with proof. Who promised may say «kept»; «broken» (also of one said to be kept) is the supervisor's."""
    row, ticket = await access_commitment(core, session, actor, commitment_id)
    judging = may(actor, "commitment.judge")
    if row.state != "open" and not (judging and row.state == "kept" and not kept):
        raise IllegalStep(_("这项承诺已经有结果"))
    if not kept and not judging:
        raise NotAllowed(_("承诺没有兑现由督办认定"))
    if len(proof.strip()) < 5:
        raise InvalidInput(_("请写明依据，至少5个字：什么时候、由谁、怎么核实的"), field="proof")
    row.state, row.proof = ("kept" if kept else "broken"), proof.strip()[:2000]
    row.decided_at, row.decided_by_id = core.clock.now(), actor.user_id
    await session.flush()
    name = "commitment.kept" if kept else "commitment.broken"
    await tell(core, session, actor, ticket, name, {"commitment": row.id, "unit": row.unit_id, "note": row.proof[:500]})


@dataclass(frozen=True)
class CommitmentLine:
    """One line of the list."""

    commitment: Commitment
    number: str
    title: str
    unit: str
    overdue: bool


async def list_commitments(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    *,
    open_only: bool = True,
    beyond: tuple[datetime, int] | None = None,
    limit: int = PAGE,
) -> list[CommitmentLine]:
    """Open promises by due date; with `open_only` false all, newest first. `beyond`: due time and id of the last one of the page before."""
    now = core.clock.now()
    statement = (
        select(Commitment, Ticket.number, Ticket.title, Unit.name)
        .join(Ticket, Ticket.id == Commitment.ticket_id)
        .outerjoin(Unit, Unit.id == Commitment.unit_id)
        .where(may_see(core, actor))
    )
    if open_only:
        statement = statement.where(Commitment.state == "open").order_by(Commitment.due_at, Commitment.id)
    else:
        statement = statement.order_by(Commitment.id.desc())
    if beyond is not None:
        place = tuple_(Commitment.due_at, Commitment.id) > beyond if open_only else Commitment.id < beyond[1]
        statement = statement.where(place)
    rows = await session.execute(statement.limit(limit))
    return [CommitmentLine(row.Commitment, row.number, row.title, row.name or "", is_overdue(row.Commitment, now)) for row in rows]


def is_overdue(row: Commitment, now: datetime) -> bool:
    """Whether the promise is open past its moment."""
    return row.state == "open" and row.due_at <= now


async def of_ticket(session: AsyncSession, ticket_id: int) -> Sequence[Commitment]:
    """The promises on a ticket that came through its door."""
    return list(await session.scalars(select(Commitment).where(Commitment.ticket_id == ticket_id).order_by(Commitment.id)))


async def remind(core: Core, session: AsyncSession, *, batch: int = 200) -> int:
    """Remind of promises whose time is nearly up, and tell of overdue ones, once each; returns how many notices' causes there were."""
    return await _tell(core, session, batch, overdue=False) + await _tell(core, session, batch, overdue=True)


async def _tell(core: Core, session: AsyncSession, batch: int, *, overdue: bool) -> int:
    now = core.clock.now()
    moment, told = (Commitment.due_at, Commitment.overdue_told_at) if overdue else (Commitment.remind_at, Commitment.reminded_at)
    statement = (
        select(Commitment, Ticket)
        .join(Ticket, Ticket.id == Commitment.ticket_id)
        .where(Commitment.state == "open", moment <= now, told.is_(None))
        .order_by(Commitment.due_at)
        .limit(batch)
        .with_for_update(of=(Ticket, Commitment), skip_locked=True)
    )
    rows = (await session.execute(statement)).all()
    directory = await Directory.load(session) if rows else Directory([])
    for row, ticket in rows:
        people = directory.of_unit(row.unit_id, ticket.line) if row.unit_id is not None else []
        if overdue or row.unit_id is None:
            people = [*people, *directory.of_role(ticket.line, Role.SUPERVISOR)]
        people += [row.noted_by_id] if row.noted_by_id else []
        kind = NoticeKind.COMMITMENT_OVERDUE if overdue else NoticeKind.COMMITMENT_DUE
        if overdue or row.due_at > now:  # what is overdue already needs no reminder first
            await tell_people(core, session, people, kind, ticket, commitment=row.id)
        row.reminded_at = row.reminded_at or now
        if overdue:
            row.overdue_told_at = now
    await session.flush()
    return len(rows)
