"""The one way from the media threads to the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from hotline import logs

_log = logs.get(__name__)


class LoopInbox:
    """Runs callables on the loop's thread, in order, many at a wake-up: 100 calls are 5,000 frames a second."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is where everything posted will run."""
        self._loop = loop
        self._items: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._scheduled = False
        self._held = False

    def hold(self) -> None:
        """What is posted from now on waits for `let_go`: one wake-up of the loop instead of one for each call. Media thread only."""
        self._held = True

    def let_go(self) -> None:
        """Run what was posted meanwhile."""
        self._held = False
        if self._items:
            self._wake()

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """From any thread. Dropped without a word when the loop is closed: nobody is left to be told."""
        self._items.append((function, arguments))
        if not self._held:
            self._wake()

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                self._items.clear()

    def _drain(self) -> None:
        self._scheduled = False
        while self._items:
            function, arguments = self._items.popleft()
            try:
                function(*arguments)
            except Exception:  # noqa: BLE001 - what one call's listener does wrong must not stop the others
                _log.exception("telephony.inbox.callback_failed")
