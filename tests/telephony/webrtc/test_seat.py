"""A call from the telephony process to an agent's page: real SIP, real RTP, real DTLS, on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from telephony.leg import CallFailed, Digit, HungUp
from telephony.phone import Phone
from telephony.webrtc import seat as seats
from telephony.webrtc.gateway import Gateway, address
from telephony.webrtc.leg import BrowserLeg, NoCommonCodec, offer_only
from telephony.webrtc.messages import Accept, HangUp, Press, Refuse
from tests.telephony.conftest import MakePhone
from tests.telephony.sounds import tone
from tests.telephony.webrtc.page import Page, hears, until

pytestmark = pytest.mark.realtime

AGENT_HZ, CITIZEN_HZ = 1000.0, 440.0
LEAST_DB = 30.0
"""G.711 itself allows 38."""


class Desk:
    """An agent's page as the gateway sees it: what it was told, and a `Page` for the sound."""

    def __init__(self, gateway: Gateway, user_id: int = 7) -> None:
        self.told: list[dict[str, Any]] = []
        self.seat = gateway.seat(user_id)
        self.page = Page(tone(AGENT_HZ, 1))
        self.seat.sit(self.send, session_id=1)

    async def send(self, text: str) -> None:
        self.told.append(json.loads(text))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    async def rings(self) -> str:
        await until(lambda: bool(self.of("ring")))
        return str(self.of("ring")[-1]["call"])

    async def accept(self, call: str) -> None:
        offer, before = await self.page.offer(), len(self.of("answer"))
        await self.seat.hear(Accept(type="accept", call=call, sdp=offer))
        await until(lambda: len(self.of("answer")) > before)
        await self.page.connect(self.of("answer")[-1]["sdp"])


@pytest.fixture(autouse=True)
def loopback() -> None:
    offer_only(("127.0.0.1",))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def desk(gateway: Gateway) -> AsyncIterator[Desk]:
    desk = Desk(gateway)
    yield desk
    await desk.page.close()


@pytest.fixture
async def phones(make_phone: MakePhone, gateway: Gateway) -> tuple[Phone, Phone]:
    """The telephony process' and the gateway's."""
    return await make_phone(None), await make_phone(gateway.take)


def seat_of(phones: tuple[Phone, Phone], user_id: int = 7) -> str:
    return address(user_id, "127.0.0.1", phones[1].port)


async def call(phones: tuple[Phone, Phone], desk: Desk, **options: Any) -> Any:
    dialling = asyncio.create_task(phones[0].dial(seat_of(phones), **options))
    await desk.accept(await desk.rings())
    return await dialling


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
async def test_agent_and_citizen_hear_each_other_cleanly(phones: tuple[Phone, Phone], desk: Desk, law: str) -> None:
    """Also when the two sides' laws differ: the page speaks A-law."""
    leg = await call(phones, desk, codecs=(law,))
    heard = bytearray()
    leg.listen(heard.extend)
    leg.play(tone(CITIZEN_HZ, 30))
    await hears(heard, AGENT_HZ, LEAST_DB)
    await hears(desk.page.heard, CITIZEN_HZ, LEAST_DB)


async def test_hanging_up_at_either_side_ends_both(phones: tuple[Phone, Phone], desk: Desk) -> None:
    leg = await call(phones, desk)
    await leg.hang_up()
    await until(lambda: any(message["state"] == "ended" for message in desk.of("state")))
    assert desk.seat.call is None or desk.seat.call.over.done()
    await until(lambda: desk.seat.call is None)

    desk.page, desk.told[:] = Page(tone(AGENT_HZ, 1)), []
    leg = await call(phones, desk)
    await desk.seat.hear(HangUp(type="hangup", call=desk.of("ring")[-1]["call"]))
    assert isinstance(await asyncio.wait_for(leg.events.get(), 5), HungUp)


async def test_the_citizen_is_let_through_only_when_there_is_sound(phones: tuple[Phone, Phone], desk: Desk) -> None:
    dialling = asyncio.create_task(phones[0].dial(seat_of(phones)))
    number = await desk.rings()
    await desk.seat.hear(Accept(type="accept", call=number, sdp=await desk.page.offer()))
    await until(lambda: bool(desk.of("answer")))
    assert not dialling.done()  # picked up, but DTLS does not stand yet
    await desk.page.connect(desk.of("answer")[-1]["sdp"])
    assert (await dialling).live


