"""Where a page of a list ended, as its address says it: the moment and the key of its last line.

Nothing is skipped or told twice while lines come and go, and a late page costs no more than the first.
"""

from __future__ import annotations

from datetime import UTC, datetime


def written(moment: datetime, key: object) -> str:
    """The place as an address has it."""
    return f"{moment.isoformat()}~{key}"


def read(text: str | None) -> tuple[datetime, str] | None:
    """The place behind `after` in an address; None for the first page, and for what is no place."""
    moment, tilde, key = (text or "").partition("~")
    try:
        found = datetime.fromisoformat(moment)
        at = found.astimezone(UTC)  # what no clock of ours has said cannot be asked of the database either
    except (ValueError, OverflowError):
        return None
    return (at, key) if tilde and key and len(key) <= 200 and key.isprintable() and found.tzinfo is not None else None


def read_number(text: str | None) -> tuple[datetime, int] | None:
    """A place whose key is a number."""
    found = read(text)
    if found is None or not (found[1].isascii() and found[1].isdecimal()) or len(found[1]) > 18:
        return None
    return found[0], int(found[1])


__all__ = ["read", "read_number", "written"]
