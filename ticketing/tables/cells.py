"""Cells as people fill them in."""

from __future__ import annotations

import re
from datetime import date, datetime

from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.tables.reader import Line

_TRUE = frozenset({"", "1", "是", "启用", "有效", "true", "yes", "y"})
_FALSE = frozenset({"0", "否", "停用", "无效", "false", "no", "n"})


def flag(line: Line, key: str) -> bool:
    """是 or 否; an empty or missing cell is 是."""
    text = line.cells.get(key, "").lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise InvalidInput(_("请填“是”或“否”"), field=key)


def day_of(text: str, key: str) -> date:
    """A date as people and spreadsheets write it."""
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?", text)
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    raise InvalidInput(_("请填日期，例如2027-01-01"), field=key)


def moment_of(text: str, key: str) -> datetime:
    """A time of the city's clock."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=CITY_ZONE)
        except ValueError:
            continue
    raise InvalidInput(_("请填时间，例如2026-11-18 09:30"), field=key)
