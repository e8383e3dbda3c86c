"""Every change of the calendar is written down once: version, row with the job's progress, event."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Who, record
from ticketing.calendar import versions
from ticketing.calendar.models import CalendarChange
from ticketing.context import Core


async def note_change(
    core: Core, session: AsyncSession, who: Who, *, source: str, note: str, data: dict[str, object], added: int, changed: int
) -> CalendarChange:
    """Count the version up and write the change down (event `calendar.changed`); the clocks follow by the version."""
    now = core.clock.now()
    version = (await versions.bump(session, calendar=True)).calendar
    change = CalendarChange(
        version=version, at=now, by_id=who.user_id, source=source, note=note.strip()[:500], days_added=added, days_changed=changed
    )
    session.add(change)
    await session.flush()
    told = {"version": version, "source": source, "note": change.note, **data}
    await record(session, at=now, name="calendar.changed", subject="calendar", subject_id="city", who=who, data=told)
    return change


async def history(session: AsyncSession, *, before: int | None = None, limit: int = 50) -> list[CalendarChange]:
    """The changes, newest first; `before`: only those that made a lower version."""
    statement = select(CalendarChange).order_by(CalendarChange.version.desc()).limit(limit)
    return list(await session.scalars(statement if before is None else statement.where(CalendarChange.version < before)))
