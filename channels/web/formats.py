"""Dates, durations, numbers and masked data in the words of design.md section 9. Filters of every template."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hotline.clock import to_city
from hotline.i18n import _, language

_WEEKDAYS = "一二三四五六日"
_DAY_PARTS = ((5, "凌晨"), (8, "早上"), (11, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))


def short_time(moment: datetime | None, now: datetime) -> str:
    """`11-20 22:31` in lists; with the year when it is not this one."""
    if moment is None:
        return ""
    local = to_city(moment)
    return local.strftime("%m-%d %H:%M") if local.year == to_city(now).year else local.strftime("%Y-%m-%d %H:%M")


def record_time(moment: datetime | None) -> str:
    """`2026-11-20 22:31` in records."""
    return to_city(moment).strftime("%Y-%m-%d %H:%M") if moment else ""


def iso_time(moment: datetime | None) -> str:
    """For the `datetime` attribute of `<time>`."""
    return to_city(moment).isoformat(timespec="minutes") if moment else ""


def due_time(moment: datetime | None) -> str:
    """A due time for staff: `11-25 24:00` rather than `11-26 00:00`, since the day itself is still in time."""
    if moment is None:
        return ""
    local = to_city(moment)
    if local.hour == 0 and local.minute == 0:
        return (local - timedelta(days=1)).strftime("%m-%d 24:00")
    return local.strftime("%m-%d %H:%M")


def citizen_time(moment: datetime | None) -> str:
    """`11月20日（星期五）晚上10点半` for citizens; a due time at midnight names the day before (`24点`)."""
    if moment is None:
        return ""
    local = to_city(moment)
    if local.hour == 0 and local.minute == 0:
        day = local - timedelta(days=1)
        if language() != "zh":
            return f"the end of {day:%d %B %Y}"
        return f"{day.month}月{day.day}日（星期{_WEEKDAYS[day.weekday()]}）24点"
    if language() != "zh":
        return f"{local:%H:%M, %d %B %Y}"
    part = next(name for end, name in _DAY_PARTS if local.hour < end)
    hour = local.hour - 12 if local.hour > 12 else local.hour
    minutes = {0: "", 30: "半"}.get(local.minute, f"{local.minute:02d}分")
    return f"{local.month}月{local.day}日（星期{_WEEKDAYS[local.weekday()]}）{part}{hour}点{minutes}"


def month_day(day: date) -> str:
    """`11月20日`, where the year goes without saying."""
    return f"{day.month}月{day.day}日" if language() == "zh" else f"{day:%d %B}"


def city_day(moment: datetime) -> str:
    """The day of something that happened: `11月20日（星期五）`; midnight belongs to the day that begins."""
    local = to_city(moment)
    if language() != "zh":
        return f"{local:%A, %d %B %Y}"
    return f"{local.month}月{local.day}日（星期{_WEEKDAYS[local.weekday()]}）"


def clock_time(moment: datetime) -> str:
    """`22:31`, where the day stands above."""
    return to_city(moment).strftime("%H:%M")


def duration(seconds: float | timedelta | None) -> str:
    """`2小时10分`, `1天4小时`, `26分`, `50秒`, in English `2h 10min`: the two largest units at most. work.js tells it the same way."""
    if seconds is None:
        return ""
    day, hour, minute, second = _("天 小时 分 秒").split(" ")
    gap = "" if language() == "zh" else " "
    whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    whole = max(whole, 0)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    if days:
        return f"{days}{day}{gap}{hours}{hour}" if hours else f"{days}{day}"
    if hours:
        return f"{hours}{hour}{gap}{minutes:02d}{minute}" if minutes else f"{hours}{hour}"
    return f"{minutes}{minute}" if minutes else f"{secs}{second}"


def clock_length(seconds: float | None) -> str:
    """`01:26` for recordings and calls."""
    whole = max(int(seconds or 0), 0)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def number(value: float | None) -> str:
    """`9,862`."""
    return "" if value is None else f"{value:,.0f}"


def percent(part: float, whole: float) -> str:
    """A rate with one decimal; a dash when there is nothing to divide by."""
    return f"{100 * part / whole:.1f}%" if whole else "—"


def file_size(size: int) -> str:
    """`1.2 MB`."""
    return f"{size / 1048576:.1f} MB" if size >= 1048576 else f"{max(1, round(size / 1024))} KB"


def mask_phone(phone: str | None) -> str:
    """`139 **** 2716`; shorter numbers keep their last two digits."""
    digits = "".join(char for char in phone or "" if char.isdigit())
    if digits.startswith("86") and len(digits) == 13:
        digits = digits[2:]
    if not digits:
        return _("未留")
    return f"{digits[:3]} **** {digits[-4:]}" if len(digits) >= 10 else f"****{digits[-2:]}"


def show_phone(phone: str | None) -> str:
    """`139 0000 2716` for those who may see it."""
    digits = "".join(char for char in phone or "" if char.isdigit())
    if digits.startswith("86") and len(digits) == 13:
        digits = digits[2:]
    return f"{digits[:3]} {digits[3:7]} {digits[7:]}" if len(digits) == 11 else digits


def mask_name(name: str | None) -> str:
    """`周**`; 先生 and 女士 stay, since they tell nothing more."""
    text = (name or "").strip()
    if not text:
        return _("未留")
    for title in ("先生", "女士"):
        if text.endswith(title):
            return text[0] + "*" * min(len(text) - 3, 2) + title if len(text) > 3 else text
    return text[0] + "*" * min(max(len(text) - 1, 1), 2)


FILTERS = {
    "record_time": record_time,
    "iso_time": iso_time,
    "due_time": due_time,
    "citizen_time": citizen_time,
    "city_day": city_day,
    "clock_time": clock_time,
    "duration": duration,
    "clock_length": clock_length,
    "number": number,
    "file_size": file_size,
    "mask_phone": mask_phone,
    "show_phone": show_phone,
    "mask_name": mask_name,
}
"""Filters that need nothing but their value; `short_time` needs the clock and is made by `templating`."""
