"""Why an appeal is not accepted: the list of domain.md 2.5 as data (ticketing/seed/refusals.yaml), checked on load (T4)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotline.errors import InvalidInput
from hotline.i18n import _

NEEDS_DETAIL = "other"
"""The reason that says nothing by itself: what it is stands in the free text."""
MIN_DETAIL = 5


class RefusalListError(ValueError):
    """The list is wrong; the text says where."""


class RefusalReason(BaseModel):
    """One reason of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern="^[a-z_]{3,30}$")
    words: str = Field(min_length=4, max_length=100)
    way: str = Field(max_length=500)
    """The legal way that is proposed; empty: whoever refuses finds it himself."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    reasons: tuple[RefusalReason, ...] = Field(min_length=1)


def parse(raw: Any) -> dict[str, RefusalReason]:
    """The reasons by code, in their order. Raises RefusalListError."""
    try:
        found = _Document.model_validate(raw).reasons
    except ValidationError as error:
        first = error.errors()[0]
        raise RefusalListError(f"refusals.yaml: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
    if len({reason.code for reason in found}) != len(found):
        raise RefusalListError("refusals.yaml: a code stands there twice")
    if NEEDS_DETAIL not in {reason.code for reason in found}:
        raise RefusalListError(f"refusals.yaml: `{NEEDS_DETAIL}` is missing")
    return {reason.code: reason for reason in found}


@lru_cache(maxsize=1)
def load() -> dict[str, RefusalReason]:
    """The reasons of this installation, by code."""
    return parse(yaml.safe_load((files("ticketing") / "seed" / "refusals.yaml").read_text(encoding="utf-8")))


RefusalCode = StrEnum("RefusalCode", [(code.upper(), code) for code in load()])  # type: ignore[misc]
"""The codes of the list, for whoever needs a type: the staff API names every one of them in its description."""


def choices() -> dict[str, str]:
    """Code to words, for a select box."""
    return {code: _(reason.words) for code, reason in load().items()}


def words(code: str) -> str:
    """The reason as people read it; the code itself when the list does not hold it any more."""
    known = load().get(code)
    return _(known.words) if known else code


def told(code: str, detail: str) -> str:
    """The reason as the citizen is told it: the one of the list and what was added. Raises InvalidInput."""
    if code not in load():
        raise InvalidInput(_("请从列表里选择不予受理的理由"), field="code")
    detail = detail.strip()
    if code == NEEDS_DETAIL and len(detail) < MIN_DETAIL:
        raise InvalidInput(_("选择“其他事项”的，请写明是哪一条规定"), field="reason")
    return f"{words(code)}：{detail}" if detail else words(code)
