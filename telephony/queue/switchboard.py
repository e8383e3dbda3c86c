"""One per telephony process: hears what other processes and the console want, and tells the calls of this process.

`NOTIFY` wakes it; a tick each second makes good for what a lost connection missed. Losing the database stops nothing that talks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from hotline.database import Database
from hotline.errors import HotlineError, Unavailable
from hotline.listening import Listener
from hotline.logs import get
from telephony.bridge.agent_leg import Dial, OnEarly
from telephony.leg import CallFailed, Leg
from ticketing.call_flow import versions
from ticketing.context import Core
from ticketing.dialling.automatic import dial_owed
from ticketing.duty.service import end_wrap_ups
from ticketing.queue.commands import pending, settle
from ticketing.queue.models import CallCommand
from ticketing.queue.service import WAKE_CHANNEL, distribute, wake

log = get(__name__)
_TICK_S = 1.0
_GRACE_S = 1.0
"""For the network: who picks up in the last moment is not lost."""


class Switchboard:
    """Offers and commands for the calls of one process."""

    def __init__(self, core: Core, database: Database, worker: str, dial: Dial) -> None:
        """`worker`: name of this process as its calls bear it. `dial`: the phone's."""
        self._core = core
        self._database = database
        self._worker = worker
        self._dial = dial
        self._waiting: dict[UUID, Callable[[], None]] = {}
        self._talking: dict[UUID, Callable[[CallCommand], None]] = {}
        self._poked = asyncio.Event()
        self._commanded = asyncio.Event()
        self.dials = asyncio.Event()
        """Set when somebody wants a citizen dialled (telephony.outgoing)."""
        self._later: set[asyncio.Task[Any]] = set()
        self._listener = Listener(database.url, WAKE_CHANNEL, self._on_notice, self._look_everywhere)
        self.listening = self._listener.connected
        """Set while NOTIFY is heard."""

    async def dial(self, uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> Leg:
        """Ring a telephone for so long at most. Raises `CallFailed`, ValueError for an address that is none of ours, OSError.

        A telephone that is switched off answers nothing at all: SIP itself would try for 32 s.
        """
        try:
            async with asyncio.timeout(ring_s + _GRACE_S):
                return await self._dial(uri, ring_s, codec, on_early=on_early)
        except TimeoutError:
            raise CallFailed(408, "no answer") from None

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listener.run(), name="switchboard-listening")
            group.create_task(self._distribute(), name="switchboard-distributing")
            group.create_task(self._obey(), name="switchboard-commands")

    @contextmanager
    def waits(self, call_id: UUID, on_offer: Callable[[], None]) -> Iterator[None]:
        """While a caller of this process waits: `on_offer` is called when an agent may have been found."""
        self._waiting[call_id] = on_offer
        try:
            yield
        finally:
            del self._waiting[call_id]

    @contextmanager
    def talks(self, call_id: UUID, on_command: Callable[[CallCommand], None]) -> Iterator[None]:
        """While an agent talks with a caller of this process."""
        self._talking[call_id] = on_command
        try:
            yield
        finally:
            del self._talking[call_id]

    def poke(self) -> None:
        """Something changed in the queue: distribute now, not at the next tick."""
        self._poked.set()

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this beside everything else; it raises nothing."""
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _on_notice(self, payload: str) -> None:
        try:
            body = json.loads(payload)
            kind, worker = body["kind"], body["worker"]
        except (ValueError, KeyError, TypeError):
            log.warning("switchboard_notice_not_understood")
            return
        if kind == "queue":
            self._poked.set()
        elif kind == "dial":
            self.dials.set()
        elif kind == "ring":
            self._tell_waiting()
        elif kind == "command" and worker == self._worker:
            self._commanded.set()

    def _look_everywhere(self) -> None:
        self._poked.set()
        self._commanded.set()
        self.dials.set()
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        for on_offer in list(self._waiting.values()):
            on_offer()

    async def _distribute(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), _TICK_S)
            self._poked.clear()
            try:
                async with asyncio.timeout(5), self._database.transaction() as session:
                    if await end_wrap_ups(self._core, session):
                        await wake(session, "queue")
                    document = await versions.current(session)
                    await dial_owed(self._core, session, document)
                    await distribute(self._core, session, document)
            except (HotlineError, TimeoutError) as error:
                log.warning("queue_not_distributed", reason=type(error).__name__)
            except Exception:  # the next tick tries again; calls that talk are not concerned
                log.exception("queue_not_distributed")
            self._tell_waiting()  # also when a notice was lost

    async def _obey(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._commanded.wait(), _TICK_S)
            self._commanded.clear()
            if not self._talking and not self.listening.is_set():
                continue
            try:
                await self._carry_out()
            except (Unavailable, TimeoutError) as error:
                log.warning("commands_not_read", reason=type(error).__name__)
            except Exception:  # the next tick tries again
                log.exception("commands_not_read")

    async def _carry_out(self) -> None:
        taken = []
        async with asyncio.timeout(5), self._database.transaction() as session:
            rows = await pending(self._core, session, self._worker)
            for row in rows:
                on_command = self._talking.get(row.call_id)
                if on_command is None:
                    await settle(self._core, session, row.id, ok=False, result="gone")
                    continue
                taken.append((on_command, row))
        for on_command, row in taken:  # after the commit: whoever carries it out settles it
            on_command(row)
