"""What lies on the callback desk: how many tasks of each kind there are, and one page of a kind.

A kind is counted by itself and read page by page after the last task seen (keyset), so the numbers hold however long the list is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.callback.models import CallbackTask, Plan, TaskState
from ticketing.callback.tasks import queue
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.people.actor import Actor
from ticketing.ticket.access import visible
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
    columns = [
        select(func.count()).select_from(_tasks(core, actor, group).limit(MOST).subquery()).scalar_subquery().label(group)
        for group in Group
    ]
    row = (await session.execute(select(*columns))).one()
    return dict(zip(Group, row, strict=True))


async def list_group(
    core: Core, session: AsyncSession, actor: Actor, group: Group, *, limit: int, after: tuple[datetime, int] | None = None
) -> list[Waiting]:
    """The tasks of one kind: what is due by its deadline, the rest by when something happens to it next."""
    at = _order(group)
    found = _tasks(core, actor, group).with_only_columns(CallbackTask, Ticket, Deadline, at.label("at"), maintain_column_froms=True)
    if after is not None:
        found = found.where(tuple_(at, CallbackTask.id) > after)
    rows = await session.execute(found.order_by(None).order_by(at, CallbackTask.id).limit(limit))
    return [Waiting(row.CallbackTask, row.Ticket, row.Deadline, (row.at, row.CallbackTask.id)) for row in rows]


def _tasks(core: Core, actor: Actor, group: Group) -> Select[int]:
    now = core.clock.now()
    if group is Group.READY:
        return queue(core, actor, now).order_by(None).with_only_columns(CallbackTask.id, maintain_column_froms=True)
    clock = and_(Deadline.ticket_id == Ticket.id, Deadline.kind == ClockKind.CALLBACK.value, Deadline.state == ClockState.RUNNING.value)
    found = select(CallbackTask.id).join(Ticket, Ticket.id == CallbackTask.ticket_id).outerjoin(Deadline, clock)
    return found.where(CallbackTask.state == TaskState.OPEN.value, _condition(actor, group, now), visible(core, actor))


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
