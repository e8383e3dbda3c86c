"""Words for states, channels, kinds and events. Staff words and citizens' words are two columns (domain.md 4a).

A table is a line of `TABLES` in one of the modules: its name, then the word of each value. Nothing else names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from hotline.i18n import _
from ticketing.words import contact, matter, supervision

_TABLES: Mapping[str, Mapping[str, str]] = {**matter.TABLES, **contact.TABLES, **supervision.TABLES}


def table(name: str) -> Mapping[str, str]:
    """A table as it stands, in Chinese: for what is stored or read from files, and for comparing values."""
    return _TABLES[name]


def word(name: str, value: str | None) -> str:
    """The word for an enum value: `word("state", "closed")`. An unknown value is shown as it is, never hidden."""
    if not value:
        return ""
    found = _TABLES[name].get(value)
    return _(found) if found else value


def choices(name: str) -> dict[str, str]:
    """All values of a table with their words, in the table's order; for form fields."""
    return {value: _(text) for value, text in _TABLES[name].items()}


__all__ = ["choices", "table", "word"]
