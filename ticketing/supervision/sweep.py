"""The sweep over running clocks: reminder, warning, yellow card, red card. Called by the scheduler every 15 seconds.

Each transaction takes a batch of due rows in order of time, locks their tickets with SKIP LOCKED, and moves all of them in
a few statements, until none is left: any number of schedulers may run, and after an outage the first sweep catches up. When
a batch fails its rows are taken one by one, so that a bad one is left for later and does not stop the others. Windows
(`ClockKind.is_window`) get no reminder and no card: what happens at their end is told by `ticketing.ticket.windows`.
Overdue never closes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.events import SYSTEM, Happening, record_many
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline, Stage
from ticketing.people.models import Role
from ticketing.supervision import cards
from ticketing.supervision.cards import Given, NewCard
from ticketing.supervision.notices import Directory, NewNotice, NoticeKind, give
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState, Urgency

BATCH = 500
_log = logs.get(__name__)
_NEXT = {Stage.CALM: Stage.WHITE, Stage.WHITE: Stage.AMBER, Stage.AMBER: Stage.YELLOW, Stage.YELLOW: Stage.RED}
_EVENTS = {Stage.WHITE: "supervise.reminded", Stage.AMBER: "supervise.warned", Stage.YELLOW: "supervise.yellow", Stage.RED: "supervise.red"}
_KINDS = {
    Stage.WHITE: NoticeKind.REMINDED,
    Stage.AMBER: NoticeKind.WARNED,
    Stage.YELLOW: NoticeKind.YELLOW,
    Stage.RED: NoticeKind.RED,
}
_CARDS = (Stage.YELLOW, Stage.RED)
_DESKS = {ClockKind.CALLBACK.value: Role.CALLBACK, ClockKind.DISPUTE.value: Role.SUPERVISOR}
"""Whose clock it is when no unit's; dispatch and review are the dispatchers'."""


async def run(core: Core, database: Database) -> int:
    """Move every clock whose next stage is due; returns how many stages were moved."""
    moved, left = 0, set[int]()
    async with database.transaction() as session:
        directory = await Directory.load(session)
    while True:
        async with database.transaction() as session:
            ids = await _due(core, session, left)
        if not ids:
            return moved
        done, stages = await _batch(core, database, ids, directory)
        moved += stages
        left |= set(ids) - done


async def _due(core: Core, session: AsyncSession, left: set[int]) -> list[int]:
    """The next clocks by time, without those that this run could not move (somebody works on the ticket, or they fail)."""
    statement = select(Deadline.id).where(Deadline.state == ClockState.RUNNING.value, Deadline.next_stage_at <= core.clock.now())
    if left:
        statement = statement.where(Deadline.id.not_in(left))
    return list(await session.scalars(statement.order_by(Deadline.next_stage_at, Deadline.id).limit(BATCH)))


async def _batch(core: Core, database: Database, ids: Sequence[int], directory: Directory) -> tuple[set[int], int]:
    """Move these clocks in one transaction, or one by one when that fails. Returns which were moved and how many stages."""
    try:
        async with database.transaction() as session:
            done = await _locked(session, ids)
            windows = [deadline for deadline in done if ClockKind(deadline.kind).is_window]
            stages = await _move(core, session, [deadline for deadline in done if deadline not in windows], directory)
            for deadline in windows:
                await _expire(core, session, deadline)
            return {deadline.id for deadline in done}, stages + len(windows)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - one bad row must not starve the others; it is logged and tried again
        _log.exception("sweep.failed", deadlines=len(ids), first=ids[0])
        if len(ids) == 1:
            return set(), 0
    moved, total = set[int](), 0
    for deadline_id in ids:
        done_here, stages = await _batch(core, database, [deadline_id], directory)
        moved |= done_here
        total += stages
    return moved, total


async def _locked(session: AsyncSession, ids: Collection[int]) -> list[Deadline]:
    """The clocks that are still due, their tickets locked first as every service function does: the same order, so no deadlock."""
    wanted = select(Deadline.ticket_id).where(Deadline.id.in_(ids))
    tickets = select(Ticket.id).where(Ticket.id.in_(wanted)).order_by(Ticket.id).with_for_update(skip_locked=True)
    free = list(await session.scalars(tickets))
    statement = (
        select(Deadline)
        .where(
            Deadline.id.in_(ids),
            Deadline.ticket_id.in_(free),
            Deadline.state == ClockState.RUNNING.value,
            Deadline.next_stage_at.is_not(None),
        )
        .order_by(Deadline.next_stage_at, Deadline.id)
    )
    return list(await session.scalars(statement.with_for_update().execution_options(populate_existing=True)))


async def advance(core: Core, session: AsyncSession, ticket: Ticket, deadline: Deadline) -> int:
    """Move one locked clock of a locked ticket through every stage whose moment has come; returns how many."""
    if ClockKind(deadline.kind).is_window:
        from ticketing.ticket.windows import expire

        await expire(core, session, ticket, deadline)
        return 1
    return await _move(core, session, [deadline], await Directory.load(session))


class _Part(NamedTuple):
    """A unit's part in a ticket."""

    id: int
    unit_id: int
    signed_by_id: int | None


