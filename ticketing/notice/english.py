"""Notices in English, for citizens who chose it: the file's templates; one that was edited is sent as it was edited, in Chinese."""

from __future__ import annotations

import calendar
import re
from functools import lru_cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from ticketing.notice import templates
from ticketing.notice.templates import Template

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


def template_in(template: Template, language: str) -> Template:
    """The template in the citizen's language, where there is one."""
    words = _load().templates.get(template.key) if language == "en" and template.version == 1 else None
    return template.model_copy(update={"text": words.text, "sms": words.sms}) if words else template


def secret_in(language: str) -> str:
    """What is pushed in place of every text of a secret ticket."""
    return _load().secret if language == "en" else templates.load().secret


def values_in(values: dict[str, str], language: str) -> dict[str, str]:
    """Days as the language writes them; what people wrote stays."""
    if language != "en":
        return values
    return {name: _DAY.sub(_day, value) if name.endswith(("deadline", "_date")) else value for name, value in values.items()}


def _day(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    words = f"{int(day)} {calendar.month_abbr[int(month)]}" if 1 <= int(month) <= 12 else found[0]
    return f"{words}{f' {year}' if year else ''}{' ' if found.end() < len(found.string) else ''}"
