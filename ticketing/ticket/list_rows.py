"""The lines of lists: only the columns that a list shows, read in one statement, without the objects that changes need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, lateral, literal_column, select, true
from sqlalchemy.orm import aliased

from ticketing.assignment.models import Assignment
from ticketing.deadline.models import ClockState, Deadline, Stage, moment_of
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import GONE, among


@dataclass(frozen=True, slots=True)
class ListedTicket:
    """What lists show of a ticket."""

    id: int
    number: str
    version: int
    state: str
    line: str
    channel: str
    kind: str
    urgency: str
    confidentiality: str
    title: str
    district: str
    address: str
    received_at: datetime
    dispatched_at: datetime | None
    closed_at: datetime | None
    updated_at: datetime
    round: int
    category_code: str | None
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedClock:
    """The most pressing running clock."""

    kind: str
    assignment_id: int | None
    state: str
    stage: str
    limit_value: float
    limit_unit: str
    started_at: datetime
    due_at: datetime
    original_due_at: datetime | None
    extensions: int
    white_at: datetime
    amber_at: datetime
    yellow_at: datetime | None
    red_at: datetime
    paused_at: datetime | None
    remaining_seconds: float | None
    stopped_at: datetime | None
    provisional: bool

    def moment(self, stage: Stage) -> datetime:
        """When the clock reaches `stage`."""
        return moment_of(self, stage)


@dataclass(frozen=True, slots=True)
class ListedPart:
    """The lead assignment, or for people of a unit their own."""

    state: str


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """Whose assignment it is."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of a list."""

    ticket: ListedTicket
    clock: ListedClock | None
    assignment: ListedPart | None
    unit: ListedUnit | None
    suggested: str = ""
    """Nobody has it yet: the unit that normally handles its category."""


_TICKET, _CLOCK, _UNIT = (tuple(kind.__dataclass_fields__) for kind in (ListedTicket, ListedClock, ListedUnit))
_CLOCK_AT = len(_TICKET)
_UNIT_AT = _CLOCK_AT + len(_CLOCK)
_PART_AT = _UNIT_AT + len(_UNIT)


def of_ids(chosen: FromClause, actor: Actor, seen: ColumnElement[bool]) -> Select[Any]:
    """The columns of `ListRow` for the tickets whose ids are the column `id` of `chosen` and that are `seen`, in no order."""
    usual = aliased(Unit)
    ours = Assignment.unit_id == actor.unit_id if actor.role and actor.role.in_unit else Assignment.lead
    clock = lateral(
        select(Deadline)
        .where(Deadline.ticket_id == Ticket.id, among(Deadline.state, ClockState.RUNNING))
        .order_by(Deadline.due_at)
        .limit(1)
    )
    part = lateral(
        select(Assignment.id, Assignment.state, Assignment.unit_id)
        .where(Assignment.ticket_id == Ticket.id, ~among(Assignment.state, *GONE), ours)
        .order_by(Assignment.id.desc())
        .limit(1)
    )
    # the fence of OFFSET keeps the planner from hashing all units anew for each ticket
    line = (
        select(*(getattr(Ticket, name) for name in _TICKET), *(clock.c[name].label(f"clock_{name}") for name in _CLOCK))
        .add_columns(part.c.state.label("part"), part.c.unit_id)
        .select_from(chosen)
        .join(Ticket, Ticket.id == chosen.c.id)
        .outerjoin(clock, true())
        .outerjoin(part, true())
        .where(seen)
        .offset(literal_column("0"))
        .subquery("line")
    )
    nobody = line.c.part.is_(None)
    columns = (*list(line.c)[:-2], *(getattr(Unit, name) for name in _UNIT), line.c.part, usual.name)
    return (
        select(*(column.label(f"c{number}") for number, column in enumerate(columns)))
        .select_from(line)
        .outerjoin(Unit, Unit.id == line.c.unit_id)
        .outerjoin(Category, (Category.code == line.c.category_code) & nobody)
        .outerjoin(usual, usual.id == Category.unit_id)
    )


def read(rows: Iterable[Any]) -> list[ListRow]:
    """The lines of what `of_ids` found."""
    found = []
    for row in rows:
        whole = tuple(row)
        clock, unit = whole[_CLOCK_AT:_UNIT_AT], whole[_UNIT_AT:_PART_AT]
        part, suggested = whole[_PART_AT:]
        found.append(
            ListRow(
                ListedTicket(*whole[:_CLOCK_AT]),
                ListedClock(*clock) if clock[0] is not None else None,
                ListedPart(part) if part is not None else None,
                ListedUnit(*unit) if unit[0] is not None else None,
                suggested or "",
            )
        )
    return found
