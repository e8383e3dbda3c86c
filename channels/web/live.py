"""Live pages: one LISTEN connection per process, fanned out to browsers as server-sent events.

A notice holds identifiers only, so a page that hears one fetches again what it may see. Messages are numbered; a
browser that comes back with `Last-Event-ID` gets what it missed, or `reload` when that is too long ago.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from channels.web.inputs import whole_number
from hotline import logs
from hotline.events import NOTIFY_CHANNEL
from hotline.listening import Listener

log = logs.get(__name__)
HEARTBEAT_S = 15.0
_KEEP = 1000
_QUEUE = 200


@dataclass(frozen=True)
class Notice:
    """One event of `hotline.events.record`, as far as it is told to pages."""

    number: int
    name: str
    subject: str
    subject_id: str
    data: dict[str, Any]


Selector = Callable[[Notice], Iterable[str]]
"""Which DOM events a notice becomes on this page; none when it does not concern it."""


class Hub:
    """Listens to PostgreSQL and hands notices to the open streams of this process."""

    def __init__(self, database_url: str) -> None:
        """Connect to nothing yet; `start` does."""
        self._listener = Listener(database_url, NOTIFY_CHANNEL, self._on_notice, self._on_connected)
        self._boot = secrets.token_hex(3)
        self._last = 0
        self._recent: deque[Notice] = deque(maxlen=_KEEP)
        self._queues: set[asyncio.Queue[Notice | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.connected = self._listener.connected

    async def start(self) -> None:
        """Begin to listen in the background."""
        self._task = asyncio.create_task(self._listener.run(), name="live-hub")

    async def stop(self) -> None:
        """Stop listening and end every open stream, also one that a browser opens now on a connection that it kept."""
        self._stopped = True
        for queue in self._queues:
            _put(queue, None)
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _on_notice(self, payload: str) -> None:
        try:
            body = json.loads(payload)
            self.publish(str(body.pop("name")), str(body.pop("subject")), str(body.pop("id")), body)
        except (ValueError, KeyError, AttributeError, TypeError):
            log.warning("notice not understood")

    def _on_connected(self) -> None:
        self.publish("live.gap", "", "", {})  # something may have happened before or meanwhile: pages fetch again

    def publish(self, name: str, subject: str, subject_id: str, data: dict[str, Any]) -> None:
        """Number a notice and give it to every open stream."""
        self._last += 1
        notice = Notice(self._last, name, subject, subject_id, data)
        self._recent.append(notice)
        for queue in self._queues:
            _put(queue, notice)

    @property
    def position(self) -> str:
        """Where the numbering stands. A page prints it and its stream begins there, so that nothing falls between."""
        return f"{self._boot}-{self._last}"

    def event_id(self, notice: Notice) -> str:
        """What a browser sends back as Last-Event-ID."""
        return f"{self._boot}-{notice.number}"

    def missed(self, last_event_id: str) -> list[Notice] | None:
        """Notices after `last_event_id`; None when they are no longer known."""
        boot, _dash, number = last_event_id.partition("-")
        after = whole_number(number)
        if boot != self._boot or after is None:
            return None
        if self._recent and after < self._recent[0].number - 1:
            return None
        return [notice for notice in self._recent if notice.number > after]

    async def stream(self, request: web.Request, select: Selector) -> web.StreamResponse:
        """Answer `request` with server-sent events until the browser leaves."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        queue: asyncio.Queue[Notice | None] = asyncio.Queue(_QUEUE)
        self._queues.add(queue)  # before replaying, so that nothing falls between
        if self._stopped:
            _put(queue, None)
        try:
            await response.prepare(request)
            await response.write(b"retry: 2000\n: open\n\n")
            sent = await self._replay(request, response, select)
            while True:
                try:
                    notice = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if notice is None:
                    break
                if notice.number > sent:
                    await self._send(response, notice, select)
        except (ConnectionResetError, asyncio.CancelledError):
            pass  # the browser left; there is nobody to tell
        finally:
            self._queues.discard(queue)
        return response

    async def _replay(self, request: web.Request, response: web.StreamResponse, select: Selector) -> int:
        last_event_id = request.headers.get("Last-Event-ID", "") or request.query.get("since", "")
        if not last_event_id:
            return 0
        missed = self.missed(last_event_id)
        if missed is None:
            await response.write(f"id: {self.position}\nevent: reload\ndata: 1\n\n".encode())
            return self._last
        for notice in missed:
            await self._send(response, notice, select)
        return missed[-1].number if missed else self._last

    async def _send(self, response: web.StreamResponse, notice: Notice, select: Selector) -> None:
        names = ["reload"] if notice.name == "live.gap" else list(dict.fromkeys(select(notice)))
        for name in names:
            await response.write(f"id: {self.event_id(notice)}\nevent: {name}\ndata: {notice.name}\n\n".encode())


def _put(queue: asyncio.Queue[Notice | None], item: Notice | None) -> None:
    """A browser that reads too slowly loses the oldest notice; each one only says 'fetch again'."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)