class _Case(NamedTuple):
    """What the sweep has to know of a ticket."""

    id: int
    number: str
    state: str
    urgency: str
    line: str


@dataclass(frozen=True)
class _Moved:
    """A clock and the stages through which it went now, in order."""

    deadline: Deadline
    stages: list[Stage]
    unit_id: int | None
    user_id: int | None
    ticket: _Case


async def _move(core: Core, session: AsyncSession, deadlines: Sequence[Deadline], directory: Directory) -> int:
    """Move clocks through every stage whose moment has come, with cards, events and notices, in a few statements."""
    if not deadlines:
        return 0
    parts = await _parts(session, deadlines)
    tickets = await _tickets(session, deadlines)
    moved = []
    for deadline in deadlines:
        part = parts.get(deadline.assignment_id or 0)
        stages = _pass_stages(core, deadline)
        if stages:
            unit_id, user_id = (part.unit_id, part.signed_by_id) if part else (None, None)
            moved.append(_Moved(deadline, stages, unit_id, user_id, tickets[deadline.ticket_id]))
    await session.flush()
    wanted = [
        NewCard(item.deadline.ticket_id, item.unit_id, stage.value, item.deadline.kind, item.user_id, item.deadline.id)
        for item in moved
        for stage in item.stages
        if stage in _CARDS
    ]
    given = await cards.give(core, session, wanted)
    await record_many(session, at=core.clock.now(), subject="ticket", happenings=_happenings(moved, given, tickets))
    await give(core, session, _notices(moved, given, tickets, directory))
    return sum(len(item.stages) for item in moved)


async def _parts(session: AsyncSession, deadlines: Sequence[Deadline]) -> dict[int, _Part]:
    ids = {deadline.assignment_id for deadline in deadlines if deadline.assignment_id is not None}
    if not ids:
        return {}
    rows = await session.execute(select(Assignment.id, Assignment.unit_id, Assignment.signed_by_id).where(Assignment.id.in_(ids)))
    return {row.id: _Part(*row) for row in rows}


async def _tickets(session: AsyncSession, deadlines: Sequence[Deadline]) -> dict[int, _Case]:
    columns = select(Ticket.id, Ticket.number, Ticket.state, Ticket.urgency, Ticket.line)
    rows = await session.execute(columns.where(Ticket.id.in_({deadline.ticket_id for deadline in deadlines})))
    return {row.id: _Case(*row) for row in rows}


def _pass_stages(core: Core, deadline: Deadline) -> list[Stage]:
    now, stages = core.clock.now(), []
    while deadline.next_stage_at is not None and deadline.next_stage_at <= now:
        stage = _NEXT[Stage(deadline.stage)]
        deadline.stage, deadline.next_stage_at = stage.value, deadline.moment_after(stage)
        stages.append(stage)
    return stages


