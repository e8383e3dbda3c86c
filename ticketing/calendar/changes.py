"""Changing the calendar: preview first, then one transaction that writes the days and counts the version up.

The clocks follow in `ticketing.deadline.recompute`: every open clock that was computed by an older version is computed
anew, in batches, until none is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.calendar import versions
from ticketing.calendar.journal import note_change
from ticketing.calendar.lists import Day, DayList
from ticketing.calendar.models import CalendarChange, CalendarDay, Rules
from ticketing.calendar.service import official_days, work_calendar
from ticketing.calendar.working_time import CalendarError, Period, WorkCalendar
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import may

LONGEST_REST = 16
"""Days. No holiday with its weekends has lasted longer; a list with more is a mistake (lesson 4)."""


@dataclass(frozen=True)
class Preview:
    """What a list would change. Nothing is written yet.

    Attributes:
        added: days that the table does not have.
        changed: days with another meaning or name: before, after.
        same: how many days are as they were.
        errors: why it cannot be written.
        version: of the calendar that it was compared with.
    """

    added: tuple[Day, ...]
    changed: tuple[tuple[Day, Day], ...]
    same: int
    errors: tuple[str, ...]
    version: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.added or self.changed)

    @property
    def special(self) -> tuple[Day, ...]:
        """The added days worth reading: those that are not as their weekday says."""
        return tuple(day for day in self.added if day.name or day.is_work != (day.day.weekday() < 5))


def from_package(core: Core, *, years: set[int] | None = None) -> DayList:
    """The list of the installed package `chinesecalendar`, this year and the years after it that it knows.

    Raises InvalidInput when it knows none of the years asked for.
    """
    this = core.clock.now().year
    wanted = years or set(range(this, this + 3))
    days = official_days(min(wanted), max(wanted))
    found = DayList(source="package")
    for day, (is_work, name) in days.items():
        if day.year in wanted:
            found.days[day] = Day(day, is_work, name)
    if not found.days:
        raise InvalidInput(
            _("安装的 chinesecalendar 不含{years}年的安排，请先升级软件包，或用文件导入"),
            field="year",
            years="、".join(map(str, sorted(wanted))),
        )
    return found


async def preview(session: AsyncSession, wanted: DayList) -> Preview:
    """Compare a list with the table and check the calendar that would come out."""
    filled = wanted.filled()
    rows = (await session.scalars(select(CalendarDay).where(CalendarDay.day.in_(list(filled))))).all() if filled else []
    known = {row.day: Day(row.day, row.is_work, row.name) for row in rows}
    added, changed, same = [], [], 0
    for day, item in sorted(filled.items()):
        before = known.get(day)
        listed = day in wanted.days  # a day that only the filling names changes nothing that is known
        if before is None:
            added.append(item)
        elif not listed or (before.is_work == item.is_work and (before.name == item.name or not item.name)):
            same += 1
        else:
            changed.append((before, item))
    errors = list(wanted.errors)
    if not filled and not errors:
        errors.append(_("名单里没有日期"))
    calendar = await work_calendar(session)
    new = {item.day: item.is_work for item in [*added, *(after for _before, after in changed)]}
    errors += _check(WorkCalendar({**calendar.days, **new}, periods=calendar.periods), new)
    return Preview(tuple(added), tuple(changed), same, tuple(errors), (await versions.current(session)).calendar)


def _check(calendar: WorkCalendar, new: dict[date, bool]) -> list[str]:
    """No rest longer than any real holiday: a list that is wrong would stop every clock."""
    day, last, rest = min(new, default=None), max(new, default=None), 0
    if day is None or last is None:
        return []
    day, last = day - timedelta(days=LONGEST_REST), last + timedelta(days=LONGEST_REST)
    while day <= last:
        rest = 0 if calendar.is_work(day) else rest + 1
        if rest > LONGEST_REST:
            return [_("到{day}连续休息超过{n}天，请检查名单").format(day=day, n=LONGEST_REST)]
        day += timedelta(days=1)
    return []


async def apply(core: Core, session: AsyncSession, actor: Actor, wanted: DayList, *, base_version: int, note: str = "") -> CalendarChange:
    """Write a list that was previewed against `base_version`; the clocks are recomputed by the sweep.

    Raises NotAllowed (administrators only), InvalidInput when the list has errors or changes nothing, Conflict when the
    calendar was changed since the preview.
    """
    _allowed(actor)
    await versions.lock(session)
    versions.forget(session)
    found = await preview(session, wanted)
    if found.errors:
        raise InvalidInput(found.errors[0], field="file")
    if found.version != base_version:
        raise Conflict(_("日历刚刚被别人改过，请重新预览"))
    if found.is_empty:
        raise InvalidInput(_("名单与现在的日历一样，没有要改的"), field="file")
    days = [*found.added, *(after for _before, after in found.changed)]
    rows = [{"day": item.day, "is_work": item.is_work, "name": item.name, "source": wanted.source} for item in days]
    statement = insert(CalendarDay).values(rows)
    values = {name: statement.excluded[name] for name in ("is_work", "name", "source")}
    await session.execute(statement.on_conflict_do_update(index_elements=["day"], set_=values))
    data: dict[str, object] = {
        "added": len(found.added),
        "special": [_told(item) for item in found.special][:200],
        "changed": [{"before": _told(before), "after": _told(after)} for before, after in found.changed][:400],
    }
    counts = {"added": len(found.added), "changed": len(found.changed)}
    return await note_change(core, session, actor.who, source=wanted.source, note=note, data=data, **counts)


async def set_periods(core: Core, session: AsyncSession, actor: Actor, periods: list[tuple[int, int]], *, note: str = "") -> CalendarChange:
    """Set the office hours of every working day. Raises NotAllowed, or InvalidInput when they cannot be (lesson 4)."""
    _allowed(actor)
    await versions.lock(session)
    versions.forget(session)
    before = await work_calendar(session)
    try:
        after = WorkCalendar(before.days, periods=tuple(Period(start, end) for start, end in periods))
    except CalendarError as error:
        raise InvalidInput(_("上班时间要从早到晚写，不能重叠，不能跨过零点"), field="periods") from error
    if after.periods == before.periods:
        raise InvalidInput(_("上班时间没有变化"), field="periods")
    rules = await session.get_one(Rules, 1)
    rules.periods = [[period.start, period.end] for period in after.periods]
    await session.flush()
    data: dict[str, object] = {"before": [[period.start, period.end] for period in before.periods], "after": rules.periods}
    return await note_change(core, session, actor.who, source="hours", note=note, data=data, added=0, changed=0)


def _allowed(actor: Actor) -> None:
    if not may(actor, "calendar.import"):
        raise NotAllowed(_("只有管理员可以修改工作日历"))


def _told(item: Day) -> str:
    return f"{item.day.isoformat()} {'上班' if item.is_work else '休息'} {item.name}".strip()


async def years_known(session: AsyncSession) -> dict[int, int]:
    """How many days of each year the table has."""
    year = func.extract("year", CalendarDay.day)
    rows = await session.execute(select(year.label("year"), func.count().label("days")).group_by(year).order_by(year))
    return {int(row.year): int(row.days) for row in rows}
