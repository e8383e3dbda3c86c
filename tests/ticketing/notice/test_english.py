"""Notices in English: every template is there with the same placeholders, and a citizen who chose it gets it."""

from __future__ import annotations

import re

import pytest

from ticketing.notice import english, templates

NAMES = re.compile(r"\{([a-z_]+)\}")


@pytest.mark.parametrize("template", templates.load().templates, ids=lambda one: one.key)
def test_every_template_has_english_words_with_no_other_placeholders(template: templates.Template) -> None:
    words, _values = english.in_language(template, {}, "en")
    assert words.text != template.text
    for own, other in ((words.text, template.text), (words.sms, template.sms)):
        assert set(NAMES.findall(own)) <= set(NAMES.findall(other)) | {"line", "track"}
        assert own.count("[[") == own.count("]]")
        assert len(own) <= templates.MAX_TEXT
        assert not re.search(r"[\u4e00-\u9fff，。；：]", own)


def test_an_edited_template_stays_as_it_was_edited_with_what_fills_it() -> None:
    edited, values = templates.load().template("dispatched").model_copy(update={"version": 2}), {"deadline": "11月23日24:00"}
    assert english.in_language(edited, values, "en") == (edited, values)
    assert english.in_language(templates.load().template("dispatched"), values, "zh")[1] == values


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("deadline", "11月23日24:00", "23 Nov 24:00"),
        ("review_date", "2027年3月1日", "1 Mar 2027"),
        ("title", "11月3日的事", "11月3日的事"),
        ("way", "电话", "Phone"),
        ("target", "燃气抢修", "Gas emergency repair"),
        ("reason_class", "待资金落实", "Waits for funds"),
        ("unit", "承办单位", "The responsible unit"),
        ("unit", "市水务局", "市水务局"),
        ("reason", "电话", "电话"),
    ],
)
def test_days_and_words_of_lists_are_in_the_language_and_what_people_wrote_stays(name: str, value: str, said: str) -> None:
    assert english.in_language(templates.load().template("dispatched"), {name: value}, "en")[1] == {name: said}
