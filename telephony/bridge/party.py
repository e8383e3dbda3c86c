"""Somebody besides the citizen: their leg, what they say, and word of their leaving."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Port
from telephony.flow.ear import Ear
from telephony.flow.parts import CallerGone, open_transcript
from telephony.leg import Leg
from telephony.speech.transcriber import Heard, Transcriber


class Party:
    """An agent, a third party, or a supervisor."""

    def __init__(
        self,
        leg: BridgeLeg,
        port: Port,
        user_id: int | None,
        *,
        transcriber: Transcriber | None,
        on_said: Callable[[Party, Heard], Awaitable[None]],
        on_gone: Callable[[Party, str], None],
        on_heard: Callable[[Party, Heard], None],
    ) -> None:
        """`user_id`: whose telephone it is, None for a number outside. `transcriber`: None when what they say is not written down.

        `on_said` stores whole sentences; `on_heard` is told of every partial and final result at once.
        """
        self.leg = leg
        self.port = port
        self.user_id = user_id
        self._ear = Ear(cast(Leg, leg), open_transcript(transcriber, "party_without_transcript"))
        self._ear.on_heard = lambda heard: on_heard(self, heard)
        self._on_said = on_said
        self._on_gone = on_gone
        self._sentences = 0
        self._watcher = asyncio.create_task(self._watch(), name=f"party-{leg.id}")

    async def release(self, *, hang_up: bool = True) -> None:
        """Stop watching; the last words are still written down."""
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)
        for heard in await self._ear.finish():
            await self._on_said(self, heard)
        if hang_up:
            await self.leg.hang_up()

    def name(self, heard: Heard) -> str:
        """A name for this sentence, by which it is stored once."""
        self._sentences += 1
        return f"{self.leg.id}:{self._sentences}"

    async def _watch(self) -> None:
        self._ear.start()
        try:
            while True:
                event = await self._ear.next(None)
                if isinstance(event, Heard) and event.kind == "final":
                    await self._on_said(self, event)
        except CallerGone as gone:
            self._on_gone(self, gone.reason)
