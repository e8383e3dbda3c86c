"""YAML that somebody typed: nothing unfolds, and whatever is wrong with it is one kind of error."""

from __future__ import annotations

import pytest
import yaml

from hotline import typed_yaml
from hotline.errors import InvalidInput
from ticketing.call_flow import document
from ticketing.quality import book
from ticketing.ticket import workflow

UNFOLDING = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
"""Four billion words as soon as somebody writes it out: a message that quotes it takes the process along."""
WRONG = {
    "aliases": UNFOLDING,
    "depth": "[" * 20_000,
    "no such day": "version: 2026-13-45",
    "a long number": "version: " + "9" * 5_000,
    "no YAML": "a: b: c",
    "a character that no text has": "a: \x01",
}


def test_what_stands_in_two_places_is_written_twice() -> None:
    shared = {"line": "119"}
    text = typed_yaml.written({"b": shared, "a": shared})
    assert typed_yaml.read(text) == {"b": shared, "a": shared}
    assert text.index("b:") < text.index("a:"), "in the order it was given"


def test_what_is_plain_is_read() -> None:
    assert typed_yaml.read("a: [1, 2]\nb: {c: 二}\n") == {"a": [1, 2], "b": {"c": "二"}}
    assert typed_yaml.read("") is None


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_one_kind_of_error(name: str) -> None:
    with pytest.raises(yaml.YAMLError):
        typed_yaml.read(WRONG[name])


@pytest.mark.parametrize("name", WRONG)
def test_every_document_that_a_person_proposes_is_read_so(name: str) -> None:
    text = WRONG[name]
    with pytest.raises(workflow.WorkflowError):
        workflow.parse_text(text)
    with pytest.raises(InvalidInput):
        document.parse_text(text)
    with pytest.raises(InvalidInput):
        book.parse(text)
