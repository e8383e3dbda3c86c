"""What lies on the callback desk: how many tasks of each kind there are, and one page of a kind.

A kind is counted by itself and read page by page after the last task seen (keyset), so the numbers hold however long the list is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.callback.models import CallbackTask, Plan, TaskState
from ticketing.callback.tasks import ready, wrote
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.ticket.access import midnight, visible_to
from ticketing.ticket.models import Ticket

MOST = 1000
"""Counts go up to here («999+»): who has a thousand to call needs no exact number."""


class Group(StrEnum):
    """Where an open task stands for the person who looks."""

    MINE = "mine"
    """In this person's hands."""
    READY = "ready"
    """To be called now, in nobody's hands: exactly what «the next one» may be."""
    TAKEN = "taken"
    """In somebody else's hands, or a robot's."""
    LATER = "later"
    """For a clerk, but not yet: hours, the citizen's own window, a try that failed."""
    MACHINE = "machine"
    """By link, robot or nobody."""


@dataclass(frozen=True)
class Waiting:
    """One line."""

    task: CallbackTask
    ticket: Ticket
    clock: Deadline | None
    place: tuple[datetime, int]
    """Where the page goes on after it."""


async def count_groups(core: Core, session: AsyncSession, actor: Actor) -> dict[Group, int]:
    """How many there are of each kind, at most `MOST`, in one statement."""
    columns = [select(func.count()).select_from(_counted(core, actor, group).subquery()).scalar_subquery().label(group) for group in Group]
    row = (await session.execute(select(*columns))).one()
    return dict(zip(Group, row, strict=True))


def _counted(core: Core, actor: Actor, group: Group) -> Select[int]:
    found = select(CallbackTask.id).join(Ticket, Ticket.id == CallbackTask.ticket_id).where(CallbackTask.state == TaskState.OPEN.value)
    seen = visible_to(actor, midnight(core), one_by_one=True)  # open tasks are few beside the tickets
    return found.where(_condition(actor, group, core.clock.now()), _for(actor, group), seen).limit(MOST)


async def list_group(
    core: Core, session: AsyncSession, actor: Actor, group: Group, *, limit: int, after: tuple[datetime, int] | None = None
) -> list[Waiting]:
    """The tasks of one kind: what is due by its deadline, the rest by when something happens to it next."""
    waits = _open(group, _condition(actor, group, core.clock.now())).add_columns(_order(group).label("at"))
    if after is not None:
        waits = waits.where(tuple_(_order(group), CallbackTask.id) > after)
    # the order first, of narrow rows; whose each is, is asked until the page is full: OFFSET keeps the two apart
    ordered = waits.order_by("at", CallbackTask.id).offset(literal_column("0")).subquery()
    found = (
        select(CallbackTask, Ticket, Deadline, ordered.c.at)
        .select_from(ordered)
        .join(CallbackTask, CallbackTask.id == ordered.c.id)
        .join(Ticket, Ticket.id == CallbackTask.ticket_id)
        .outerjoin(Deadline, Deadline.id == ordered.c.clock)
        .where(_for(actor, group), visible_to(actor, midnight(core), one_by_one=True))
        .order_by(ordered.c.at, ordered.c.id)
        .limit(limit)
    )
    rows = await session.execute(found)
    return [Waiting(row.CallbackTask, row.Ticket, row.Deadline, (row.at, row.CallbackTask.id)) for row in rows]


def _open(group: Group, wanted: ColumnElement[bool]) -> Select[int, int]:
    """Open tasks of one kind with their running clock, by the index of the ticket's own clocks: there is one at most."""
    clock = and_(
        Deadline.ticket_id == CallbackTask.ticket_id,
        Deadline.kind == ClockKind.CALLBACK.value,
        Deadline.state == literal_column(f"'{ClockState.RUNNING.value}'"),  # written out: the partial index is seen to fit
        Deadline.assignment_id.is_(None),
    )
    found = select(CallbackTask.id, Deadline.id.label("clock")).select_from(CallbackTask).outerjoin(Deadline, clock)
    return found.where(CallbackTask.state == TaskState.OPEN.value, wanted)


def _for(actor: Actor, group: Group) -> ColumnElement[bool]:
    """«The next one» is never of a ticket whose reply the person wrote."""
    return ~wrote(actor) if group is Group.READY else true()


def _condition(actor: Actor, group: Group, now: datetime) -> ColumnElement[bool]:
    held = and_(CallbackTask.claimed_until.is_not(None), CallbackTask.claimed_until > now)
    free = or_(CallbackTask.claimed_until.is_(None), CallbackTask.claimed_until <= now)
    clerk = CallbackTask.plan == Plan.CLERK.value
    match group:
        case Group.MINE:
            return held & (CallbackTask.claimed_by_id == actor.user_id)
        case Group.TAKEN:
            return held & CallbackTask.claimed_by_id.is_distinct_from(actor.user_id)
        case Group.MACHINE:
            return free & ~clerk
        case Group.READY:
            return ready(now)
        case _:
            return free & clerk & or_(CallbackTask.next_attempt_at.is_(None), CallbackTask.next_attempt_at > now)


def _order(group: Group) -> ColumnElement[datetime]:
    match group:
        case Group.READY:
            return func.coalesce(Deadline.due_at, CallbackTask.next_attempt_at)
        case Group.MINE | Group.TAKEN:
            return func.coalesce(CallbackTask.claimed_until, CallbackTask.created_at)
        case _:
            return func.coalesce(CallbackTask.next_attempt_at, CallbackTask.skip_at, CallbackTask.created_at)


__all__ = ["MOST", "Group", "Waiting", "count_groups", "list_group"]
