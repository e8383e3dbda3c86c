"""The gateway's WebSocket, one per page: who may come in, and what is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from hotline import logs
from hotline.clock import Clock
from hotline.passes import Pass, PassRefused
from hotline.passes import read as read_pass
from telephony.webrtc.gateway import Gateway
from telephony.webrtc.guest import GuestCalls
from telephony.webrtc.messages import LARGEST_BYTES, BadMessage, FromPage, Hello, read, write
from telephony.webrtc.seat import Seat

_log = logs.get(__name__)

PURPOSE, GUEST = "phone", "guest"
_HELLO_S = 5.0
_HEARTBEAT_S = 5.0
"""A page whose network died is noticed after this, also when no call is on."""
_LOGIN_CHECK_S = 15.0
_REFUSED = 4401
"""Close code: the pass was refused, get a new one."""

StillIn = Callable[[int, bool], Awaitable[bool]]
"""Whether the log-in with this number still stands; the second word: its holder is on the phone, and so not idle."""


class PhoneServer:
    """Lets pages in and gives them their seats."""

    def __init__(self, gateway: Gateway, *, secret: str, clock: Clock, origins: frozenset[str], still_in: StillIn) -> None:
        """`origins`: where the console's pages come from (scheme://host:port); others are refused."""
        self._gateway = gateway
        self._secret = secret
        self._clock = clock
        self._origins = origins
        self._still_in = still_in
        self.guests: GuestCalls | None = None
        """Calls from the portal; None: they are switched off."""
        self._used: dict[str, float] = {}
        self.on_sit: Callable[[Seat], Awaitable[None]] = _nothing
        self.on_leave: Callable[[Seat], Awaitable[None]] = _nothing

    def app(self) -> web.Application:
        """`/phone` for agents and `/call` for citizens (WebSockets), `/healthz`."""
        app = web.Application()
        app.add_routes([web.get("/phone", self._phone), web.get("/call", self._call), web.get("/healthz", self._healthz)])
        return app

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"seats": sum(1 for _seat in self._gateway.taken()), "calls": self._gateway.calls})

    async def _phone(self, request: web.Request) -> web.StreamResponse:
        # A page of another site may open WebSockets to us, but it cannot forge its Origin.
        if not self._welcome(request):
            return web.Response(status=403)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=LARGEST_BYTES + 4096)
        await socket.prepare(request)
        holder = await self._hello(socket, PURPOSE)
        if holder is None or not await self._still_in(holder.session_id, False):
            await socket.close(code=_REFUSED, message=b"pass")
            return socket
        seat = self._gateway.seat(holder.user_id)

        async def send(text: str) -> None:
            if not socket.closed:
                await socket.send_str(text)

        seat.sit(send, holder.session_id)
        watch = asyncio.create_task(self._watch(socket, seat, holder.session_id))
        try:
            await self.on_sit(seat)
            await self._listen(socket, seat)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            seat.leave(send)
            if not seat.taken:
                await self.on_leave(seat)
        return socket

    def _welcome(self, request: web.Request) -> bool:
        parts = urlsplit(request.headers.get("Origin", ""))
        return f"{parts.scheme}://{parts.netloc}" in self._origins

    async def _call(self, request: web.Request) -> web.StreamResponse:
        guests = self.guests
        if guests is None or not self._welcome(request):
            return web.Response(status=403 if guests else 404)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=LARGEST_BYTES + 4096)
        await socket.prepare(request)
        if await self._hello(socket, GUEST) is None:
            await socket.close(code=_REFUSED, message=b"pass")
            return socket

        async def send(text: str) -> None:
            if not socket.closed:
                await socket.send_str(text)

        await guests.serve(_words(socket), send)
        await socket.close()
        return socket

    async def _hello(self, socket: web.WebSocketResponse, purpose: str) -> Pass | None:
        try:
            message = read(await socket.receive_str(timeout=_HELLO_S))
            if not isinstance(message, Hello):
                return None
            holder = read_pass(self._secret, purpose, message.phone_pass, self._clock.now())
        except (TimeoutError, TypeError, BadMessage, PassRefused):
            return None
        return None if self._spent(message.phone_pass) else holder

    def _spent(self, text: str) -> bool:
        """Whether the pass was used before; it is now. Passes are forgotten when they are over anyway."""
        now = self._clock.now().timestamp()
        self._used = {known: at for known, at in self._used.items() if at > now - 120}
        if text in self._used:
            return True
        self._used[text] = now
        return False

    async def _listen(self, socket: web.WebSocketResponse, seat: Seat) -> None:
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            try:
                heard = read(message.data)
            except BadMessage as error:
                await socket.send_str(write("error", reason="message", detail=str(error)))
                continue
            if not isinstance(heard, Hello):
                await seat.hear(heard)

    async def _watch(self, socket: web.WebSocketResponse, seat: Seat, session_id: int) -> None:
        """Who logs out, or is logged out, leaves the phone too."""
        while True:
            await asyncio.sleep(_LOGIN_CHECK_S)
            if not await self._still_in(session_id, seat.call is not None):
                await socket.close(code=_REFUSED, message=b"logged out")
                return


async def _words(socket: web.WebSocketResponse) -> AsyncIterator[FromPage]:
    """What a page says; what is no message of ours is left out."""
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            try:
                yield read(message.data)
            except BadMessage:
                continue


async def _nothing(_seat: Seat) -> None:
    return None
