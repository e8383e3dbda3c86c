"""Reading a list of working days and rest days from a file: JSON or CSV. Every faulty row is named; nothing is written.

Formats: JSON as the State Council's list is commonly published (`{"year": 2027, "days": [{"date", "name", "isOffDay"}]}`),
a JSON list of `{"date", "is_work", "name"}`, or CSV with the columns date, is_work, name (日期, 是否上班, 名称).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hotline.errors import InvalidInput
from hotline.i18n import _

MAX_BYTES, MAX_ROWS, MAX_NAME = 1024 * 1024, 2200, 30
"""Six years of days. Longer files are refused unread."""
FIRST, LAST = date(2000, 1, 1), date(2100, 12, 31)
_WORK = {"1": True, "true": True, "yes": True, "是": True, "上班": True, "工作日": True,
         "0": False, "false": False, "no": False, "否": False, "休息": False, "放假": False, "节假日": False}  # fmt: skip
_COLUMNS = {"date": "date", "day": "date", "日期": "date", "is_work": "is_work", "是否上班": "is_work", "上班": "is_work",
            "name": "name", "名称": "name", "说明": "name"}  # fmt: skip
_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")


@dataclass(frozen=True)
class Day:
    """One day of a list."""

    day: date
    is_work: bool
    name: str = ""


@dataclass
class DayList:
    """What a file says.

    Attributes:
        days: by date.
        years: years that the list covers whole: their other days are Monday to Friday work, weekends rest.
        errors: what is wrong, with the row.
        source: file, package or hand.
    """

    days: dict[date, Day] = field(default_factory=dict)
    years: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    source: str = "file"

    def filled(self) -> dict[date, Day]:
        """The days with those that the covered years leave out."""
        found = dict(self.days)
        for year in self.years:
            day = date(year, 1, 1)
            while day.year == year:
                found.setdefault(day, Day(day, day.weekday() < 5))
                day += timedelta(days=1)
        return found

    def as_text(self) -> str:
        """The same as JSON, for the second step of an import."""
        rows = [{"date": day.day.isoformat(), "is_work": day.is_work, "name": day.name} for _key, day in sorted(self.days.items())]
        return json.dumps({"years": sorted(self.years), "source": self.source, "days": rows}, ensure_ascii=False)


def read(content: bytes | str, *, years: set[int] | None = None) -> DayList:
    """Read a file of either format. Raises InvalidInput when it cannot be read at all; row errors are in the result."""
    text = content if isinstance(content, str) else _decode(content)
    if len(text) > MAX_BYTES:
        raise InvalidInput(_("文件太大，日历名单应小于1 MB"), field="file")
    text = text.lstrip("\ufeff").strip()
    if not text:
        raise InvalidInput(_("请选择文件"), field="file")
    found = DayList(years=set(years or ()))
    rows = _json_rows(text, found) if text[0] in "[{" else _csv_rows(text)
    for number, row in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise InvalidInput(_("行数太多，一次最多{n}行"), field="file", n=MAX_ROWS)
        _take(found, number, row)
    bad = {year for year in found.years if not FIRST.year <= year <= LAST.year}
    found.errors += [_("没有这个年份：{year}").format(year=year) for year in sorted(bad)]
    found.years -= bad
    return found


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidInput(_("文件太大，日历名单应小于1 MB"), field="file")
    for encoding in ("utf-8-sig", "gb18030"):  # what Excel writes in China without being asked
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput(_("文件不是UTF-8或GB18030编码的文本"), field="file")


def _json_rows(text: str, found: DayList) -> Iterator[Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(_("JSON格式不对：{error}"), field="file", error=str(error)[:100]) from error
    if isinstance(raw, dict):
        years = raw.get("years", [raw["year"]] if "year" in raw else [])
        if not isinstance(years, list) or not all(isinstance(year, int) and not isinstance(year, bool) for year in years):
            raise InvalidInput(_("JSON里的年份应是数字"), field="file")
        found.years |= set(years)
        found.source = raw["source"] if raw.get("source") in ("file", "package", "hand") else "file"
        raw = raw.get("days", [] if found.years else None)
    if not isinstance(raw, list):
        raise InvalidInput(_("JSON里没有日期清单 days"), field="file")
    yield from raw


def _csv_rows(text: str) -> Iterator[Any]:
    lines = csv.reader(io.StringIO(text))
    try:
        header = next(lines)
        names = [_COLUMNS.get(cell.strip().lower(), "") for cell in header]
        if not {"date", "is_work"} <= set(names):
            raise InvalidInput(_("第一行应有“日期”和“是否上班”两列（date, is_work）"), field="file")
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InvalidInput(_("CSV格式不对：{error}"), field="file", error=str(error)[:100]) from error


def _take(found: DayList, number: int, row: Any) -> None:
    """One row into the list, or its error."""

    def wrong(text: str) -> None:
        found.errors.append(_("第{n}行：{text}").format(n=number, text=text))

    if not isinstance(row, dict):
        return wrong(_("应有 date 和 is_work"))
    day = _date(row.get("date"))
    if day is None:
        return wrong(_("日期“{value}”看不懂，应写成2027-01-01").format(value=str(row.get("date", ""))[:20]))
    raw = not row["isOffDay"] if isinstance(row.get("isOffDay"), bool) else row.get("is_work")
    is_work = raw if isinstance(raw, bool) else _WORK.get(str(raw).strip().lower())
    if is_work is None:
        return wrong(_("“{value}”看不懂，上班写1，休息写0").format(value=str(raw)[:20]))
    name = str(row.get("name") or "").strip()
    if len(name) > MAX_NAME or any(ord(char) < 32 for char in name):
        return wrong(_("名称太长，或有不能保存的字符"))
    if day in found.days:
        return wrong(_("{day} 写了两次").format(day=day))
    found.days[day] = Day(day, is_work, name)
    return None


def _date(value: Any) -> date | None:
    match = _DATE.fullmatch(str(value or "").strip())
    try:
        day = date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
    return day if day and FIRST <= day <= LAST else None


_PERIOD = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~至]\s*(\d{1,2})[:：](\d{2})")


def read_periods(text: str) -> list[tuple[int, int]]:
    """Office hours as they are typed, `9:00-12:00, 13:30-24:00`, in minutes of the day. Raises InvalidInput."""
    found = []
    for part in re.split(r"[,，;；\s]+(?=\d{1,2}[:：]\d{2}\s*[-–—~至])", text.strip()):
        match = _PERIOD.fullmatch(part.strip())
        if match is None:
            raise InvalidInput(_("上班时间“{part}”看不懂，应写成9:00-12:00, 13:30-17:30"), field="periods", part=part[:40])
        hour, minute, end_hour, end_minute = map(int, match.groups())
        if minute > 59 or end_minute > 59:
            raise InvalidInput(_("没有这个时刻：{part}"), field="periods", part=part)
        found.append((hour * 60 + minute, end_hour * 60 + end_minute))
    return found
