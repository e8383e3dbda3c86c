"""docs/knowledge.md says of each step what the program does."""

from __future__ import annotations

from pathlib import Path

from knowledge.article.content import AUDIENCES
from knowledge.article.life import STEPS, Step
from knowledge.article.models import ArticleState
from knowledge.article.text import FIELDS, SPOKEN_PARTS
from ticketing.people.models import Role
from ticketing.people.permissions import Scope, load
from ticketing.words import table

DOCUMENT = (Path(__file__).parents[2] / "docs" / "knowledge.md").read_text(encoding="utf-8")
ROLES = {Role.AGENT: "话务员", Role.CLERK: "经办人", Role.CHIEF: "首席代表", Role.EDITOR: "知识编辑"}


def row(step: Step) -> str:
    """One line of the table of steps."""
    sources = "、".join(table("article")[state.value] for state in step.sources) or "（新）"
    targets = "、".join(table("article")[state.value] for state in step.targets)
    return f"| {step.label} `{step.key}` | {sources} | {targets} | {_who(step)} | {_conditions(step)} |"


def _who(step: Step) -> str:
    found = []
    for role in Role:
        scopes = {load().scope(role.value, permission) for permission in step.permissions} - {None}
        if scopes:
            found.append(ROLES[role] + ("（本单位）" if scopes == {Scope.UNIT} else ""))
    return "、".join(found) or "系统"


def _conditions(step: Step) -> str:
    return "，".join(words for words, needed in (("另一个人", step.another), ("写明原因", step.reason)) if needed)


def test_every_step_stands_in_the_document_as_it_is() -> None:
    for step in STEPS.values():
        assert row(step) in DOCUMENT, row(step)


def test_every_state_field_and_audience_is_named() -> None:
    for words in (*(table("article")[state.value] for state in ArticleState), *(heading for _name, heading in FIELDS),
                  *SPOKEN_PARTS.values(), *AUDIENCES.values()):  # fmt: skip
        assert words in DOCUMENT, words
