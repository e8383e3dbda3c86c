"""Works on messages: at most one work per message, an answer within the budget or the promise of one.

The platform waits 5 s and asks three times in all. Whoever asks for the same message in this process waits for the same
work; in another process, for the row in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from channels.wechat.envelope import Push
from channels.wechat.errors import PlatformError
from channels.wechat.incoming import Incoming
from channels.wechat.journal import LEASE, Entry, Journal, Work
from channels.wechat.signature import Signed
from hotline import logs
from hotline.errors import Unavailable

log = logs.get(__name__)
_LOOK_AGAIN_S = 0.1
MAX_WORK_S = 60.0
"""Longest time for one message; a voice message has to be fetched and transcribed."""

Answerer = Callable[[Work], Awaitable[str]]
"""Works out the answer to a message; the empty text means that nothing is to be said."""


class Desk:
    """One per process."""

    def __init__(self, journal: Journal, answerer: Answerer) -> None:
        """`answerer` may be called again for the same message after a failure, so it must be idempotent per `Work.id`."""
        self._journal, self._answerer = journal, answerer
        self._running: dict[int, asyncio.Task[None]] = {}

    async def ask(self, signed: Signed, push: Push, deadline: float) -> str | None:
        """The answer to a push; None when it is not ready at `deadline` (loop time): then it comes on its own, later.

        Raises `Forged` for a signature that belongs to another message, `Unavailable` when nothing could be stored.
        """
        entry = await self._journal.store(signed, push)
        if entry.ours:
            self.start(Work(entry.id, push.message))
        try:
            async with asyncio.timeout_at(deadline):
                await self._finished(entry)
        except TimeoutError:
            pass
        return await self._journal.promise(entry.id)

    def start(self, work: Work) -> asyncio.Task[None]:
        """Begin the work on a message that is leased to this process. The task never raises."""
        task = asyncio.create_task(self._work(work), name=f"wechat-{work.id}")
        self._running[work.id] = task
        task.add_done_callback(lambda _: self._running.pop(work.id, None))
        return task

    async def recover(self) -> list[asyncio.Task[None]]:
        """Take over what dead processes left behind, and what failed and is due again. Returns the work that was begun."""
        tasks = [self.start(work) for work in await self._journal.abandoned()]
        if tasks:
            log.info("wechat messages taken over", count=len(tasks))
        return tasks

    async def drain(self) -> None:
        """Wait for running work; used when the process is asked to stop."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=LEASE.total_seconds())

    async def _finished(self, entry: Entry) -> None:
        """Return when the work ended, here or in another process."""
        task = self._running.get(entry.id)
        if task is not None:
            await asyncio.shield(task)
            return
        while await self._journal.is_open(entry.id):  # noqa: ASYNC110 - the event happens in another process
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _work(self, work: Work) -> None:
        try:
            try:
                async with asyncio.timeout(MAX_WORK_S), self._holding(work):
                    await self._turn_come(work.id, work.message)
                    answer = await self._answerer(work)
                    await self._journal.settle(work, answer)
            except Exception as error:  # whatever breaks, the citizen is promised an answer and it is tried again
                defect = not isinstance(error, (Unavailable, PlatformError, TimeoutError))
                log.warning("wechat message failed", inbound=work.id, error=type(error).__name__, exc_info=defect)
                await self._journal.stumble(work, error)
        except Unavailable:
            log.warning("wechat message waits for the database", inbound=work.id)  # its lease runs out; `recover` takes it

    async def _turn_come(self, entry_id: int, message: Incoming) -> None:
        while await self._journal.has_earlier(entry_id, message):  # noqa: ASYNC110 - perhaps in another process
            await asyncio.sleep(_LOOK_AGAIN_S)

    @asynccontextmanager
    async def _holding(self, work: Work) -> AsyncIterator[None]:
        """Renew the lease as long as the work goes on."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / 3)
                try:
                    await self._journal.renew(work.id)
                except Unavailable:
                    log.warning("lease not renewed", inbound=work.id)

        renewal = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewal.cancel()
