"""A supervisor who listens must stop hearing when a secret ticket comes of the call (保密工单), however it came to be secret."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from telephony.bridge.ledger import Ledger

LOOK_S = 1.0
"""So long at most a supervisor hears on: the ticket may become secret by registration, by editing, or by the list of who may see it."""


class Discretion:
    """Looks again and again whether somebody may still hear a call."""

    def __init__(self, ledger: Ledger) -> None:
        """Looks at nobody yet."""
        self._ledger = ledger
        self._task: asyncio.Task[None] | None = None

    def watch(self, user_id: int, on_closed: Callable[[], None]) -> None:
        """From now on, until `stop`; `on_closed` is called once."""
        self.stop()
        self._task = asyncio.create_task(self._watch(user_id, on_closed), name=f"discretion-{user_id}")

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, user_id: int, on_closed: Callable[[], None]) -> None:
        while True:
            if await self._ledger.closed_to(user_id):
                on_closed()
                return
            await asyncio.sleep(LOOK_S)
