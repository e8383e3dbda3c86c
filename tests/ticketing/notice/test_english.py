"""Notices in English: every template is there with the same placeholders, and a citizen who chose it gets it."""

from __future__ import annotations

import re

import pytest

from ticketing.notice import english, templates

NAMES = re.compile(r"\{([a-z_]+)\}")


@pytest.mark.parametrize("template", templates.load().templates, ids=lambda one: one.key)
def test_every_template_has_english_words_with_no_other_placeholders(template: templates.Template) -> None:
    words = english.template_in(template, "en")
    assert words.text != template.text
    for own, other in ((words.text, template.text), (words.sms, template.sms)):
        assert set(NAMES.findall(own)) <= set(NAMES.findall(other)) | {"line", "track"}
        assert own.count("[[") == own.count("]]")
        assert len(own) <= templates.MAX_TEXT
        assert not re.search(r"[\u4e00-\u9fff，。；：]", own)


def test_an_edited_template_stays_as_it_was_edited() -> None:
    edited = templates.load().template("accepted").model_copy(update={"version": 2})
    assert english.template_in(edited, "en") is edited


def test_days_are_written_as_the_language_does() -> None:
    assert english.values_in({"deadline": "11月23日24:00", "title": "11月3日的事"}, "en") == {
        "deadline": "23 Nov 24:00",
        "title": "11月3日的事",
    }
    assert english.values_in({"review_date": "2027年3月1日"}, "en") == {"review_date": "1 Mar 2027"}
