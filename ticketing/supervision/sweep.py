"""The sweep over running clocks: reminder, warning, yellow card, red card. Called by the scheduler every 15 seconds.

Each transaction takes a batch of due rows with SKIP LOCKED in order of time, until none is left: any number of schedulers
may run, and after an outage the first sweep catches up. A row that fails is left for later and does not stop the others.
Overdue never closes anything.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import logs
from hotline.database import Database
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.deadline.models import ClockState, Deadline, Stage
from ticketing.people.actor import SYSTEM
from ticketing.supervision.models import Card
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

BATCH = 100
_log = logs.get(__name__)
_NEXT = {Stage.CALM: Stage.WHITE, Stage.WHITE: Stage.AMBER, Stage.AMBER: Stage.YELLOW, Stage.YELLOW: Stage.RED}
_EVENTS = {Stage.WHITE: "supervise.reminded", Stage.AMBER: "supervise.warned", Stage.YELLOW: "supervise.yellow", Stage.RED: "supervise.red"}


async def run(core: Core, database: Database) -> int:
    """Move every clock whose next stage is due; returns how many stages were moved."""
    moved, seen = 0, set[int]()
    while True:
        async with database.transaction() as session:
            ids = await _due(core, session, seen)
        if not ids:
            return moved
        for deadline_id in ids:
            seen.add(deadline_id)
            moved += await _one(core, database, deadline_id)


async def _due(core: Core, session: AsyncSession, seen: set[int]) -> list[int]:
    statement = select(Deadline.id).where(Deadline.state == ClockState.RUNNING.value, Deadline.next_stage_at <= core.clock.now())
    if seen:
        statement = statement.where(Deadline.id.not_in(seen))
    return list(await session.scalars(statement.order_by(Deadline.next_stage_at).limit(BATCH)))


async def _one(core: Core, database: Database, deadline_id: int) -> int:
    try:
        async with database.transaction() as session:
            # The ticket first, as every service function does: the same order of locks, so no deadlock.
            ticket_id = await session.scalar(select(Deadline.ticket_id).where(Deadline.id == deadline_id))
            ticket = (await session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update(skip_locked=True))).first()
            if ticket is None:
                return 0
            deadline = (await session.scalars(select(Deadline).where(Deadline.id == deadline_id).with_for_update())).one()
            return await advance(core, session, ticket, deadline)
    except Exception:  # noqa: BLE001 - one bad row must not starve the others; it is logged and tried again
        _log.exception("sweep.failed", deadline=deadline_id)
        return 0


async def advance(core: Core, session: AsyncSession, ticket: Ticket, deadline: Deadline) -> int:
    """Move one locked clock through every stage whose moment has come."""
    moved = 0
    now = core.clock.now()
    while deadline.state == ClockState.RUNNING.value and deadline.next_stage_at is not None and deadline.next_stage_at <= now:
        stage = _NEXT[Stage(deadline.stage)]
        deadline.stage = stage.value
        deadline.next_stage_at = {Stage.WHITE: deadline.amber_at, Stage.AMBER: deadline.due_at, Stage.YELLOW: deadline.red_at}.get(stage)
        if stage in (Stage.YELLOW, Stage.RED):
            await _give_card(core, session, ticket, deadline, stage)
        data = {"clock": deadline.kind, "assignment": deadline.assignment_id, "due": deadline.due_at.isoformat()}
        await tell(core, session, SYSTEM, ticket, _EVENTS[stage], data)
        moved += 1
    await session.flush()
    return moved


async def _give_card(core: Core, session: AsyncSession, ticket: Ticket, deadline: Deadline, stage: Stage) -> None:
    unit_id = None
    if deadline.assignment_id is not None:
        unit_id = await session.scalar(select(Assignment.unit_id).where(Assignment.id == deadline.assignment_id))
    await session.execute(
        insert(Card)
        .values(
            ticket_id=ticket.id, deadline_id=deadline.id, unit_id=unit_id, colour=stage.value, reason=deadline.kind, at=core.clock.now()
        )
        .on_conflict_do_nothing(index_elements=["deadline_id", "colour"])
    )


__all__ = ["advance", "run"]
