"""The sweep that keeps the figures of days that are over (`day_models`): forgets what a change touched, keeps what is missing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.database import Database
from ticketing.context import Core
from ticketing.statistics.days import Kept, kept_sources
from ticketing.statistics.figures import read_by_index
from ticketing.statistics.period import Period, PeriodKind

MOST_DAYS = 31
"""Days of one source that are counted in one transaction."""
MOST_CHANGES = 200_000
"""Changes that are forgotten by one statement (a second or two): an import of all that ever was leaves millions."""
WORK_S = 5.0
"""How long a sweep goes on before it leaves the rest to the next: the first one of a large installation has years before it."""
_DAY = timedelta(days=1)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('figure days', 0))")
"""Two sweeps at once could forget a change of a day that the other one is counting."""
_FORGET = text(
    """WITH changed AS (DELETE FROM figure_change WHERE id IN (SELECT id FROM figure_change ORDER BY id LIMIT :most) RETURNING moment, day),
        touched AS (SELECT DISTINCT kept.source, changed.day FROM changed
            JOIN unnest(CAST(:sources AS text[]), CAST(:moments AS text[])) AS kept (source, moment) USING (moment)),
        cells AS (DELETE FROM figure_cell c USING touched WHERE c.source = touched.source AND c.day = touched.day),
        days AS (DELETE FROM figure_day d USING touched WHERE d.source = touched.source AND d.day = touched.day)
    SELECT count(*) FROM changed"""
)
_OUTDATED = text(
    """WITH outdated AS (DELETE FROM figure_day d WHERE NOT EXISTS (
            SELECT FROM unnest(CAST(:sources AS text[]), CAST(:formulas AS text[])) AS kept (source, formula)
            WHERE kept.source = d.source AND kept.formula = d.formula) RETURNING source, day)
    DELETE FROM figure_cell c USING outdated WHERE c.source = outdated.source AND c.day = outdated.day"""
)
_MISSING = text(
    """SELECT each::date AS day
    FROM (SELECT (timezone('Asia/Shanghai', min(received_at)))::date AS first FROM ticket) AS oldest,
        generate_series(greatest(first, CAST(:before AS date) - 5 * 366)::timestamp, CAST(:before AS date)::timestamp,
            interval '1 day') AS each
    WHERE first IS NOT NULL AND each < CAST(:before AS date)
        AND NOT EXISTS (SELECT FROM figure_day d WHERE d.source = :source AND d.day = each::date)
    ORDER BY 1 DESC LIMIT :most"""
)
_KEPT = text("INSERT INTO figure_day (source, day, formula) SELECT :source, unnest(CAST(:days AS date[])), :formula")


async def run(core: Core, database: Database, *, seconds: float = WORK_S) -> int:
    """Forget the days that changes touched, then keep missing ones, newest first, for at most `seconds`. Returns how many were kept.

    A day is kept once it is over in the city; one whose rows still change by themselves (`Source.open_days`) later. While there are
    more changes than time nothing is kept: it could be forgotten again at once.
    """
    sources, ends, count = list(kept_sources().values()), time.monotonic() + seconds, 0
    while await _forget(database, sources):
        if time.monotonic() >= ends:
            return 0
    for kept in sources:
        before: date | None = None
        while time.monotonic() < ends:
            async with database.transaction() as session:
                await session.execute(_ALONE)
                days, before = await _next(core, session, kept, before)
                if not days:
                    break
                count += await _keep(core, session, kept, days)
    return count


async def _forget(database: Database, sources: Sequence[Kept]) -> bool:
    """Forget what the oldest changes touched, and what another release kept. Whether there may be more."""
    values = {"sources": [kept.source.key for kept in sources], "moments": [kept.source.moment for kept in sources]}
    async with database.transaction() as session:
        await session.execute(_ALONE)
        forgotten = int(await session.scalar(_FORGET, {**values, "most": MOST_CHANGES}) or 0)
        await session.execute(_OUTDATED, {"sources": values["sources"], "formulas": [kept.formula for kept in sources]})
    return forgotten >= MOST_CHANGES


async def _next(core: Core, session: AsyncSession, kept: Kept, before: date | None) -> tuple[list[date], date | None]:
    """The newest stretch of days that are missing, before those of the last call."""
    values = {"source": kept.source.key, "before": before or to_city(core.clock.now()).date(), "most": MOST_DAYS}
    found = list(await session.scalars(_MISSING, values))
    stretch = [day for number, day in enumerate(found) if day == found[0] - number * _DAY]
    return stretch, stretch[-1] if stretch else before


async def _keep(core: Core, session: AsyncSession, kept: Kept, days: Sequence[date]) -> int:
    period = Period(PeriodKind.FREE, days[-1], days[0])
    bounds: dict[str, datetime] = {"start": period.start, "end": period.end, "now": core.clock.now()}
    await read_by_index(session, period)
    still = set(await session.scalars(text(kept.source.open_days), bounds)) if kept.source.open_days else set()
    await session.execute(text(kept.fill_statement()), {**bounds, "open": sorted(still)})
    done = [day for day in days if day not in still]
    await session.execute(_KEPT, {"source": kept.source.key, "days": done, "formula": kept.formula})
    return len(done)
