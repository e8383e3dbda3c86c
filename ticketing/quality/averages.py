"""Averages of the scores: by agent and by team (the unit of the account)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import may
from ticketing.quality.access import visible_checks
from ticketing.quality.models import QualityCheck

FEW = 3
"""Fewer scored calls say little about a person."""


@dataclass(frozen=True)
class Average:
    """One agent in a period."""

    agent_id: int
    agent: str
    team: str
    checked: int
    mean: float
    worst: int
    fatal: int
    upheld: int
    """Appeals that were right."""

    @property
    def few(self) -> bool:
        """Whether the mean is of too few calls to compare."""
        return self.checked < FEW


@dataclass(frozen=True)
class Team:
    """The agents of one unit together; every scored call weighs the same."""

    name: str
    checked: int
    mean: float


async def averages(core: Core, session: AsyncSession, actor: Actor, since: datetime, until: datetime) -> list[Average]:
    """Agents with scores given in [since, until), lowest mean first. An agent sees the own line only; nobody else without the right."""
    if not (may(actor, "quality.score") or may(actor, "quality.appeal")):
        return []
    mean = func.avg(QualityCheck.score)
    statement = (
        select(
            User.id, User.name, Unit.name.label("team"), func.count().label("checked"), mean.label("mean"),
            func.min(QualityCheck.score).label("worst"),
            func.count().filter(func.jsonb_array_length(QualityCheck.fatal) > 0).label("fatal"),
            func.coalesce(func.sum(cast(QualityCheck.upheld, Integer)), 0).label("upheld"),
        )
        .join(Call, Call.id == QualityCheck.call_id)
        .join(User, User.id == QualityCheck.agent_id)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(visible_checks(core, actor), QualityCheck.scored_at >= since, QualityCheck.scored_at < until)
        .group_by(User.id, User.name, Unit.name)
        .order_by(mean, User.id)
    )  # fmt: skip
    return [
        Average(row.id, row.name, row.team or "", row.checked, float(row.mean), row.worst, row.fatal, row.upheld)
        for row in await session.execute(statement)
    ]


def teams(people: list[Average]) -> list[Team]:
    """The same by team, lowest mean first."""
    found = []
    for name in dict.fromkeys(person.team for person in people):
        theirs = [person for person in people if person.team == name]
        checked = sum(person.checked for person in theirs)
        found.append(Team(name, checked, sum(person.mean * person.checked for person in theirs) / checked))
    return sorted(found, key=lambda team: team.mean)
