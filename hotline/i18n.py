"""Texts for people. The Chinese sentence is the message id; other languages are catalogues in hotline/locale/*.po.

The language belongs to the current task (a request, a call). `script/messages` writes new message ids into the
catalogues; they are read as they are, nothing is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TypeVar

LOCALE_DIR = Path(__file__).parent / "locale"
DEFAULT_LANGUAGE = "zh"
Table = TypeVar("Table")
_language: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


@lru_cache(maxsize=8)
def _catalogue(language: str) -> NullTranslations:
    path = LOCALE_DIR / f"{language}.po"
    if language not in languages() or not path.is_file():
        return NullTranslations()
    # imported here: most processes only ever speak Chinese
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages there are, Chinese first."""
    return (DEFAULT_LANGUAGE, *sorted(path.stem for path in LOCALE_DIR.glob("*.po")))


def _(text: str) -> str:
    """`text` in the language of this request or call; the Chinese text itself when there is no translation."""
    return _catalogue(_language.get()).gettext(text) if text else ""


def texts(table: Table) -> Table:
    """`table` as it is: marks every Chinese text in it as a message id, for tables whose texts are given to `_` by a name.

    The catalogue is gathered from the sources (`hotline.extraction`), where `_(TABLE[key])` does not say what will be asked for.
    """
    return table


def counted(text: str, number: float) -> str:
    """`text` with the number in place of `{n}`: `1 working day`, `3 working days`. Chinese has one form."""
    return _catalogue(_language.get()).ngettext(text, text, 1 if number == 1 else 2).format(n=f"{number:g}")


def language() -> str:
    """The language of the current task."""
    return _language.get()


def set_language(language: str) -> None:
    """Choose the language for the current task, `zh` or the name of a catalogue; an unknown one means Chinese."""
    _language.set(language if language in languages() else DEFAULT_LANGUAGE)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """The language for the length of a block."""
    token = _language.set(language if language in languages() else DEFAULT_LANGUAGE)
    try:
        yield
    finally:
        _language.reset(token)