def _happenings(moved: Sequence[_Moved], given: Sequence[Given], tickets: dict[int, _Case]) -> list[Happening]:
    """One event for each reminder and each card that was really given, in the order of the clocks."""
    by_clock = {(card.deadline_id, card.colour): card.id for card in given}
    found = []
    for item in moved:
        clock = item.deadline
        for stage in item.stages:
            data = {"clock": clock.kind, "assignment": clock.assignment_id, "unit": item.unit_id, "due": clock.due_at.isoformat()}
            if stage in _CARDS:
                if (clock.id, stage.value) not in by_clock:
                    continue  # this clock has had that card before
                data["card"] = by_clock[clock.id, stage.value]
            found.append(_happening(_EVENTS[stage], item.ticket, data))
    for card in given:
        if card.deadline_id is None:
            data = {"cause": card.reason, "unit": card.unit_id, "card": card.id}
            found.append(_happening(f"supervise.{card.colour}", tickets[card.ticket_id], data))
    return found


def _happening(name: str, ticket: _Case, data: dict[str, Any]) -> Happening:
    return Happening(name, ticket.id, SYSTEM, data, notify={"number": ticket.number, "state": ticket.state})


def _notices(moved: Sequence[_Moved], given: Sequence[Given], tickets: dict[int, _Case], directory: Directory) -> list[NewNotice]:
    """To whom it matters, once for each clock (its last stage) and once for each red card out of two yellow ones."""
    found = []
    for item in moved:
        stage, clock = item.stages[-1], item.deadline
        urgent = item.ticket.urgency == Urgency.EMERGENCY.value
        data = {"clock": clock.kind, "due": clock.due_at.isoformat()}
        for user in _recipients(item, stage, directory):
            found.append(NewNotice(user, _KINDS[stage], clock.ticket_id, urgent, data))
    for card in given:
        if card.deadline_id is None:
            ticket = tickets[card.ticket_id]
            people = directory.of_role(ticket.line, Role.SUPERVISOR)
            if card.unit_id is not None:
                people = directory.of_unit(card.unit_id, ticket.line)
            urgent = ticket.urgency == Urgency.EMERGENCY.value
            found += [NewNotice(user, NoticeKind(card.colour), card.ticket_id, urgent, {"clock": card.reason}) for user in people]
    return found


def _recipients(item: _Moved, stage: Stage, directory: Directory) -> list[int]:
    """Reminder: who signed, else the clerks. Warning: the chief too. Card: the whole unit and who signed (D08).

    The centre's own clocks: nobody is reminded at half time (the queue shows it); a card goes to the supervisors too.
    """
    line = item.ticket.line
    if item.unit_id is None:
        if stage is Stage.WHITE:
            return []
        desk = _DESKS.get(item.deadline.kind, Role.DISPATCHER)
        if item.deadline.kind == ClockKind.REVIEW.value and item.ticket.state != TicketState.REPLY_REVIEW.value:
            desk = Role.SUPERVISOR  # the findings of an investigation
        return directory.of_role(line, *dict.fromkeys([desk, *([Role.SUPERVISOR] if stage in _CARDS else [])]))
    people = directory.of_unit(item.unit_id, line) or directory.of_role(line, Role.SUPERVISOR)  # a unit may have nobody left
    if stage in _CARDS:
        return people
    # who signed may have left the unit since: then its clerks hear of it
    clerks = [user for user in people if user == item.user_id] or directory.of_unit(item.unit_id, line, Role.CLERK) or people
    return [*clerks, *(directory.of_unit(item.unit_id, line, Role.CHIEF) if stage is Stage.AMBER else [])]


async def _expire(core: Core, session: AsyncSession, deadline: Deadline) -> None:
    """The end of a window: what happens then is the ticket's own matter."""
    from ticketing.ticket.windows import expire

    ticket = await session.get_one(Ticket, deadline.ticket_id)
    await expire(core, session, ticket, deadline)
    await session.flush()
    if deadline.state == ClockState.RUNNING.value:
        deadline.next_stage_at = None  # it has had its end; whoever lets it run on sets the next moment


__all__ = ["advance", "run"]
