"""Danger and the wish for a person are found by rule, before any classifier."""

from __future__ import annotations

import pytest

from chatbot.rules import Danger, danger_in, wants_person


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("我家着火了", Danger.FIRE),
        ("楼下仓库在冒浓烟快来人", Danger.FIRE),
        ("我被困在电梯里了", Danger.RESCUE),
        ("闻到一股煤气味", Danger.GAS),
        ("天然气管道在漏气", Danger.GAS),
        ("有人受伤了流了好多血", Danger.INJURY),
        ("我爸突然晕倒了", Danger.INJURY),
        ("救命啊有人拿刀", Danger.CRIME),
        ("我家孩子走丢了", Danger.CRIME),
        ("路口出车祸了", Danger.TRAFFIC),
        ("我不想活了", Danger.LIFE),
        ("楼顶有人要跳楼", Danger.LIFE),
    ],
)
def test_danger(text: str, danger: Danger) -> None:
    assert danger_in(text) is danger


@pytest.mark.parametrize(
    "text",
    [
        "上班受了重伤怎么认定工伤",
        "着火了以后怎么申请临时补助",
        "消防通道被占，万一着火怎么办",
        "担心会爆炸",
        "去年起火的那栋楼还没修",
        "路灯坏了",
        "公交站牌被车撞歪了",
        "煤气费怎么交",
        "",
    ],
)
def test_no_danger(text: str) -> None:
    assert danger_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "转人工",
        "人工",
        "人工服务",
        "找个活人来",
        "我要跟真人说话",
        "别让机器人跟我说",
        "有没有人啊",
        "接线员",
        "0",
        "叫你们工作人员来",
        "你给我换个人来",
    ],
)
def test_person(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize("text", ["不用转人工", "人工智能公司在哪里", "我要投诉银行客服", "客服态度太差了", "人工费太贵", "有人占道", "10"])
def test_no_person(text: str) -> None:
    assert not wants_person(text)
