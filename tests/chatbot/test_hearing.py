"""Digits, yes and no, places, times and speech."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot import hearing
from chatbot.facts import find_name
from chatbot.places import find_time, gazetteer
from chatbot.spoken import to_spoken

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13900002716", "13900002716"),
        ("139-0000-2716", "13900002716"),
        ("我的电话是一三九 零零零零 二七一六", "13900002716"),
        ("幺三九洞洞洞洞二拐幺六", "13900002716"),
        ("１３９００００２７１６", "13900002716"),
        ("8613900002716", "13900002716"),
        ("0531-86520520", "053186520520"),
        ("六五二零五二零", "6520520"),
        ("十一月二号", None),
        ("1390000271", None),
        ("我家在建设路18号3栋2单元", None),
        ("", None),
    ],
)
def test_phone(text: str, phone: str | None) -> None:
    assert hearing.find_phone(text) == phone


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12345-20261118-00871", "12345-20261118-00871"),
        ("查一下12345 20261118 00871", "12345-20261118-00871"),
        ("2026111800871", "12345-20261118-00871"),
        ("幺二三四五，二零二六幺幺幺八，零零八七幺", "12345-20261118-00871"),
        ("零零八七一", "12345-20261118-00871"),
        ("打的12345", None),
        ("我要投诉", None),
        ("13900002716", None),
    ],
)
def test_ticket_number(text: str, number: str | None) -> None:
    assert hearing.find_ticket_number(text, "12345", NOW) == number


def test_query_code_is_not_found_in_a_ticket_number() -> None:
    assert hearing.find_query_code("12345-20261118-00871 K7MN-PQ23") == "K7MNPQ23"
    assert hearing.find_query_code("查询码是 k7mnpq23") == "K7MNPQ23"
    assert hearing.find_query_code("12345-20261118-00871") is None


@pytest.mark.parametrize("text", ["对", "嗯对", "对对对", "好的，登记吧", "是的没错", "可以", "要的", "OK", "没问题"])
def test_yes(text: str) -> None:
    assert hearing.is_yes(text)
    assert not hearing.is_no(text)


@pytest.mark.parametrize("text", ["不对", "不是", "没有了", "不用了，谢谢", "都不是", "错了"])
def test_no(text: str) -> None:
    assert hearing.is_no(text)
    assert not hearing.is_yes(text)


@pytest.mark.parametrize(
    "text",
    [
        "算了",
        "不说了",
        "不登记了",
        "算了吧",
        "还是算了",
        "还是算了吧",
        "那就算了",
        "就这样算了",
        "我不登记了",
        "算了，不说了。",
        "你别登记了",
    ],
)
def test_cancel(text: str) -> None:
    assert hearing.is_cancel(text)


@pytest.mark.parametrize("text", ["要不要登记", "你好", "就这样", "物业说算了不管", "还是老样子", "登记", ""])
def test_no_cancel(text: str) -> None:
    assert not hearing.is_cancel(text)


@pytest.mark.parametrize("text", ["谢谢", "对面的工地", "不用户口本行不行", "建设路", "了", ""])
def test_neither(text: str) -> None:
    assert not hearing.is_yes(text)
    assert not hearing.is_no(text)


def test_which_choice() -> None:
    titles = ["居民身份证丢失补领", "居民身份证到期换领", "临时居民身份证办理"]
    for text, place in (("第二个", 1), ("1", 0), ("三", 2), ("选第一个吧", 0), ("居民身份证到期换领", 1), ("临时居民身份证", 2)):
        assert hearing.which(text, titles) == place, text
    for text in ("身份证", "都不是", "第四个", ""):
        assert hearing.which(text, titles) is None, text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("滨江壹号楼下天天半夜施工", "滨江壹号楼下"),
        ("建设路和解放路路口的红绿灯坏了", "建设路和解放路路口"),
        ("翠湖小区3号楼2单元漏水", "翠湖小区3号楼2单元"),
        ("在临江区滨河路十八号", "临江区滨河路十八号"),
        ("金桂小区门口有人卖烧烤", "金桂小区门口"),
        ("门口那条路全是坑", ""),
        ("半夜吵得睡不着", ""),
    ],
)
def test_place(text: str, place: str) -> None:
    assert gazetteer().find(text) == place


@pytest.mark.parametrize(
    ("text", "time"),
    [("昨天晚上十点多开始的", "昨天晚上十点多"), ("坏了三天了", "三天了"), ("半夜", "半夜"), ("三号楼", ""), ("路灯坏了", "")],
)
def test_time(text: str, time: str) -> None:
    assert find_time(text).removesuffix("开始") == time
    assert find_time("半夜装修", anchored=True) == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [("我姓王", "王"), ("免贵姓李", "李"), ("我叫张小明", "张小明"), ("王女士", "王女士"), ("我是业主", "")],
)
def test_name(text: str, name: str) -> None:
    assert find_name(text) == name


READABLE = re.compile(r"[\u3400-\u9fff，。！？、；：]*")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("请拨打12329。", "请拨打幺二三二九。"),
        ("收费40元（工本费）", "收费四十元"),
        ("见 https://example.org/a?b=1 ，或窗口", "见，或窗口"),
        ("上午8:30至12:00", "上午八点三十分至十二点"),
        ("2026年修订", "二零二六年修订"),
        ("《民法典》“规定”", "民法典规定"),
        ("需要A4纸", "需要诶四纸"),
        ("优惠5%", "优惠百分之五"),
    ],
)
def test_spoken(written: str, spoken: str) -> None:
    assert to_spoken(written) == spoken


@given(st.text(max_size=80))
def test_whatever_is_written_can_be_read_aloud(text: str) -> None:
    assert READABLE.fullmatch(to_spoken(text))


@given(st.text(max_size=60))
def test_nothing_that_is_said_breaks_the_ears(text: str) -> None:
    hearing.find_phone(text)
    hearing.find_ticket_number(text, "12345", NOW)
    hearing.find_query_code(text)
    hearing.is_yes(text), hearing.is_no(text), hearing.is_skip(text), hearing.is_cancel(text)
    gazetteer().find(text)
    find_time(text)
