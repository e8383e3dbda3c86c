"""The gateway's process: a SIP phone for the telephony processes, a WebSocket for pages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from hotline.errors import Unavailable
from hotline.logs import get
from hotline.settings import Settings
from telephony.phone import Phone
from telephony.webrtc.gateway import Gateway, address
from telephony.webrtc.guest import GuestCalls
from telephony.webrtc.leg import offer_only
from telephony.webrtc.seat import Seat
from telephony.webrtc.server import PhoneServer
from ticketing.duty import browser
from ticketing.people.service import session_stands

if TYPE_CHECKING:
    from hotline.assembly import Services

log = get(__name__)
_RETRY_S = 2.0


async def run(services: Services) -> None:
    """Serve pages until cancelled. Raises OSError when one of the addresses is taken."""
    settings = services.settings
    offer_only(settings.webrtc_addresses)
    gateway = Gateway()
    phone = Phone(
        gateway.take,
        host=settings.sip_host,
        port=settings.webrtc_sip_port,
        peers=settings.sip_peers,
        rtp_ports=(settings.rtp_port_low, settings.rtp_port_high),
        max_calls=settings.max_calls,
    )
    seats = SeatBook(services, f"{settings.sip_host}:{settings.webrtc_sip_port}")
    server = PhoneServer(gateway, secret=settings.secret, clock=services.core.clock, origins=origins(settings), still_in=seats.still_in)
    guests: Phone | None = None
    if settings.browser_calls:
        guests = Phone(
            None, host=settings.sip_host, port=0, peers=settings.sip_peers, user="anonymous",
            rtp_ports=(settings.rtp_port_low, settings.rtp_port_high), max_calls=settings.browser_calls,
        )  # fmt: skip
        target = f"sip:{settings.line_number}@{settings.sip_host}:{settings.sip_port}"
        server.guests = GuestCalls(guests.dial, target, most=settings.browser_calls)
    server.on_sit, server.on_leave = seats.sit, seats.leave
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    try:
        await seats.forget()
        await phone.start()
        if guests is not None:
            await guests.start()
        await runner.setup()
        await web.TCPSite(runner, settings.http_host, settings.webrtc_port, reuse_address=True).start()
        log.info("webrtc_ready", port=settings.webrtc_port, sip_port=phone.port)
        await asyncio.Event().wait()
    finally:
        await asyncio.shield(asyncio.ensure_future(_stop([phone, guests], runner)))


async def _stop(phones: list[Phone | None], runner: web.AppRunner) -> None:
    for phone in phones:
        if phone is not None:
            await phone.stop()
    await runner.cleanup()


def origins(settings: Settings) -> frozenset[str]:
    """Where the console's pages come from."""
    found = {settings.web_url, f"http://{settings.http_host}:{settings.http_port}"}
    if settings.demo:
        found.add(f"http://localhost:{settings.http_port}")
    return frozenset(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, found))


class SeatBook:
    """What the queue must know of the seats, written into the database."""

    def __init__(self, services: Services, here: str) -> None:
        """`here`: host:port of this gateway's SIP socket."""
        self._core, self._database, self._here = services.core, services.database, here
        self._idle = timedelta(minutes=services.settings.session_idle_minutes)

    async def forget(self) -> None:
        """Seats that a crash has left; waits for the database."""
        while True:
            try:
                async with self._database.transaction() as session:
                    left = await browser.forget(self._core, session, self._here)
                break
            except Unavailable as error:
                log.warning("webrtc_without_database", reason=str(error))
                await asyncio.sleep(_RETRY_S)
        if left:
            log.info("webrtc_seats_forgotten", seats=left)

    async def sit(self, seat: Seat) -> None:
        """A page is connected. Who has a desk phone is told that it rings there."""
        async with self._database.transaction() as session:
            rings_here = await browser.sit_down(self._core, session, seat.user_id, self._address(seat))
        seat.tell("ready", here=rings_here)

    async def leave(self, seat: Seat) -> None:
        """The last page is gone."""
        async with self._database.transaction() as session:
            await browser.stand_up(self._core, session, seat.user_id, self._address(seat))

    async def still_in(self, session_id: int, on_the_phone: bool) -> bool:
        """Whether the log-in stands: not over, and not unused for too long except in a call. Without a database it does."""
        try:
            async with self._database.transaction() as session:
                return await session_stands(self._core, session, session_id, idle=None if on_the_phone else self._idle)
        except Unavailable:
            return True

    def _address(self, seat: Seat) -> str:
        host, _colon, port = self._here.rpartition(":")
        return address(seat.user_id, host, int(port))
