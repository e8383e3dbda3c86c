"""The conduct of callbacks (hours, attempts, sampling) as it is in force, and as a task began with.

Versions are rows of `policy_version` under one key: proposed by one person, put in force by another (`ticketing.deadline.changes`, D13).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.calendar import versions
from ticketing.callback import rules
from ticketing.callback.models import CallbackTask
from ticketing.callback.rules import Rules
from ticketing.deadline.models import PolicyState, PolicyVersion

_known = versions.PerDatabase()


async def current(session: AsyncSession, at: datetime) -> Rules:
    """The rules for whatever begins at `at`; those of the program while the database has none."""
    valid = [(start, found) for start, found in await _versions(session) if start <= at]
    return max(valid, key=lambda each: (each[0], each[1].conduct_version))[1] if valid else rules.load()


async def of_task(session: AsyncSession, task: CallbackTask) -> Rules:
    """The rules that a task began with, whatever came in force since."""
    found = (rule for _start, rule in await _versions(session) if rule.conduct_version == task.rules_version)
    return next(found, rules.load())


async def _versions(session: AsyncSession) -> list[tuple[datetime, Rules]]:
    """Every version that was ever put in force with its beginning; read once per process and version of the policies."""
    version = (await versions.current(session)).policies
    known: list[tuple[datetime, Rules]] | None = _known.get(session, version)
    if known is None:
        wanted = select(PolicyVersion).where(PolicyVersion.key == rules.KEY, PolicyVersion.state == PolicyState.IN_FORCE.value)
        rows = await session.scalars(wanted.order_by(PolicyVersion.version))
        known = [(row.valid_from, rules.with_conduct(row.document, row.version)) for row in rows]
        _known.put(session, version, known)
    return known
