"""Pages of the API's lists: where the last one ended, and how much more there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from channels.api import cursors
from channels.api.call import Call
from channels.api.models import Page

T = TypeVar("T")


class Paging:
    """One page of a list. Ask the service for `limit` rows after `place`, then `cut`."""

    def __init__(self, call: Call, name: str, asked: Page) -> None:
        """`name` of the list: its cursors are refused by every other one. Raises InvalidInput for a wrong cursor."""
        self._core = call.core
        self._listed = name + asked.model_dump_json(exclude={"cursor", "limit"})
        self._size = asked.limit
        self._place = cursors.read(call.core, self._listed, asked.cursor)

    @property
    def limit(self) -> int:
        """One row more than the page holds: it says that there is another page."""
        return self._size + 1

    @property
    def before(self) -> int | None:
        """The id at which the page before ended, for lists in the order of ids."""
        return int(self._place[-1]) if self._place else None

    @property
    def beyond(self) -> tuple[datetime, int] | None:
        """The moment and the id at which the page before ended, for lists in the order of a time."""
        return (datetime.fromisoformat(self._place[0]), int(self._place[1])) if self._place else None

    def cut(self, rows: Sequence[T], place: Callable[[T], tuple[Any, ...]]) -> tuple[Sequence[T], str | None]:
        """The rows of the page and the cursor of the next; `place` of a row is `(id,)` or `(moment, id)`."""
        shown = rows[: self._size]
        if len(rows) <= self._size:
            return shown, None
        ended = [part.isoformat() if isinstance(part, datetime) else part for part in place(shown[-1])]
        return shown, cursors.write(self._core, self._listed, ended)


__all__ = ["Paging"]