async def test_refused_busy_and_absent_say_so_at_once(phones: tuple[Phone, Phone], desk: Desk) -> None:
    dialling = asyncio.create_task(phones[0].dial(seat_of(phones)))
    await desk.seat.hear(Refuse(type="refuse", call=await desk.rings()))
    with pytest.raises(CallFailed) as refused:
        await dialling
    assert refused.value.status == 603
    await until(lambda: desk.seat.call is None)

    desk.told.clear()
    await call(phones, desk)
    for user_id, status in ((7, 486), (8, 480)):
        with pytest.raises(CallFailed) as failed:
            await phones[0].dial(seat_of(phones, user_id))
        assert failed.value.status == status


async def test_keys_of_the_page_reach_the_other_side(phones: tuple[Phone, Phone], desk: Desk) -> None:
    leg = await call(phones, desk)
    number = desk.of("ring")[-1]["call"]
    for digit in "15#":
        await desk.seat.hear(Press(type="digit", call=number, digit=digit))
    assert [await asyncio.wait_for(leg.events.get(), 5) for _ in range(3)] == [Digit("1"), Digit("5"), Digit("#")]


async def test_a_page_that_was_reloaded_comes_back_into_its_call(phones: tuple[Phone, Phone], desk: Desk, gateway: Gateway) -> None:
    leg = await call(phones, desk)
    desk.seat.leave(desk.send)
    await desk.page.close()

    again = Desk(gateway)
    await until(lambda: bool(again.of("welcome")))
    number = again.of("welcome")[0]["call"]
    assert number == desk.of("ring")[0]["call"]
    await again.accept(number)
    heard = bytearray()
    leg.listen(heard.extend)
    await hears(heard, AGENT_HZ, LEAST_DB)
    await again.page.close()


async def test_a_page_that_does_not_come_back_gives_the_citizen_back(
    phones: tuple[Phone, Phone], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "RETURN_S", 0.3)
    leg = await call(phones, desk)
    desk.seat.leave(desk.send)
    await desk.page.close()
    assert isinstance(await asyncio.wait_for(leg.events.get(), 10), HungUp)


async def test_a_second_tab_takes_over_and_the_first_is_told(desk: Desk, gateway: Gateway) -> None:
    other = Desk(gateway)
    await until(lambda: bool(desk.of("replaced")) and bool(other.of("welcome")))
    desk.seat.leave(desk.send)  # the old tab closes later: the new one stays
    assert other.seat.taken
    await other.page.close()


async def test_rubbish_for_an_offer_is_refused_and_the_call_rings_on(phones: tuple[Phone, Phone], desk: Desk) -> None:
    dialling = asyncio.create_task(phones[0].dial(seat_of(phones)))
    number = await desk.rings()
    for bad in ("", "v=0", "hello\r\n" * 100):
        desk.told.clear()
        await desk.seat.hear(Accept(type="accept", call=number, sdp=bad))
        await until(lambda: bool(desk.of("error")))
    await desk.accept(number)
    assert (await dialling).live


async def test_a_page_without_g711_is_told_so(desk: Desk) -> None:
    leg = BrowserLeg(lambda _payload, _codec: None)
    lines = [line for line in (await desk.page.offer()).split("\r\n") if not line.startswith(("a=rtpmap:8 ", "a=rtcp-fb:8 "))]
    offer = "\r\n".join(lines).replace("SAVPF 8", "SAVPF 111").replace("a=rtcp-mux", "a=rtpmap:111 opus/48000/2\r\na=rtcp-mux")
    with pytest.raises(NoCommonCodec):
        await leg.answer(offer)
    assert leg.state == "closed"


@pytest.mark.parametrize("more", ["audio", "video", "application"])
async def test_a_page_that_offers_more_than_its_sound_is_refused(desk: Desk, more: str) -> None:
    """aiortc would decode it into a queue that nobody reads: 30 pictures a second stayed in memory as long as the call."""
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    other.addTransceiver("audio")
    if more == "application":
        other.createDataChannel("x")
    else:
        other.addTransceiver(more)
    await other.setLocalDescription(await other.createOffer())
    leg = BrowserLeg(lambda _payload, _codec: None)
    with pytest.raises(ValueError, match="nothing else"):
        await leg.answer(other.localDescription.sdp)
    assert leg.state == "closed"
    assert leg._peer.getTransceivers() == []
    await other.close()


async def test_a_vanished_page_is_noticed(desk: Desk) -> None:
    states: list[str] = []
    leg = BrowserLeg(lambda _payload, _codec: None, states.append, silent_after_s=0.3, lost_after_s=1.0)
    await desk.page.connect(await leg.answer(await desk.page.offer()))
    await until(lambda: states[-1:] == ["connected"])
    desk.page.talking = False
    await until(lambda: states[-1:] == ["closed"])
    assert states == ["connecting", "connected", "silent", "closed"]
    assert leg.reason == "lost"
