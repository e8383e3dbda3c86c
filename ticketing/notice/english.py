"""Notices in English, for citizens who chose it: the file's templates; one that was edited is sent as it was edited, in Chinese."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from hotline.i18n import _, speaking
from ticketing.notice import templates
from ticketing.notice.templates import Template

_LISTED = ("way", "target", "reason_class", "unit")
"""Values that are words of a list (`ticketing.words`), or a unit in general («承办单位»)."""
_DAY = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日")


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    sms: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    templates: dict[str, _Words]
    secret: str


@lru_cache(maxsize=1)
def _load() -> _File:
    return _File.model_validate(yaml.safe_load((files("ticketing") / "seed" / "notices.en.yaml").read_text(encoding="utf-8")))


def in_language(template: Template, values: Mapping[str, str], language: str) -> tuple[Template, dict[str, str]]:
    """The template and what fills it in the citizen's language, where there is such a template; else both in Chinese."""
    words = _load().templates.get(template.key) if language == "en" and template.version == 1 else None
    if words is None:
        return template, dict(values)
    with speaking(language):
        said = {name: _said(name, value) for name, value in values.items()}
    return template.model_copy(update={"text": words.text, "sms": words.sms}), said


def secret_in(language: str) -> str:
    """What is pushed in place of every text of a secret ticket."""
    return _load().secret if language == "en" else templates.load().secret


def _said(name: str, value: str) -> str:
    """Days and words of our lists as the language has them; what people wrote, and names of units, stay."""
    if name in _LISTED:
        return _(value)
    return _DAY.sub(_day, value) if name.endswith(("deadline", "_date")) else value


def _day(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    words = f"{int(day)} {calendar.month_abbr[int(month)]}" if 1 <= int(month) <= 12 else found[0]
    return f"{words}{f' {year}' if year else ''}{' ' if found.end() < len(found.string) else ''}"
