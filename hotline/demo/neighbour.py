"""A stand-in for the other systems of the city, on loopback: it takes webhooks, and tickets of 市供水集团, and reports back.

It speaks only what docs/api.md promises: it checks every signature, answers a pushed ticket with a number of its own, and
sends `sign` and `progress` back by the API with a token of that unit's clerk. Nothing in the service knows about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from channels.hooks.post import is_signed
from hotline.clock import Clock, SystemClock

HOST = "127.0.0.1"
FILE_NAME = "neighbour.json"
SCREEN, TICKETS = "/screen", "/tickets"
SIGNS_AFTER_S, REPORTS_AFTER_S = 15.0, 45.0
NOTE = "抢修班组已出发，预计两小时内到现场，到场后再报情况"


@dataclass
class Known:
    """What the other systems were told when they were registered, and what they have not reported on yet."""

    port: int
    secrets: dict[str, str]
    """Signing key by path."""
    token: str = ""
    """Of the clerk of 市供水集团, for the API."""
    waiting: list[str] = field(default_factory=list)
    """Numbers of tickets that were pushed and not answered yet."""

    @classmethod
    def read(cls, data_dir: Path) -> Known | None:
        """What the data folder has; None before the demo city was filled in."""
        path = data_dir / FILE_NAME
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def write(self, data_dir: Path) -> None:
        """Keep it, readable by us alone: it holds keys."""
        unfinished = data_dir / f"{FILE_NAME}.unfinished"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        unfinished.replace(data_dir / FILE_NAME)


class Neighbour:
    """Both systems on one port. `pushed` is called with the number of each ticket that arrives."""

    def __init__(self, known: Known, clock: Clock, pushed: Callable[[str], None]) -> None:
        """Listens when it is entered."""
        self.known, self._clock, self._pushed = known, clock, pushed
        self._numbers: dict[str, str] = {}

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Answer while the block runs. Raises OSError when another program holds the port."""
        app = web.Application()
        app.router.add_post(SCREEN, self._screen)
        app.router.add_post(TICKETS, self._tickets)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.known.port).start()
            yield
        finally:
            await runner.cleanup()

    async def _checked(self, request: web.Request) -> dict[str, Any]:
        body = await request.read()
        secret, header = self.known.secrets.get(request.path, ""), request.headers.get("Webhook-Signature", "")
        if not secret or not is_signed(secret, header, body, now=self._clock.now()):
            raise web.HTTPUnauthorized(text="the signature is wrong")
        found: dict[str, Any] = json.loads(body)
        return found

    async def _screen(self, request: web.Request) -> web.Response:
        await self._checked(request)
        return web.Response(status=204)

    async def _tickets(self, request: web.Request) -> web.Response:
        told = await self._checked(request)
        name, number = str(told["message_id"]), str(told["number"])
        if name not in self._numbers:  # at least once: the second time has no second effect
            self._numbers[name] = f"GS{name.rpartition('_')[2].zfill(6)}"
            self._pushed(number)
        return web.json_response({"external_id": self._numbers[name]})


async def serve(data_dir: Path, api: str, say: Callable[[str], None]) -> None:
    """The stand-in beside a running demo, until it is cancelled. At a first start it waits until the city is filled in.

    Without it the demo runs on: its messages then wait, as they would in a real city.
    """
    while (known := Known.read(data_dir)) is None:  # noqa: ASYNC110 - another process writes the file
        await asyncio.sleep(0.5)
    arrived: asyncio.Queue[str] = asyncio.Queue()
    for number in known.waiting:
        arrived.put_nowait(number)
    try:
        async with Neighbour(known, SystemClock(), arrived.put_nowait).listening(), asyncio.TaskGroup() as reports:
            while True:
                number = await arrived.get()
                reports.create_task(_report(known, api, number))
    except OSError as error:
        say(f"neighbouring systems: port {known.port} is taken, messages to them wait ({error})")


async def _report(known: Known, api: str, number: str) -> None:
    """What the unit's own people would enter into their own system. A message that was sent before has no second effect."""
    for kind, pause, note in (("sign", SIGNS_AFTER_S, ""), ("progress", REPORTS_AFTER_S, NOTE)):
        await asyncio.sleep(pause)
        message = {"message_id": f"GS-{number}-{kind}", "number": number, "kind": kind, "note": note}
        await _post(f"{api}/exchange/messages", known.token, message)


async def _post(url: str, token: str, body: dict[str, Any]) -> None:
    """Until the service answers, be it with a refusal: what became of the message stands in its journal."""
    async with ClientSession(timeout=ClientTimeout(total=20)) as session:
        while True:
            try:
                async with session.post(url, json=body, headers={"Authorization": f"Bearer {token}"}) as answer:
                    if answer.status < 500:
                        return
            except (ClientError, OSError, TimeoutError):
                pass  # it is being restarted
            await asyncio.sleep(5)
