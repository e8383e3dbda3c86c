"""A citizen calls from the portal's page: real Chromium, real WebRTC, real SIP to a telephone that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from channels.web.app import create_app
from hotline.assembly import Services
from telephony.leg import Digit, HungUp, Leg
from telephony.phone import Phone
from telephony.webrtc.gateway import Gateway
from telephony.webrtc.guest import GuestCalls
from telephony.webrtc.leg import offer_only
from telephony.webrtc.server import PhoneServer
from tests.channels.staff import City, city, template
from tests.navigation import goto
from tests.telephony.sounds import tone
from tests.telephony.webrtc.test_agents_page import AGENT_HZ, CITIZEN_HZ, HEARD, chromium, sounds

__all__ = ["chromium", "city", "template"]


@dataclass
class Hotline:
    """The portal, the gateway, and a telephone that answers every call."""

    site: TestServer
    legs: asyncio.Queue[Leg]
    gateway_url: str


async def yes(_session_id: int, _on_the_phone: bool) -> bool:
    return True


@pytest.fixture
async def hotline(city: City) -> AsyncIterator[Hotline]:
    offer_only(("127.0.0.1",))
    port = unused_port()
    legs: asyncio.Queue[Leg] = asyncio.Queue()
    over = asyncio.Event()

    async def answer(leg: Leg) -> None:
        await leg.answer()
        legs.put_nowait(leg)
        await over.wait()

    telephony = Phone(answer, port=0, rtp_ports=(0, 0))
    anonymous = Phone(None, port=0, rtp_ports=(0, 0), user="anonymous")
    await telephony.start()
    await anonymous.start()
    settings = city.settings.model_copy(update={"webrtc_port": port, "browser_calls": 1})
    site = TestServer(create_app(Services(settings, city.core, city.database)))
    await site.start_server()
    origin = str(site.make_url("")).rstrip("/")
    server = PhoneServer(Gateway(), secret=city.core.secret, clock=city.clock, origins=frozenset({origin}), still_in=yes)
    server.guests = GuestCalls(anonymous.dial, f"sip:12345@127.0.0.1:{telephony.port}", most=1)
    runner = web.AppRunner(server.app(), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield Hotline(site, legs, f"http://127.0.0.1:{port}/call")
    over.set()
    await anonymous.stop()
    await telephony.stop()
    await runner.cleanup()
    await site.close()


async def test_it_is_off_unless_switched_on(city: City) -> None:
    site = TestServer(create_app(Services(city.settings, city.core, city.database)))
    async with TestClient(site) as client:
        assert (await client.get("/call")).status == 404
        assert "/call" not in await (await client.get("/")).text()


async def test_a_pass_is_for_one_call_and_not_many_are_given(hotline: Hotline) -> None:
    origin = {"Origin": str(hotline.site.make_url("")).rstrip("/")}
    async with ClientSession(str(hotline.site.make_url("")), cookie_jar=CookieJar(unsafe=True)) as client:
        csrf = (await (await client.get("/call")).text()).partition('data-csrf="')[2].partition('"')[0]
        answers = [await client.post("/call/pass", headers={"X-CSRF-Token": csrf}) for _again in range(6)]
        assert [answer.status for answer in answers] == [200] * 4 + [429] * 2
        first = (await answers[0].json())["pass"]
        assert (await client.post("/call/pass")).status == 403  # without the page's token
    hello = '{"type": "hello", "phone_pass": "%s"}'
    codes = []
    for word in (hello % first, hello % first, hello % (first + "x"), "rubbish"):
        async with ClientSession() as http, http.ws_connect(hotline.gateway_url, headers=origin) as socket:
            await socket.send_str(word)
            await socket.send_str('{"type": "hangup"}')
            message = await socket.receive(timeout=10)
            assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
            codes.append(socket.close_code)
    assert codes == [1000, 4401, 4401, 4401]
    async with ClientSession() as http:
        assert (await http.get(hotline.gateway_url, headers={"Origin": "https://evil.example"})).status == 403


@pytest.mark.slow
@pytest.mark.realtime
async def test_a_citizen_calls_from_the_page(hotline: Hotline, chromium: Any) -> None:
    page = await (await chromium.new_context(viewport={"width": 390, "height": 800})).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    await goto(page, str(hotline.site.make_url("/")))
    await page.click("a[href='/call']")
    await page.click("#webcall-on")
    leg = await asyncio.wait_for(hotline.legs.get(), 20)
    assert leg.caller is None
    leg.play(tone(CITIZEN_HZ, 60))
    await page.wait_for_selector("#webcall[data-state=talking]")
    assert abs(await page.evaluate(HEARD.replace("phone-sound", "webcall-sound")) - CITIZEN_HZ) < 20
    await sounds(leg, AGENT_HZ)
    await page.click("[data-digit='0']")
    assert await asyncio.wait_for(leg.events.get(), 10) == Digit("0")

    other = await (await chromium.new_context()).new_page()  # one at a time here: the second is told, not left ringing
    await goto(other, str(hotline.site.make_url("/call")))
    await other.click("#webcall-on")
    await other.wait_for_selector("#webcall[data-state=busy]")

    await page.click("#webcall-off")
    assert isinstance(await asyncio.wait_for(leg.events.get(), 10), HungUp)
    await page.wait_for_selector("#webcall[data-state=ended]")
    assert complaints == []
