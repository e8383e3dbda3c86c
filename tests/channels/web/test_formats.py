from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from channels.web import formats
from hotline.clock import CITY_ZONE
from hotline.i18n import speaking


def city(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=CITY_ZONE).astimezone(UTC)


NOW = city(2026, 11, 20, 12)


@pytest.mark.parametrize(
    ("moment", "words"), [(city(2026, 11, 20, 22, 31), "11-20 22:31"), (city(2025, 11, 20, 22, 31), "2025-11-20 22:31"), (None, "")]
)
def test_lists_leave_out_this_year(moment: datetime | None, words: str) -> None:
    assert formats.short_time(moment, NOW) == words


def test_the_year_turns_at_the_citys_midnight() -> None:
    assert formats.short_time(datetime(2025, 12, 31, 16, 30, tzinfo=UTC), NOW) == "01-01 00:30"


@pytest.mark.parametrize(("moment", "words"), [
    (city(2026, 11, 20, 22, 30), "11月20日（星期五）晚上10点半"),
    (city(2026, 11, 20, 22, 31), "11月20日（星期五）晚上10点31分"),
    (city(2026, 11, 26), "11月25日（星期三）24点"),
    (city(2026, 11, 20, 12), "11月20日（星期五）中午12点"),
    (city(2026, 11, 20, 3, 5), "11月20日（星期五）凌晨3点05分"),
    (city(2026, 11, 20, 9), "11月20日（星期五）上午9点"),
])  # fmt: skip
def test_citizens_read_times_as_people_say_them(moment: datetime, words: str) -> None:
    assert formats.citizen_time(moment) == words


def test_a_due_time_at_midnight_belongs_to_the_day_before() -> None:
    assert formats.due_time(city(2026, 11, 26)) == "11-25 24:00"


def test_a_day_without_its_year() -> None:
    assert formats.month_day(date(2026, 11, 5)) == "11月5日"
    with speaking("en"):
        assert formats.month_day(date(2026, 11, 5)) == "05 November"
        assert [formats.duration(seconds) for seconds in (7800, 100800, 50)] == ["2h 10min", "1d 4h", "50s"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0秒"), (59, "59秒"), (60, "1分"), (7800, "2小时10分"), (7200, "2小时"), (100800, "1天4小时"), (86400, "1天"), (-5, "0秒")],
)
def test_durations(seconds: int, words: str) -> None:
    assert formats.duration(seconds) == words
    assert formats.duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(("phone", "masked"), [
    ("13900002716", "139 **** 2716"), ("+8613900002716", "139 **** 2716"), ("010-12345678", "010 **** 5678"), ("8765432", "****32"),
    ("", "未留"), (None, "未留"),
])  # fmt: skip
def test_phones_are_masked(phone: str | None, masked: str) -> None:
    assert formats.mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("name", "masked"), [("周女士", "周女士"), ("周敏", "周*"), ("欧阳小敏", "欧**"), ("周敏女士", "周*女士"), ("", "未留")]
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert formats.mask_name(name) == masked


def test_a_rate_of_nothing_is_a_dash() -> None:
    assert formats.percent(0, 0) == "—"
    assert formats.percent(12422, 12459) == "99.7%"
