"""The day and the hour that a citizen's words name, by the city's clock: 昨晚八点多 → 11月21日20点左右. Pure functions.

The words are kept as they were said; what they mean is put beside them, so that a unit that reads the ticket a week later need not count.
Habits (每天晚上) and words without a day name none.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import cn2an

from hotline.clock import to_city

_N = r"[0-9一二两三四五六七八九十]{1,3}"
_HABIT = re.compile(r"每|天天|经常|一直|老是|总是|最近|近来|这几天|长期|以来|开始")
_WEEKDAYS = "一二三四五六日"
_AGO = {"大前": 3, "前": 2, "昨": 1, "今": 0}
_NEAR = re.compile(r"(大前|前|昨|今)(?:天|日|晚|夜|早|儿)(?!年)")
_NOW = re.compile(r"刚才|刚刚|现在|这会儿|半?个?小时前")
_DAYS_AGO = re.compile(rf"({_N})天(?:以)?前")
_WEEK = re.compile(r"(上上|上|这|本)?个?(?:周|星期|礼拜)([一二三四五六日天末]?)")
_MONTH_DAY = re.compile(rf"(?:(去年|今年|前年)的?)?({_N})月({_N})[号日]")
_DAY = re.compile(
    rf"(上个?月|这个?月|本月)?的?(?<![0-9一二两三四五六七八九十]月)(?<![0-9一二两三四五六七八九十])({_N})[号日](?![楼院栋线门])"
)
_HOUR = re.compile(rf"(凌晨|半夜|夜里|早上|早晨|早|上午|中午|下午|傍晚|晚上|晚|夜)?[的大概约差不多]*({_N})点(半|({_N})分?)?(多|左右|钟)?")


def beside(text: str, now: datetime) -> str:
    """What to put beside the words: a day with the hour where one is said, or a week; an empty string when they name no day.

    Args:
        now: the moment at which it was said.
    """
    if _HABIT.search(text):
        return ""
    today = to_city(now).date()
    for read in (_near, _days_ago, _month_day, _day_of_month):
        if (day := read(text, today)) is not None:
            return _told(day, today) + _hour(text)
    return _week(text, today)


def with_day(text: str, now: datetime) -> str:
    """The words, and what they mean in brackets."""
    meant = beside(text, now)
    return f"{text}（{meant}）" if meant else text


def _number(words: str) -> int | None:
    try:
        return int(cn2an.cn2an(words.replace("两", "二"), "smart"))
    except ValueError:
        return None


def _near(text: str, today: date) -> date | None:
    found = _NEAR.search(text)
    if found is None:
        return today if _NOW.search(text) else None
    return today - timedelta(days=_AGO[found[1]])


def _days_ago(text: str, today: date) -> date | None:
    found = _DAYS_AGO.search(text)
    days = _number(found[1]) if found else None
    return today - timedelta(days=days) if days is not None else None


def _on(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_day(text: str, today: date) -> date | None:
    found = _MONTH_DAY.search(text)
    month, day = (_number(found[2]), _number(found[3])) if found else (None, None)
    if found is None or month is None or day is None:
        return None
    if found[1]:
        return _on(today.year - {"今年": 0, "去年": 1, "前年": 2}[found[1]], month, day)
    this_year = _on(today.year, month, day)
    return this_year if this_year is None or this_year <= today else _on(today.year - 1, month, day)


def _day_of_month(text: str, today: date) -> date | None:
    """The 3rd of this month, or of the last one when it is still to come."""
    found = _DAY.search(text)
    day = _number(found[2]) if found else None
    if found is None or day is None:
        return None
    last = today.replace(day=1) - timedelta(days=1)
    here = _on(today.year, today.month, day)
    if found[1] is not None and found[1].startswith("上"):
        return _on(last.year, last.month, day)
    return here if here is not None and here <= today else _on(last.year, last.month, day)


def _week(text: str, today: date) -> str:
    found = _WEEK.search(text)
    if found is None or not (found[1] or found[2]):
        return ""
    monday = today - timedelta(days=today.weekday() + 7 * {"上上": 2, "上": 1}.get(found[1] or "", 0))
    if found[2] in ("", "末"):
        if not found[1] and found[2]:
            monday -= timedelta(days=7 if today.weekday() < 5 else 0)  # «at the weekend» that is over
        first, last = (monday + timedelta(days=5), monday + timedelta(days=6)) if found[2] else (monday, monday + timedelta(days=6))
        return f"{_told(first, today)}至{_told(last, today)}"
    day = monday + timedelta(days=_WEEKDAYS.index(found[2].replace("天", "日")))
    if day > today and not found[1]:
        day -= timedelta(days=7)
    return _told(day, today) + _hour(text)


def _told(day: date, today: date) -> str:
    year = f"{day.year}年" if day.year != today.year else ""
    return f"{year}{day.month}月{day.day}日"


def _hour(text: str) -> str:
    found = _HOUR.search(text)
    hour = _number(found[2]) if found else None
    if found is None or hour is None or hour > 24:
        return ""
    part = found[1] or next((word for word in ("下午", "傍晚", "晚", "夜") if word in text), "")
    if hour < 12 and (part in ("下午", "傍晚", "晚上", "晚", "夜", "夜里") and hour >= (6 if part in ("夜里", "夜") else 1)):
        hour += 12
    if part == "中午" and hour <= 2:
        hour += 12
    minute = 30 if found[3] == "半" else _number(found[4]) if found[4] else 0
    exact = f"{hour}点{minute}分" if minute else f"{hour}点"
    return exact + ("左右" if found[5] in ("多", "左右") else "")
