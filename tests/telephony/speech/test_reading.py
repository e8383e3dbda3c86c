"""What the caller hears of numbers, dates, codes and signs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.speech.numerals import cardinal, decimal, slowly, spelled
from telephony.speech.reading import MAX_SPOKEN, readable, sentences


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        ("0", "零"), ("7", "七"), ("10", "十"), ("12", "十二"), ("20", "二十"), ("100", "一百"), ("105", "一百零五"), ("110", "一百一十"),
        ("1001", "一千零一"), ("1010", "一千零一十"), ("10000", "一万"), ("10001", "一万零一"), ("10500", "一万零五百"), ("100000", "十万"),
        ("110000", "十一万"), ("1000000", "一百万"), ("100000001", "一亿零一"), ("20260", "二万零二百六十"),
        ("12345", "一万二千三百四十五"),
        ("100010000", "一亿零一万"), ("007", "七"),
    ],
)  # fmt: skip
def test_a_whole_number_is_said_as_an_amount(digits: str, said: str) -> None:
    assert cardinal(digits) == said


@settings(deadline=None)  # the first example loads the library's tables; a busy machine may take long for any
@given(st.integers(min_value=0, max_value=10**16 - 1))
def test_amounts_agree_with_the_library_that_reads_them_back(value: int) -> None:
    import cn2an

    said = cardinal(str(value))
    assert cn2an.cn2an(said, "smart") == value


@pytest.mark.parametrize(("text", "said"), [("-3.05", "负三点零五"), ("1,234.5", "一千二百三十四点五"), (".5", "零点五")])
def test_decimals(text: str, said: str) -> None:
    assert decimal(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # numbers
        ("您前面还有3位市民", "您前面还有三位市民"),
        ("需要2份材料", "需要两份材料"),
        ("请在2月2日前", "请在二月二日前"),
        ("第2步", "第二步"),
        ("共12个工作日", "共十二个工作日"),
        ("3-5个工作日", "三到五个工作日"),
        ("3~5天", "三到五天"),
        ("面积90.5㎡", "面积九十点五平方米"),
        ("噪声不超过55dB", "噪声不超过五十五分贝"),
        ("室温不低于18℃", "室温不低于十八摄氏度"),
        ("最低-5℃", "最低零下五摄氏度"),
        ("完成1/3", "完成三分之一"),
        # percent and money
        ("满意率98.5%", "满意率百分之九十八点五"),
        ("提高5‰", "提高千分之五"),
        ("收费10元", "收费十元"),
        ("¥1,234.50", "一千二百三十四点五零元"),
        ("最低工资2,010元", "最低工资二千零一十元"),
        ("最高30万元", "最高三十万元"),
        # dates and times
        ("2026年11月22日", "二零二六年十一月二十二日"),
        ("2026-11-02", "二零二六年十一月二日"),
        ("2026/1/9", "二零二六年一月九日"),
        ("工作日9:00-17:30", "工作日九点到十七点半"),
        ("08:05开门", "八点零五分开门"),
        ("22:00至次日6:00", "二十二点至次日六点"),
        ("2:15", "两点十五分"),
        # telephone numbers
        ("请拨打12345", "请拨打幺二三四五"),
        ("拨打110或119", "拨打幺幺零或幺幺九"),
        ("火警119。", "火警幺幺九。"),
        ("尾号13800138000", "尾号幺三八，零零幺三，八零零零"),
        ("400-810-1234", "四零零，八幺零，幺二三四"),
        ("0571-12345678", "零五七幺，幺二三四五六七八"),
        ("收费110元", "收费一百一十元"),
        ("120天内", "一百二十天内"),
        # ticket numbers and codes
        ("编号12345-20261122-00017", "编号幺二三四五，二零二六，幺幺二二，零零零幺七"),
        ("查询码A7K2MNPQ", "查询码诶七开二，艾姆恩批酷"),
        # letters and words
        ("下载APP", "下载应用软件"),
        ("连接WiFi", "连接无线网"),
        ("A栋3单元", "诶栋三单元"),
        ("PDF文件", "批弟艾付文件"),
        ("见https://www.gov.cn/abc?x=1。", "见网站。"),
        # signs and faults of the voice
        ("身份证、户口本", "身份证，户口本"),
        ("（原件）和【复印件】", "原件，和，复印件"),
        ("在哪儿办？", "在哪里办。"),
        ("严重影响休息", "严仲影响休息"),
        ("你好😀！#*", "你好。"),
        ("第一行\n第二行", "第一行。第二行"),
        ("", ""),
        ("…", ""),
    ],
)  # fmt: skip
def test_text_is_read_as_a_person_would(text: str, said: str) -> None:
    assert readable(text) == said


@settings(deadline=None)
@given(st.text(max_size=200))
def test_nothing_but_characters_and_pauses_reaches_the_voice(text: str) -> None:
    assert re.fullmatch(r"[\u3400-\u4dbf\u4e00-\u9fff，。]*", readable(text))


@settings(deadline=None)
@given(st.text(alphabet="0123456789-./:%年月日元ABab，。", max_size=60))
def test_any_mixture_of_digits_and_signs_is_spoken_somehow(text: str) -> None:
    if re.search(r"[0-9A-Za-z]", text):
        assert readable(text)


def test_codes_are_read_slowly_in_groups() -> None:
    assert slowly("12345-20261122-00017", 4).count("，") == 3
    assert spelled("ab1") == "诶必幺"


def test_a_long_text_ends_at_a_sentence() -> None:
    said = readable("今天天气很好。" * 400)
    assert len(said) <= MAX_SPOKEN
    assert said.endswith("。")


def test_pieces_hold_the_whole_text() -> None:
    text = readable("您可以到政务服务中心办理，请带上身份证，户口本，照片。" * 9 + "字" * 300)
    pieces = sentences(text)
    assert "".join(pieces) == text
    assert max(len(p) for p in pieces) <= 90
