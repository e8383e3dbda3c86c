"""Phones on free ports of loopback, stopped after the test; the test fails when our own code reported an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from telephony.leg import Leg
from telephony.phone import Phone
from tests.telephony.sip.peer import Peer

MakePhone = Callable[..., Awaitable[Phone]]
MakePeer = Callable[..., Awaitable[Peer]]


_QUICK = {
    *("test_clock.py", "test_codec.py", "test_digest.py", "test_digits.py", "test_endpoints.py"),
    *("test_message.py", "test_packet.py", "test_ports.py", "test_reorder.py", "test_sdp.py"),
}
"""Of `sip` and `media`: no call and no clock in them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real sound keeps time by the wall clock: these tests have few neighbours, and those wait as well."""
    here = Path(__file__).parent
    for item in items:
        real = {here / "edge", here / "sip", here / "media"} & set(item.path.parents) and item.path.name not in _QUICK
        if real or item.path == here / "flow" / "test_real_call.py":
            item.add_marker(pytest.mark.realtime)


@pytest.fixture
async def make_phone() -> AsyncIterator[MakePhone]:
    """`await make_phone(on_call, **options)`: a started phone on a free port."""
    phones: list[Phone] = []

    async def make(on_call: Callable[[Leg], Awaitable[None]] | None = None, **options: Any) -> Phone:
        phone = Phone(on_call, **{"port": 0, "rtp_ports": (0, 0), **options})
        await phone.start()
        phones.append(phone)
        return phone

    yield make
    for phone in phones:
        counters = phone.counters()
        await phone.stop()
        assert counters["sip_failures"] == 0
        assert counters["media_failures"] == 0
        assert phone.endpoint.ports.used == 0, "an RTP port leaked"
        assert phone.live_calls == 0


@pytest.fixture
async def make_peer() -> AsyncIterator[MakePeer]:
    """`await make_peer(phone)`: a hand-written SIP peer that talks to this phone, message by message."""
    peers: list[Peer] = []

    async def make(phone: Phone, host: str = "127.0.0.1") -> Peer:
        peer = await Peer.open(("127.0.0.1", phone.port), host)
        peers.append(peer)
        return peer

    yield make
    for peer in peers:
        peer.close()
