"""Does the platform still know us? The token is asked for anew and tried.

So a changed AppSecret, an address that left the allow list or a platform out of reach is seen before the next message fails.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from channels.wechat.api import Client
from channels.wechat.errors import PlatformError, PlatformRefused
from hotline.clock import Clock

KEPT = timedelta(minutes=1)
"""So long an answer is shown again: a page that several people keep open asks once a minute."""
LONGEST_S = 2.5
"""So long a page waits; both calls together."""


@dataclass(frozen=True)
class Pulse:
    """What the platform said."""

    at: datetime
    good_for: timedelta | None = None
    """How long the token is still good; None when there is none."""
    code: int | None = None
    """The platform's errcode when it refused; None with `good_for` None: it was not reached."""


class Watch:
    """Asks at most once a minute, however many ask it."""

    def __init__(self, client: Client, clock: Clock) -> None:
        """One per process."""
        self._client, self._clock = client, clock
        self._last: Pulse | None = None
        self._turn = asyncio.Lock()

    async def look(self) -> Pulse:
        """The answer of now, or of the last minute. Never raises a PlatformError: not being reached is an answer too."""
        async with self._turn:
            now = self._clock.now()
            if self._last is None or now - self._last.at >= KEPT:
                self._last = await self._ask(now)
            return self._last

    async def _ask(self, now: datetime) -> Pulse:
        try:
            async with asyncio.timeout(LONGEST_S):
                return Pulse(now, good_for=timedelta(seconds=await self._client.probe()))
        except PlatformRefused as error:
            return Pulse(now, code=error.code)
        except (PlatformError, TimeoutError):
            return Pulse(now)


WATCH: web.AppKey[Watch] = web.AppKey("wechat_watch")
