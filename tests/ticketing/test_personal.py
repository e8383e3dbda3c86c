"""What of a person is found in words for everybody, and what is left alone."""

from __future__ import annotations

import pytest

from ticketing.publication.personal import find

KNOWN = ("周敏", "13900002716", "滨河路188号3栋", "12345-20261118-00871")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("请联系 13900002716", "电话号码"),
        ("请联系 １３９ 0000 2716", "电话号码"),
        ("打139\u200b00002716", "电话号码"),
        ("打一三九零零零零二七一六", "长号码"),
        ("打一三九 零零零零-二七一六", "长号码"),
        ("打139.0000.2716", "长号码"),
        ("身份证110101199003070011", "证件号"),
        ("写信到 zhou@example.org", "邮箱"),
        ("车牌云A12345停在门口", "车牌号"),
        ("住在3号楼2单元501室", "门牌号"),
        ("滨河路 188 号门前的路灯", "门牌号"),
        ("王女士反映夜里太吵", "姓名"),
        ("周 敏反映夜里太吵", "反映人的信息"),
        ("工单12345-20261118-00871", "长号码"),
    ],
)
def test_it_is_found(words: str, what: str) -> None:
    assert what in find(words, KNOWN)


@pytest.mark.parametrize(
    "words",
    [
        "滨河路路灯不亮，2026-11-18报修，2026年11月20日修好，共更换3盏，费用120元。",
        "工地夜间22:00以后施工，依据《噪声污染防治法》第四十三条，已责令停工。有问题请拨打12345。",
        "轨道交通3号线延长到夜里23点。周边居民满意。",
        "第一、二、三、四、五、六、七栋都已恢复供水；［姓名］的押金已退。",
    ],
)
def test_ordinary_words_pass(words: str) -> None:
    assert find(words, KNOWN) == []


def test_nothing_known_finds_nothing() -> None:
    assert find("路灯不亮", ("", "周", "")) == []
