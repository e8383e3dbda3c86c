"""A clock as pages show it: stage, words, full due time. The server computes; the page never does date arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.web.badges import Running
from channels.web.formats import due_time, duration
from channels.web.words import word
from hotline.i18n import _, counted
from ticketing.calendar.working_time import WorkCalendar
from ticketing.deadline.models import ClockKind, ClockState, Deadline, Stage
from ticketing.ticket.list_rows import ListedClock


@dataclass(frozen=True)
class ShortDue:
    """One clock in a list."""

    stage: str
    text: str
    title: str
    running: Running | None = None


@dataclass(frozen=True)
class Due:
    """One clock in words."""

    kind: str
    stage: str
    text: str
    title: str
    percent: int
    """Used share of the limit, 0 to 100."""
    rule: str
    detail: str
    """For the panel of limits: used time and how it ended."""


def stage_of(clock: Deadline | ListedClock, now: datetime) -> str:
    """How near the end is, by the clock's own moments, so that a page is right between two sweeps."""
    if clock.state != ClockState.RUNNING.value:
        return {"met": "done", "late": "yellow"}.get(clock.state, "paused")
    for stage in (Stage.RED, Stage.YELLOW, Stage.AMBER, Stage.WHITE):
        if now >= clock.moment(stage):
            return stage.value
    return "calm"


def describe(clock: Deadline, now: datetime, calendar: WorkCalendar) -> Due:
    """The clock in words."""
    short = describe_short(clock, now, calendar)
    end = clock.stopped_at or clock.paused_at or now
    total = (clock.due_at - clock.started_at).total_seconds()
    percent = 100 if total <= 0 else round(100 * min(max((end - clock.started_at).total_seconds() / total, 0), 1))
    return Due(clock.kind, short.stage, short.text, short.title, percent, rule_of(clock), _detail(clock, end))


def describe_short(clock: Deadline | ListedClock, now: datetime, calendar: WorkCalendar) -> ShortDue:
    """The clock as lists show it."""
    title = _("{clock}：应于{due}前，{rule}").format(clock=word("clock", clock.kind), due=due_time(clock.due_at), rule=rule_of(clock))
    if clock.provisional:
        title += _("（节假日安排公布后可能调整）")
    if clock.original_due_at is not None:
        title += _("（延期{n}次，原定{due}）").format(n=clock.extensions, due=due_time(clock.original_due_at))
    return ShortDue(stage_of(clock, now), _text(clock, now, calendar), title, _running(clock, now, calendar))


def _running(clock: Deadline | ListedClock, now: datetime, calendar: WorkCalendar) -> Running | None:
    """For the words that go on: a clock that runs and is told in hours; working days do not pass by the minute."""
    if clock.state != ClockState.RUNNING.value or clock.paused_at is not None or clock.stopped_at is not None:
        return None
    left = round((clock.due_at - now).total_seconds())
    if left > 0 and clock.limit_unit == "wd" and calendar.working_days_left(now, clock.due_at):
        return None
    label = "" if clock.kind == "handle" else word("clock", clock.kind)
    coming = [moment for stage in (Stage.WHITE, Stage.AMBER, Stage.YELLOW, Stage.RED) if (moment := clock.moment(stage)) > now]
    turns = round((min(coming) - now).total_seconds()) + 1 if coming else None
    words = _("{label}剩 {time}") if left > 0 else _("{label}超时 {time}")
    return Running(left, words.format(label=label, time="{}"), turns)


def rule_of(clock: Deadline | ListedClock) -> str:
    """The length of the limit and how it is counted."""
    value, unit = clock.limit_value, clock.limit_unit
    if clock.kind == ClockKind.SUSPENSION.value:
        return _("到复查日期")  # a day that was named, not a length
    if clock.kind == ClockKind.STATUTE.value and clock.limit_unit == "h":
        return _("到单位写明的日期")
    if clock.kind == ClockKind.HANDLE.value and unit == "h" and value > 1 and value != int(value):
        return _("到指定的时间")  # a co-unit's own date
    if unit == "h" and value < 1:
        value, unit = round(value * 60), "min"
    return _length(round(value, 1), unit)


def _length(value: float, unit: str) -> str:
    match unit:
        case "h":
            return counted("{n}小时，全天连续", value)
        case "min":
            return counted("{n}分钟，全天连续", value)
        case "wh":
            return counted("{n}小时，只算上班时间", value)
        case "d":
            return counted("{n}天，含休息日", value)
        case _:
            return counted("{n}个工作日", value)


def _paused(clock: Deadline | ListedClock, calendar: WorkCalendar) -> str:
    left = clock.remaining_seconds or 0
    if left <= 0:
        return _("暂停中，已超时")
    working = clock.limit_unit in ("wd", "wh")
    if working and left >= calendar.seconds_a_day:
        return counted("暂停中，剩 {n}个工作日", round(left / calendar.seconds_a_day, 1))
    time = duration(timedelta(seconds=left))
    return _("暂停中，剩 {time}上班时间").format(time=time) if working else _("暂停中，剩 {time}").format(time=time)


def _text(clock: Deadline | ListedClock, now: datetime, calendar: WorkCalendar) -> str:
    if clock.state == ClockState.CANCELLED.value:
        return _("已撤")
    if clock.stopped_at is not None:
        early = clock.due_at - clock.stopped_at
        return _("提前{time}").format(time=duration(early)) if early > timedelta(0) else _("超时{time}").format(time=duration(-early))
    if clock.paused_at is not None:
        return _paused(clock, calendar)
    label = "" if clock.kind == "handle" else word("clock", clock.kind)
    if now >= clock.due_at:
        return _("{label}超时 {time}").format(label=label, time=duration(now - clock.due_at))
    days = calendar.working_days_left(now, clock.due_at) if clock.limit_unit == "wd" else 0
    left = counted("{n}个工作日", days) if days else duration(clock.due_at - now)
    return _("{label}剩 {time}").format(label=label, time=left)


def _detail(clock: Deadline, end: datetime) -> str:
    used = duration(end - clock.started_at)
    if clock.state == ClockState.CANCELLED.value:
        return _("{time}后撤销").format(time=used)
    if clock.paused_at is not None:
        return _("已用{time}，暂停中").format(time=used)
    if clock.stopped_at is None:
        return _("应于{due}前").format(due=due_time(clock.due_at))
    words = _("用时{time}，及时") if clock.state == ClockState.MET.value else _("用时{time}，超时")
    return words.format(time=used)


def describe_moment(started_at: datetime, due_at: datetime, now: datetime) -> Due:
    """A plain promise without a clock row, for example a return call within the hour."""
    used = (now - started_at).total_seconds() / max((due_at - started_at).total_seconds(), 1)
    stage = "yellow" if used >= 1 else "amber" if used >= 0.8 else "white" if used >= 0.5 else "calm"
    late = now >= due_at
    text = _("超时 {time}").format(time=duration(now - due_at)) if late else _("剩 {time}").format(time=duration(due_at - now))
    return Due("return_call", stage, text, _("应于{due}前").format(due=due_time(due_at)), min(100, round(100 * used)), "", "")
