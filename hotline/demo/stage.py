"""Where the demo's month is played: the core on a clock that is moved by hand, the people, and the sweep between the steps.

Every step goes through the same service functions as in real life, so timelines, deadlines, cards and callbacks are
genuine. Everything happens in one transaction: either the whole month is there or nothing of it.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import ManualClock
from hotline.demo.content import Content
from hotline.settings import Settings
from ticketing.calendar.working_time import WorkCalendar
from ticketing.context import Core
from ticketing.deadline.models import ClockState, Deadline
from ticketing.people.actor import Actor, citizen_actor
from ticketing.supervision import sweep
from ticketing.ticket.models import Ticket

SWEEP_DELAY = timedelta(seconds=7)
"""The real sweep runs every 15 seconds: cards come this much after their moment."""


@dataclass
class Stage:
    """What the steps work with."""

    core: Core
    session: AsyncSession
    settings: Settings
    clock: ManualClock
    calendar: WorkCalendar
    content: Content
    people: dict[str, Actor]
    units: dict[str, int]
    """Ids by unit code."""
    category_units: dict[str, str]
    """Code of the unit by category code."""
    articles: dict[str, tuple[int, int, str]]
    """Id, version and spoken text by slug."""
    rng: random.Random

    def clerk(self, unit: str) -> Actor:
        """Who handles in this unit."""
        return self.people["clerk" if unit == "city-management" else f"clerk-{unit}"]

    def chief(self, unit: str) -> Actor:
        """Who signs in this unit."""
        return self.people["chief" if unit == "city-management" else f"chief-{unit}"]

    async def sweep(self, until: datetime) -> None:
        """Give the reminders and cards that fall before `until`, each at its moment."""
        statement = select(Deadline).where(Deadline.state == ClockState.RUNNING.value, Deadline.next_stage_at <= until - SWEEP_DELAY)
        while due := (await self.session.scalars(statement.order_by(Deadline.next_stage_at).limit(1))).first():
            if due.next_stage_at is None:
                return
            self.clock.set(due.next_stage_at + SWEEP_DELAY)
            await sweep.advance(self.core, self.session, await self.session.get_one(Ticket, due.ticket_id), due)


@dataclass
class Life:
    """One appeal while it is played."""

    serial: int
    name: str
    phone: str
    ticket_id: int = 0
    query_code: str = ""
    assignment_id: int = 0
    citizen_id: int | None = None
    """When the channel knew who it was."""
    conversation_id: UUID | None = None
    occurred: str = ""
    """When it happened, in the citizen's words."""

    async def ticket(self, stage: Stage) -> Ticket:
        """The row."""
        return await stage.session.get_one(Ticket, self.ticket_id)

    async def citizen(self, stage: Stage) -> Actor:
        """The person who appealed."""
        return citizen_actor((await self.ticket(stage)).citizen_id)


Step = Callable[[Stage, Life], Awaitable[None]]


@dataclass(order=True)
class Planned:
    """A step and its moment. Sorted by moment, then by the order of planning."""

    at: datetime
    order: int
    life: Life = field(compare=False)
    step: Step = field(compare=False)


@dataclass
class Script:
    """The steps of one life with their moments. `work` is office time, for urgent matters wall time: they go on at night."""

    life: Life
    cursor: datetime
    calendar: WorkCalendar
    rng: random.Random
    urgent: bool = False
    unit: str = ""
    """Code of the unit that handles it."""
    steps: list[tuple[datetime, Step]] = field(default_factory=list)

    def wait(self, low_minutes: float, high_minutes: float) -> Script:
        """Let wall-clock time pass."""
        self.cursor += timedelta(minutes=self.rng.uniform(low_minutes, high_minutes))
        return self

    def work(self, low_hours: float, high_hours: float) -> Script:
        """Let office time pass."""
        hours = self.rng.uniform(low_hours, high_hours)
        self.cursor = self.cursor + timedelta(hours=hours) if self.urgent else self.calendar.add_working_seconds(self.cursor, hours * 3600)
        return self

    def office(self) -> Script:
        """Go to office time, if it is not: a few minutes after opening."""
        self.cursor = self.calendar.add_working_seconds(self.cursor, self.rng.uniform(60, 900))
        return self

    def at(self, moment: datetime) -> Script:
        """Go to a moment."""
        self.cursor = moment
        return self

    def do(self, step: Step) -> Script:
        """Plan a step here."""
        self.steps.append((self.cursor, step))
        return self


async def play(stage: Stage, scripts: list[Script], until: datetime) -> int:
    """Take every planned step that falls before `until`, in the order of time; returns how many were taken."""
    numbered = ((moment, script.life, step) for script in scripts for moment, step in script.steps if moment < until)
    plan = sorted(Planned(moment, order, life, step) for order, (moment, life, step) in enumerate(numbered))
    for planned in plan:
        await stage.sweep(planned.at)
        stage.clock.set(planned.at)
        await planned.step(stage, planned.life)
        await stage.session.flush()
    await stage.sweep(until)
    stage.clock.set(until)
    return len(plan)
