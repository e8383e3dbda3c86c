"""The job after a change of the calendar: every open clock that an older calendar computed is computed anew.

There is no cursor to lose: a clock says by which calendar version it was computed, so the job stops and goes on at any
point, runs beside sweeps and other copies of itself (ticket rows are taken with SKIP LOCKED, as the sweep does), and also
finds a clock that somebody's slow transaction started by the old calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from hotline.database import Database
from hotline.events import SYSTEM, Happening, record, record_many
from ticketing.calendar import versions
from ticketing.calendar.models import CalendarChange
from ticketing.calendar.service import work_calendar
from ticketing.calendar.working_time import CalendarError, WorkCalendar
from ticketing.context import Core
from ticketing.deadline import compute
from ticketing.deadline.limits import Limit, PolicyError
from ticketing.deadline.models import OPEN, Deadline
from ticketing.deadline.service import fall_back, recompute
from ticketing.ticket.models import Ticket

BATCH = 100
"""Tickets per transaction: locked for about a tenth of a second."""
_log = logs.get(__name__)


@dataclass
class Result:
    """What one run did."""

    computed: int = 0
    moved: int = 0
    left: bool = False
    """Some tickets were being worked on; the next run takes them."""


async def run(core: Core, database: Database) -> Result:
    """Compute anew whatever an older calendar computed. Returns at once when there is nothing to do."""
    result, passed_over = Result(), set[int]()
    while True:
        async with database.transaction() as session:
            version = (await versions.current(session)).calendar
            wanted = await _stale(session, version, passed_over)
            if not wanted:
                break
            taken = await _batch(core, session, version, wanted, result)
            passed_over |= set(wanted) - taken
    async with database.transaction() as session:
        await _close(core, session, result)
    return result


async def _stale(session: AsyncSession, version: int, passed_over: set[int]) -> list[int]:
    statement = select(Deadline.ticket_id).where(Deadline.state.in_(OPEN), Deadline.calendar_version < version)
    if passed_over:
        statement = statement.where(Deadline.ticket_id.not_in(passed_over))
    return list(dict.fromkeys(await session.scalars(statement.order_by(Deadline.calendar_version, Deadline.id).limit(BATCH))))


async def _batch(core: Core, session: AsyncSession, version: int, wanted: list[int], result: Result) -> set[int]:
    """One transaction's work; returns the tickets that are done."""
    tickets = select(Ticket.id, Ticket.number, Ticket.state).where(Ticket.id.in_(wanted)).order_by(Ticket.id)
    taken = {row.id: row for row in await session.execute(tickets.with_for_update(skip_locked=True))}
    clocks = select(Deadline).where(Deadline.ticket_id.in_(taken), Deadline.state.in_(OPEN), Deadline.calendar_version < version)
    calendar, now = await work_calendar(session), core.clock.now()
    happenings, computed, faulty = [], 0, set[int]()
    for deadline in await session.scalars(clocks.order_by(Deadline.id).with_for_update()):
        before = deadline.due_at
        try:
            compute_anew(calendar, deadline, now)
        except (CalendarError, PolicyError):  # one bad row must not hold up the others; it is looked at again next time
            _log.exception("deadline.not_recomputed", deadline=deadline.id)
            faulty.add(deadline.ticket_id)
            continue
        computed += 1
        if deadline.due_at != before:
            ticket = taken[deadline.ticket_id]
            data = {
                "clock": deadline.kind,
                "assignment": deadline.assignment_id,
                "before": before.isoformat(),
                "after": deadline.due_at.isoformat(),
                "calendar": calendar.version,
                "provisional": deadline.provisional,
            }
            notify = {"number": ticket.number, "state": ticket.state}
            happenings.append(Happening("deadline.recomputed", deadline.ticket_id, SYSTEM, data, notify=notify))
    await session.flush()
    await record_many(session, at=now, subject="ticket", happenings=happenings)
    counted = {
        "clocks_computed": CalendarChange.clocks_computed + computed,
        "clocks_moved": CalendarChange.clocks_moved + len(happenings),
    }
    await session.execute(update(CalendarChange).where(CalendarChange.version == version).values(counted))
    result.computed += computed
    result.moved += len(happenings)
    return set(taken) - faulty


def compute_anew(calendar: WorkCalendar, deadline: Deadline, now: datetime) -> None:
    """One open clock by the present calendar: moments, what is left of a paused one, stage and next look."""
    recompute(calendar, deadline)
    fall_back(deadline, deadline.paused_at or now)
    if deadline.paused_at is not None:
        limit = Limit(deadline.limit_value, deadline.limit_unit)
        deadline.remaining_seconds = compute.elapsed(calendar, limit, deadline.paused_at, deadline.due_at)


async def _close(core: Core, session: AsyncSession, result: Result) -> None:
    """Mark the changes as done when no clock of an older calendar is left, and say so in the event log."""
    version = (await versions.current(session)).calendar
    older = select(exists().where(Deadline.state.in_(OPEN), Deadline.calendar_version < version))
    result.left = bool(await session.scalar(older))
    if result.left:
        return
    unfinished = select(CalendarChange).where(CalendarChange.finished_at.is_(None), CalendarChange.version <= version)
    for change in await session.scalars(unfinished.order_by(CalendarChange.version).with_for_update(skip_locked=True)):
        change.finished_at = core.clock.now()
        data = {"version": change.version, "computed": change.clocks_computed, "moved": change.clocks_moved}
        await record(session, at=core.clock.now(), name="calendar.recomputed", subject="calendar", subject_id="city", who=SYSTEM, data=data)
        _log.info("calendar.recomputed", version=change.version, computed=change.clocks_computed, moved=change.clocks_moved)


__all__ = ["Result", "compute_anew", "run"]
