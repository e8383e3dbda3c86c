"""Which language or dialect a caller asks for: «能说粤语吗», "English please", «我听不懂普通话».

The words are data of the call flow (`tongues`). A wish is a request to speak, not a mention: «投诉英语培训班» is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ticketing.seed.files import SeedEntry

MANDARIN = "zh"
_LONGEST = 20
"""A longer sentence tells a matter and only mentions a language."""
_VERB = r"(?<!不)(?<!不会)(?<!不能)(?:说|讲|会|懂|用|speak|in)(?:一下|点|得懂|慢点)?\s*"
Word = Annotated[str, Field(min_length=2, max_length=20)]


class TongueEntry(SeedEntry):
    """One language or dialect that agents may be skilled in; its key is the code of the skill."""

    name: Annotated[str, Field(min_length=2, max_length=20)]
    kind: Literal["language", "dialect"]
    words: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    """Its names: a wish when they follow «说», «讲», «会» …"""
    phrases: Annotated[tuple[Word, ...], Field(max_length=20)] = ()
    """A wish wherever they are said."""


@dataclass(frozen=True)
class Tongue:
    """What a caller wishes to speak; empty: nothing was said about it."""

    language: str = ""
    dialect: str = ""

    def __bool__(self) -> bool:
        """Whether anything is wished."""
        return bool(self.language or self.dialect)

    @property
    def foreign(self) -> bool:
        """Whether the assistant, who speaks Mandarin, is no help."""
        return self.language not in ("", MANDARIN) or bool(self.dialect)


def asked_for(text: str, tongues: Mapping[str, TongueEntry]) -> Tongue:
    """The wish in these words; empty when there is none."""
    said = text.strip().lower()
    if len(said) > _LONGEST:
        return Tongue()
    for code, entry in tongues.items():
        if any(phrase.lower() in said for phrase in entry.phrases):
            return _of(code, entry)
    for code, entry in tongues.items():
        if any(said == word.lower() or re.search(_VERB + re.escape(word.lower()), said) for word in entry.words):
            return _of(code, entry)
    return Tongue()


def _of(code: str, entry: TongueEntry) -> Tongue:
    return Tongue(language=code) if entry.kind == "language" else Tongue(MANDARIN, code)


__all__ = ["MANDARIN", "Tongue", "TongueEntry", "asked_for"]
