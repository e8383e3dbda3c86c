"""Days and hours in citizens' words, counted by the city's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chatbot.when import beside, with_day

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
"""A Sunday, 17:00 in the city."""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("昨晚八点多", "11月21日20点左右"),
        ("前天下午", "11月20日"),
        ("昨天晚上十点半", "11月21日22点30分"),
        ("今天凌晨两点", "11月22日2点"),
        ("昨天中午一点", "11月21日13点"),
        ("大前天", "11月19日"),
        ("三天前", "11月19日"),
        ("刚才", "11月22日"),
        ("上礼拜", "11月9日至11月15日"),
        ("上周三", "11月11日"),
        ("上星期天", "11月15日"),
        ("周一早上", "11月16日"),
        ("这周五下午三点二十", "11月20日15点20分"),
        ("周末", "11月21日至11月22日"),
        ("这个月三号", "11月3日"),
        ("25号", "10月25日"),
        ("上个月五号", "10月5日"),
        ("十一月十号", "11月10日"),
        ("12月3号", "2025年12月3日"),
        ("去年三月五号", "2025年3月5日"),
    ],
)
def test_what_a_day_means(said: str, meant: str) -> None:
    assert beside(said, NOW) == meant


@pytest.mark.parametrize("said", ["每天晚上十点以后", "最近一个月", "半夜", "一直这样", "二十八号楼", "二月三十号", "", "九十九号"])
def test_a_habit_and_half_a_date_mean_no_day(said: str) -> None:
    assert with_day(said, NOW) == said


def test_the_day_is_the_citys_not_the_clocks_of_greenwich() -> None:
    assert beside("今天", datetime(2026, 11, 22, 16, 30, tzinfo=UTC)) == "11月23日"
