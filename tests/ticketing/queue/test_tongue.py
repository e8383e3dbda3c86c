"""Which words ask for a language or dialect, and which only mention one."""

from __future__ import annotations

import pytest

from ticketing.call_flow.document import package_document
from ticketing.call_flow.tongue import Tongue, asked_for

TONGUES = package_document().tongues


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("我要讲方言", Tongue("zh", "local")),
        ("有没有会说本地话的", Tongue("zh", "local")),
        ("我听不懂普通话", Tongue("zh", "local")),
        ("我不会讲普通话", Tongue("zh", "local")),
        ("能说广东话吗", Tongue("zh", "yue")),
        ("粤语", Tongue("zh", "yue")),
        ("用上海话讲可以吗", Tongue("zh", "wuu")),
        ("English please", Tongue("en")),
        ("Do you speak English", Tongue("en")),
        ("可以讲英语吗", Tongue("en")),
        ("还是说普通话吧", Tongue("zh")),
    ],
)
def test_a_wish(said: str, wish: Tongue) -> None:
    assert asked_for(said, TONGUES) == wish


@pytest.mark.parametrize(
    "said",
    [
        "我要投诉英语培训班不退钱",
        "孩子的英语老师打人",
        "他不会说英语",
        "我不说方言",
        "方言保护有什么政策",
        "学校要求学生在课间也必须全部都说普通话家长很有意见",
        "路灯坏了",
        "",
    ],
)
def test_a_mention_is_no_wish(said: str) -> None:
    assert asked_for(said, TONGUES) == Tongue()
