"""Takes what is to be dialled and carries it out; any number of telephony processes may, each call is taken once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from hotline.errors import HotlineError
from hotline.logs import get
from telephony.flow.parts import Parts
from telephony.outgoing.call import OutgoingCall
from ticketing.dialling import progress

log = get(__name__)
_TICK_S = 1.0
_TIDY_S = 5.0


class OutgoingCalls:
    """The calls by click of one process."""

    def __init__(self, parts: Parts, *, takes_calls: Callable[[], bool] = lambda: True) -> None:
        """`takes_calls`: False while the process drains: another one dials."""
        self._parts = parts
        self._takes_calls = takes_calls
        self._calls: set[asyncio.Task[None]] = set()
        self.live: set[str] = set()
        """Ids of the calls that are going on."""

    async def run(self) -> None:
        """Until cancelled. Without a database it waits."""
        wanted, tidied = self._parts.switchboard.dials, 0.0
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(wanted.wait(), _TICK_S)
                wanted.clear()
                try:
                    if time.monotonic() - tidied > _TIDY_S:
                        tidied = time.monotonic()
                        await self._tidy()
                    if self._takes_calls():
                        await self._take()
                except (HotlineError, SQLAlchemyError, TimeoutError) as error:
                    log.warning("outgoing_not_read", reason=type(error).__name__)
                except Exception:  # the border of the process's only task that dials: it looks again; calls are tasks of their own
                    log.exception("outgoing_not_read", calls=sorted(self.live))
        finally:
            for call in list(self._calls):
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    async def _tidy(self) -> None:
        async with asyncio.timeout(5), self._parts.database.transaction() as session:
            await progress.tidy(self._parts.core, session)

    async def _take(self) -> None:
        async with asyncio.timeout(5), self._parts.database.transaction() as session:
            jobs = await progress.claim(self._parts.core, session, self._parts.worker)
        for job in jobs:
            name = str(job.call_id)
            self.live.add(name)
            call = asyncio.create_task(OutgoingCall(self._parts, job).run(), name=f"outgoing-{name}")
            self._calls.add(call)
            call.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self.live.discard(name)
