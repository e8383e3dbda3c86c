"""Texts of the scripts come from the templates, where they are translated: no script has Chinese of its own."""

from __future__ import annotations

import re

import pytest

from tests.channels.web.test_old_browsers import STATIC

HAN = re.compile(r"[\u3400-\u9fff\uff01-\uff5e]")
COMMENT = re.compile(r"/\*.*?\*/|(?:^|(?<=[\s;{}]))//[^\n]*", re.DOTALL)
"""A `//` behind a colon belongs to an address."""


def chinese(source: str) -> list[str]:
    """The lines with Chinese outside comments."""
    return [line.strip() for line in COMMENT.sub("", source).splitlines() if HAN.search(line)]


def test_no_script_says_anything_in_chinese_by_itself() -> None:
    scripts = sorted((STATIC / "js").glob("*.js"))
    assert len(scripts) > 10
    assert {script.name: found for script in scripts if (found := chinese(script.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(("source", "found"), [
    ("toast('断网');  // 说明", 1), ("// 说明\n/* 说\n明 */ toast(text);", 0), ("open('https://x/断网');", 1),
])  # fmt: skip
def test_the_check_notices(source: str, found: int) -> None:
    assert len(chinese(source)) == found
