"""The agent's telephone in a real browser with a fake microphone: real SIP in, WebRTC, real sound both ways."""

from __future__ import annotations

import asyncio
import audioop
import shutil
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from channels.web.app import create_app
from hotline.assembly import Services
from telephony.leg import Digit, HungUp
from telephony.phone import CallLeg, Phone
from telephony.webrtc.gateway import Gateway
from telephony.webrtc.leg import offer_only
from telephony.webrtc.process import SeatBook
from telephony.webrtc.server import PhoneServer
from tests.channels.console.test_pop import answer, hang_up
from tests.channels.console.test_queue import caller
from tests.channels.staff import PASSWORD, Browser, City, city, template
from tests.navigation import goto
from tests.telephony.sounds import tone
from tests.telephony.webrtc.page import hears, until
from ticketing.call_flow.document import package_document
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import set_state
from ticketing.queue.service import distribute

__all__ = ["city", "template"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AGENT_HZ, CITIZEN_HZ = 1000.0, 440.0


@dataclass
class Exchange:
    """Console, gateway and the telephony process' phone."""

    city: City
    site: TestServer
    gateway: Gateway
    phone: Phone
    url: str

    async def number(self) -> str:
        """Where the agent is rung, as the queue reads it."""
        async with self.city.database.transaction() as session:
            duty = await session.get(Duty, self.city.people["agent"].user_id)
            return duty.phone if duty else ""

    async def until_number(self, *, there: bool = True) -> str:
        async with asyncio.timeout(15):
            while bool(found := await self.number()) != there:
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def exchange(city: City) -> AsyncIterator[Exchange]:
    offer_only(("127.0.0.1",))
    port = unused_port()
    settings = city.settings.model_copy(update={"webrtc_port": port})
    services = Services(settings, city.core, city.database)
    site = TestServer(create_app(services))
    await site.start_server()
    gateway = Gateway()
    seats_phone, caller_phone = (Phone(take, port=0, rtp_ports=(0, 0)) for take in (gateway.take, None))
    await seats_phone.start()
    await caller_phone.start()
    seats = SeatBook(services, f"127.0.0.1:{seats_phone.port}")
    origin = str(site.make_url("")).rstrip("/")
    server = PhoneServer(gateway, secret=city.core.secret, clock=city.clock, origins=frozenset({origin}), still_in=seats.still_in)
    server.on_sit, server.on_leave = seats.sit, seats.leave
    runner = web.AppRunner(server.app(), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield Exchange(city, site, gateway, caller_phone, f"ws://127.0.0.1:{port}/phone")
    await caller_phone.stop()
    await seats_phone.stop()
    await runner.cleanup()
    await site.close()


async def log_in(exchange: Exchange, login: str = "agent") -> Browser:
    found = Browser(TestClient(exchange.site, cookie_jar=CookieJar(unsafe=True)))
    assert (await found.login(login)).status == 303
    return found


async def new_pass(person: Browser) -> str:
    page = await person.text("/console/phone")
    csrf = page.partition('data-csrf="')[2].partition('"')[0]
    answer = await person.client.post("/console/phone/pass", headers={"X-CSRF-Token": csrf})
    assert answer.status == 200
    return str((await answer.json())["pass"])


async def knock(exchange: Exchange, word: str, origin: str | None = None) -> int | None:
    """Say hello at the gateway; the close code, None when let in."""
    headers = {"Origin": origin or str(exchange.site.make_url("")).rstrip("/")}
    async with ClientSession() as client, client.ws_connect(exchange.url, headers=headers) as socket:
        await socket.send_str(word)
        message = await socket.receive(timeout=10)
        return socket.close_code if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED) else None


async def test_only_who_is_logged_in_gets_to_the_gateway(exchange: Exchange) -> None:
    person = await log_in(exchange)
    good = await new_pass(person)
    hello = '{"type": "hello", "phone_pass": "%s"}'
    assert await knock(exchange, hello % good) is None
    assert await knock(exchange, hello % good) == 4401  # it lets in once: who reads it on the way cannot take the seat
    first, second = await new_pass(person), await new_pass(person)
    assert await knock(exchange, hello % first) is None
    assert await knock(exchange, hello % second) is None  # two of one second are two
    good = await new_pass(person)
    for bad in (hello % (good[:-2] + "00"), hello % "", hello % "x.y", "{}", "rubbish", '{"type": "hangup", "call": "1"}'):
        assert await knock(exchange, bad) == 4401, bad
    exchange.city.clock.advance(minutes=2)
    assert await knock(exchange, hello % good) == 4401  # over, and never used
    fresh = await new_pass(person)
    await person.post("/console/logout", {"csrf": (await person.form("/console/me", "/console/logout"))["csrf"]})
    assert await knock(exchange, hello % fresh) == 4401  # logged out
    await person.client.session.close()


async def test_pages_of_other_sites_are_not_let_in(exchange: Exchange) -> None:
    async with ClientSession() as client:
        for origin in ("https://evil.example", "null", ""):
            answer = await client.get(exchange.url.replace("ws:", "http:"), headers={"Origin": origin} if origin else {})
            assert answer.status == 403


async def test_who_neither_answers_nor_calls_has_no_phone(exchange: Exchange) -> None:
    for login, status in (("leader", 403), ("clerk", 200)):
        person = await log_in(exchange, login)
        assert (await person.get("/console/phone")).status == status, login
        await person.client.session.close()


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Any]:
    playwright_api = pytest.importorskip("playwright.async_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    sound = tmp_path / "agent.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(AGENT_HZ, 10))
    flags = [
        "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}",
        "--allow-loopback-in-peer-connection",
    ]  # fmt: skip
    async with playwright_api.async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield found
        await found.close()


