"""A citizen's SIP call, the queue, an agent in a real browser with a fake microphone: through the demo's own processes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from telephony.client import Caller
from tests.e2e.demo import Demo
from tests.e2e.hands import log_in
from tests.navigation import goto
from tests.telephony.sounds import tone
from tests.telephony.webrtc.page import hears
from tests.telephony.webrtc.test_agents_page import AGENT_HZ, CITIZEN_HZ, HEARD, chromium, state

__all__ = ["chromium"]


async def set_duty(desk: Any, words: str) -> None:
    """Press one of the buttons of one's own state."""
    await desk.click(f"section[aria-labelledby=t-duty] button:has-text('{words}')")


async def shows(desk: Any, words: str) -> None:
    """The state of the person or of the call is this."""
    await desk.wait_for_selector(f"section[aria-labelledby=t-duty] [role=status]:has-text('{words}')", timeout=20_000)


@asynccontextmanager
async def agent_on_duty(url: str, browser: Any) -> AsyncIterator[tuple[Any, Any]]:
    """The agent's telephone and desk, idle. The agent goes off duty at the end, whatever happened."""
    context = await browser.new_context(viewport={"width": 1366, "height": 900})
    phone, desk = await context.new_page(), await context.new_page()
    await log_in(phone, url, "agent")
    await goto(phone, f"{url}/console/phone")
    await phone.click("#phone-on")
    await state(phone, "idle")
    await goto(desk, f"{url}/console/desk")
    await set_duty(desk, "开始接听")
    await shows(desk, "空闲")
    try:
        yield phone, desk
    finally:
        await desk.bring_to_front()
        await set_duty(desk, "离岗")
        await shows(desk, "离岗")
        await phone.click("#phone-out")
        await context.close()


async def journey(url: str, sip: str, browser: Any, pictures: str = "") -> None:
    """From the citizen's call to the agent's wrap-up."""
    async with agent_on_duty(url, browser) as (phone, desk):
        async with Caller(sip, number=f"137{time.time_ns() % 10**8:08d}") as caller:
            await caller.hear(60)
            await caller.press("0")
            await phone.wait_for_selector("#phone[data-state=ringing]", timeout=60_000)
            await phone.bring_to_front()
            await phone.keyboard.press("F2")
            await state(phone, "talking")
            heard = bytearray()
            caller.leg.listen(heard.extend)
            caller.leg.play(tone(CITIZEN_HZ, 120))
            assert abs(await phone.evaluate(HEARD) - CITIZEN_HZ) < 20, "the agent hears the citizen"
            await hears(heard, AGENT_HZ, 25)
            await desk.bring_to_front()
            await shows(desk, "通话中")
            await desk.wait_for_selector("#callbar button[value=hold]")
            if pictures:
                await desk.screenshot(path=f"{pictures}/desk-talking.png")
            await desk.keyboard.press("F4")
            await shows(desk, "已保持")
            if pictures:
                await desk.screenshot(path=f"{pictures}/desk-held.png")
            await desk.keyboard.press("F4")
            await desk.wait_for_selector("button[value=hold]")
            heard.clear()
            await hears(heard, AGENT_HZ, 25)
            await phone.bring_to_front()
            await phone.keyboard.press("Control+F8")
            await state(phone, "idle")
        await shows(desk, "话后整理")


@pytest.mark.slow
async def test_a_citizen_and_an_agent_in_the_browser_hear_each_other(demo: Demo, chromium: Any) -> None:
    await journey(demo.url, demo.sip, chromium)
