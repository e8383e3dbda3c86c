"""Punctuation between the words of a page."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined

from channels.web.punctuation import Punctuation
from hotline.i18n import _, set_language

PAGE = '<p title="{{ _("单位") }}：{{ said }}">{{ _("单位") }}：{{ names|join("、") }}（{{ said }}）。</p>{# 注释，无 #}'


@pytest.fixture
def page() -> Environment:
    env = Environment(loader=DictLoader({"page": PAGE}), autoescape=True, undefined=StrictUndefined, extensions=[Punctuation])
    env.globals["_"] = _
    return env


def test_in_chinese_it_is_as_written(page: Environment) -> None:
    assert (
        page.get_template("page").render(said="路灯，不亮", names=["甲", "乙"])
        == '<p title="单位：路灯，不亮">单位：甲、乙（路灯，不亮）。</p>'
    )


def test_in_english_it_is_english_and_what_people_wrote_stays(page: Environment) -> None:
    def english() -> tuple[str, str]:
        set_language("en")
        return _("单位"), page.get_template("page").render(said="路灯，不亮", names=["甲", "乙"])

    unit, shown = copy_context().run(english)
    assert unit != "单位"
    assert shown == f'<p title="{unit}: 路灯，不亮">{unit}: 甲, 乙 (路灯，不亮). </p>'
