"""Moments in the citizen's words: 11月20日（星期五）晚上10点半."""

from __future__ import annotations

from datetime import datetime

from hotline.clock import to_city

_DAYS = "一二三四五六日"
_PARTS = ((5, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))


def citizen_moment(moment: datetime) -> str:
    """Day, weekday and hour on the city's wall clock."""
    local = to_city(moment)
    part = next(name for end, name in _PARTS if local.hour < end)
    hour = local.hour if local.hour <= 12 else local.hour - 12
    minutes = {0: "", 30: "半"}.get(local.minute, f"{local.minute}分")
    return f"{local.month}月{local.day}日（星期{_DAYS[local.weekday()]}）{part}{hour}点{minutes}"


def citizen_day(moment: datetime) -> str:
    """Day and weekday on the city's wall clock."""
    local = to_city(moment)
    return f"{local.month}月{local.day}日（星期{_DAYS[local.weekday()]}）"
