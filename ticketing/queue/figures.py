"""What the board of the queue shows: who waits, who is on duty, today's service level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.roster import rostered
from ticketing.people.actor import Actor
from ticketing.people.lines import calls_of
from ticketing.people.models import User
from ticketing.queue.models import Waiting, WaitState

SHORT_S = 5
"""Who hangs up sooner did not wait (domain.md 4d)."""


@dataclass(frozen=True)
class Level:
    """Today, since midnight in the city."""

    entered: int
    """Callers whose wait is over, without those who hung up within five seconds."""
    answered: int
    in_time: int
    """Answered within `servicelevel`."""
    abandoned: int
    return_calls: int
    mean_wait_s: int

    @property
    def answered_share(self) -> float | None:
        """接通率; None without callers."""
        return self.answered / self.entered if self.entered else None

    @property
    def service_level(self) -> float | None:
        """15秒接通率; None without callers."""
        return self.in_time / self.entered if self.entered else None


@dataclass(frozen=True)
class Seat:
    """One agent on the board."""

    user: User
    duty: Duty | None
    due: bool
    """On the roster now."""
    seconds: int
    """In this state."""

    @property
    def missing(self) -> bool:
        """应到未到: on the roster and off duty."""
        return self.due and (self.duty is None or self.duty.state == DutyState.OFF.value)


_LEVEL = text(
    """WITH one AS (
        SELECT DISTINCT ON (w.call_id) w.call_id, first_value(w.entered_at) OVER per AS entered_at, w.state, w.outcome, w.ended_at
        FROM queue_waiting w JOIN call c ON c.id = w.call_id
        WHERE w.entered_at >= :since AND (CAST(:lines AS text[]) IS NULL OR c.called = ANY(CAST(:lines AS text[])))
        WINDOW per AS (PARTITION BY w.call_id ORDER BY w.id) ORDER BY w.call_id, w.id DESC),
    counted AS (SELECT *, extract(epoch FROM ended_at - entered_at) AS waited FROM one
        WHERE ended_at IS NOT NULL AND NOT (coalesce(outcome, '') = 'abandoned' AND ended_at < entered_at + make_interval(secs => :short)))
    SELECT count(*) AS entered, count(*) FILTER (WHERE state = 'served') AS answered,
        count(*) FILTER (WHERE state = 'served' AND waited <= :level) AS in_time,
        count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
        count(*) FILTER (WHERE outcome IN ('return_call', 'timeout', 'full', 'empty')) AS return_calls,
        coalesce(avg(waited), 0) AS mean FROM counted"""
)


async def level(core: Core, session: AsyncSession, *, servicelevel: int, lines: Sequence[str] | None = None) -> Level:
    """Today's figures. `lines`: only callers of these numbers."""
    midnight = to_city(core.clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"since": midnight, "short": SHORT_S, "level": servicelevel, "lines": list(lines) if lines is not None else None}
    row = (await session.execute(_LEVEL, values)).one()
    return Level(row.entered, row.answered, row.in_time, row.abandoned, row.return_calls, round(row.mean))


async def waiting(session: AsyncSession, actor: Actor) -> list[tuple[Waiting, Call]]:
    """Who waits, in the order in which they are served; people bound to a line see its callers only."""
    statement = (
        select(Waiting, Call)
        .join(Call, Call.id == Waiting.call_id)
        .where(Waiting.state.in_((WaitState.WAITING.value, WaitState.OFFERED.value)), calls_of(actor))
        .order_by(Waiting.weight.desc(), Waiting.priority.desc(), Waiting.entered_at)
        .limit(200)
    )
    return [(row.Waiting, row.Call) for row in await session.execute(statement)]


async def seats(core: Core, session: AsyncSession) -> list[Seat]:
    """Agents who are on duty, or should be."""
    now, due = core.clock.now(), await rostered(core, session)
    statement = (
        select(User, Duty)
        .outerjoin(Duty, Duty.user_id == User.id)
        .where(User.active, (Duty.user_id.is_not(None)) | User.id.in_(due))
        .order_by(User.staff_number)
        .limit(1000)
    )
    return [
        Seat(row.User, row.Duty, row.User.id in due, round((now - row.Duty.since).total_seconds()) if row.Duty else 0)
        for row in await session.execute(statement)
    ]