HEARD = """async () => {
  const context = new AudioContext(), analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(document.getElementById('phone-sound').srcObject).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  for (let i = 0; i < 100; i++) {
    await new Promise(done => setTimeout(done, 100));
    analyser.getFloatFrequencyData(bins);
    const peak = bins.indexOf(Math.max(...bins));
    if (bins[peak] > -40) { context.close(); return peak * context.sampleRate / analyser.fftSize; }
  }
  context.close();
  return 0;
}"""


async def state(page: Any, wanted: str) -> None:
    await page.wait_for_selector(f"#phone[data-state={wanted}]", timeout=20_000)


async def ring(exchange: Exchange, page: Any) -> asyncio.Task[CallLeg]:
    dialling = asyncio.create_task(exchange.phone.dial(await exchange.until_number()))
    await state(page, "ringing")
    return dialling


async def sounds(leg: CallLeg, hertz: float) -> None:
    """The other side hears this tone cleanly before long."""
    heard = bytearray()
    leg.listen(heard.extend)
    await hears(heard, hertz, 25)


@pytest.mark.slow
@pytest.mark.realtime
async def test_an_agent_takes_a_call_in_the_browser_by_keys_alone(exchange: Exchange, chromium: Any) -> None:
    page = await (await chromium.new_context(viewport={"width": 1366, "height": 900})).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await goto(page, str(exchange.site.make_url("/console/login")))
    await page.fill("#login", "agent")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav.rail")
    await goto(page, str(exchange.site.make_url("/console/phone")))
    await page.click("#phone-on")
    await state(page, "idle")
    await page.wait_for_function("() => document.getElementById('phone-level').value > 5")  # the microphone is tried before any call

    dialling = await ring(exchange, page)
    await page.keyboard.press("F2")
    leg = await dialling
    await state(page, "talking")
    leg.play(tone(CITIZEN_HZ, 120))
    assert abs(await page.evaluate(HEARD) - CITIZEN_HZ) < 20
    await sounds(leg, AGENT_HZ)
    await page.click("#phone-keys [data-digit='5']")
    assert await asyncio.wait_for(leg.events.get(), 10) == Digit("5")

    await page.keyboard.press("F2")  # mute: the line stays, the voice does not
    heard = bytearray()
    leg.listen(heard.extend)
    await until(lambda: len(heard) > 16000 and audioop.rms(bytes(heard[-8000:]), 2) < 100, 20)
    await page.keyboard.press("F2")

    await page.evaluate("window.onbeforeunload = null; document.getElementById('phone').dataset.state = 'moving'")
    await page.reload()  # the call survives: the page comes back into it by itself
    await state(page, "talking")
    await sounds(leg, AGENT_HZ)
    assert leg.live

    await page.keyboard.press("Control+F8")
    assert isinstance(await asyncio.wait_for(leg.events.get(), 10), HungUp)
    await state(page, "idle")

    desk = await page.context.new_page()  # the desk's keys are the telephone's as well
    await exchange.until_number()
    async with exchange.city.database.transaction() as session:
        await set_state(exchange.city.core, session, exchange.city.people["agent"], DutyState.READY)
    call = await caller(exchange.city)
    async with exchange.city.database.transaction() as session:
        assert await distribute(exchange.city.core, session, package_document())
    await goto(desk, str(exchange.site.make_url("/console/desk")))
    dialling = await ring(exchange, page)
    await desk.wait_for_selector("#callbar [data-phone=answer]")
    await desk.keyboard.press("F2")
    leg = await dialling
    await state(page, "talking")
    await answer(exchange.city, call)
    await desk.wait_for_selector("#callbar [data-phone=mute]")
    await page.wait_for_function("() => document.getElementById('phone-time').textContent >= '00:01'")  # not the answering key twice
    await desk.keyboard.press("F2")
    await desk.wait_for_selector("#bar-muted:has-text('已静音')")
    await desk.keyboard.press("F2")
    await desk.wait_for_selector("#bar-muted", state="hidden")
    await page.keyboard.press("Control+F8")
    assert isinstance(await asyncio.wait_for(leg.events.get(), 10), HungUp)
    await state(page, "idle")
    await hang_up(exchange.city, call)
    await desk.close()

    dialling = await ring(exchange, page)
    await page.click("#phone-refuse")
    with pytest.raises(Exception, match="603"):
        await dialling
    await page.click("#phone-out")
    await exchange.until_number(there=False)
    assert complaints == []
