"""Exceptions as the log may hold them: where and what broke, never the values that a statement or a row carried.

PostgreSQL puts the whole failing row into the DETAIL of an error, drivers put arguments into the message. Both are what a
citizen wrote. Of such errors only type, SQLSTATE, constraint, table, column and the statement with its placeholders are kept.
"""

from __future__ import annotations

import re
import traceback
from types import TracebackType

from sqlalchemy.exc import DBAPIError, StatementError

_ROWS = (  # a value may hold line breaks and brackets: what follows is dropped up to a line that no value can be taken for, or wholly
    (re.compile(r"\[parameters: .*?(?=\n\(Background on this error|\Z)", re.DOTALL), "[parameters left out]"),
    (re.compile(r"DETAIL: .*?(?=\n\[SQL: |\n\(Background on this error|\Z)", re.DOTALL), "DETAIL left out"),
    (re.compile(r"Failing row contains \(.*", re.DOTALL), "row left out"),
    (re.compile(r"(Key \([^)]*\))=\(.*", re.DOTALL), r"\1"),
)
_NAMED = ("sqlstate", "constraint_name", "table_name", "column_name")
_LONGEST_STATEMENT = 2000
_DRIVERS = ("asyncpg", "sqlalchemy.dialects")


def without_rows(text: str) -> str:
    """`text` without parameters, DETAIL lines and rows, for messages that cite an error of the database."""
    if "parameters: " not in text and "DETAIL: " not in text and "row contains" not in text and "Key (" not in text:
        return text
    for pattern, instead in _ROWS:
        text = pattern.sub(instead, text)
    return text


def describe(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """The traceback of an exception and of what led to it, in Python's order and words. A structlog exception formatter."""
    return "".join(_parts(exc_info[1], set())).rstrip("\n")


def _parts(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    earlier, link = error.__cause__, "The above exception was the direct cause of the following exception:"
    if earlier is None and not error.__suppress_context__:
        earlier, link = error.__context__, "During handling of the above exception, another exception occurred:"
    parts = [*_parts(earlier, seen), f"\n{link}\n\n"] if earlier is not None and id(earlier) not in seen else []
    if error.__traceback__ is not None:
        parts += ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
    parts.append(_words(error) + "\n")
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            parts += [] if id(inner) in seen else ["\n", *_parts(inner, seen)]
    return parts


def _words(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, StatementError):
        cause = error.orig
        about = [f"({type(cause).__name__})", *_facts(cause)] if cause is not None else []
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            about.append("connection lost")
        return " ".join([f"{name}:", *about, f"[SQL: {(error.statement or '')[:_LONGEST_STATEMENT]}]"])
    if kind.__module__.startswith(_DRIVERS):
        return " ".join([f"{name}:", *_facts(error)])
    text = without_rows(str(error))
    return f"{name}: {text}" if text else name


def _facts(error: BaseException | None) -> list[str]:
    """What the database named, from the driver's exception or the one below it."""
    found: dict[str, str] = {}
    while error is not None:
        for name in _NAMED:
            value = getattr(error, name, None)
            if isinstance(value, str) and value:
                found.setdefault(name, value)
        error = error.__cause__
    return [f"{name}={value}" for name, value in found.items()]
