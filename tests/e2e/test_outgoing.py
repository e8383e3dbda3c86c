"""Calls that the service makes, in the demo with its own citizens' telephones: a missed caller is called back, the robot asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from telephony.client import Caller
from tests.e2e.demo import Demo, until
from tests.e2e.hands import log_in
from tests.navigation import goto
from tests.telephony.webrtc.test_agents_page import chromium, state

__all__ = ["chromium"]
Sql = Callable[[str], list[str]]
AT_ANY_HOUR = """UPDATE policy_version SET document = jsonb_set(document, '{hours}', '{"from": "00:00", "to": "23:59"}')
    WHERE key = 'P-CALLBACK';
UPDATE rules SET policies_version = policies_version + 1;
UPDATE callback_task SET next_attempt_at = now() WHERE rule = 'consult-by-robot' AND state = 'open' AND attempts = 0 AND claim IS NULL"""
"""Citizens are not called at night, and this test runs at night as well."""
ROBOT = """SELECT DISTINCT coalesce(task.satisfaction, attempt.outcome) FROM callback_task task
    LEFT JOIN callback_attempt attempt ON attempt.task_id = task.id WHERE task.rule = 'consult-by-robot'"""


async def missed_call(sip: str, sql: Sql) -> str:
    """Somebody calls, wants a person, and hangs up because nobody is on duty: the number of the ticket with the return call."""
    since = sql("SELECT now()")[0]
    async with Caller(sip, number="13912340001") as caller:
        await caller.hear(60)
        await caller.press("0")
        await caller.hear(60)
    owed = f"""SELECT number FROM ticket JOIN return_call ON return_call.ticket_id = ticket.id JOIN call ON call.id = return_call.call_id
        WHERE call.started_at >= '{since}' AND return_call.state = 'open'"""
    return str((await asyncio.to_thread(until, lambda: sql(owed), what="the return call"))[0])


def heard(sql: Sql, number: str) -> int:
    """How many sentences of the citizen were understood in the call to them."""
    said = f"""SELECT count(*) FROM message JOIN call USING (conversation_id) JOIN dial ON dial.call_id = call.id
        JOIN ticket ON ticket.id = dial.ticket_id WHERE ticket.number = '{number}' AND author = 'citizen'"""
    return int(sql(said)[0])


async def muted(phone: Any, wanted: bool) -> None:
    """Switch the microphone off or on. The page takes no second F2 right after the one that answered."""
    while (await phone.get_attribute("#phone-mute", "aria-pressed") == "true") is not wanted:
        await phone.keyboard.press("F2")
        await asyncio.sleep(0.1)


async def call_back(url: str, browser: Any, sql: Sql, number: str, *, start: str = "/console/callbacks", pictures: str = "") -> None:
    """The callback clerk clicks in the list of missed callers or on a ticket; the own telephone rings, then theirs, and both talk."""
    context = await browser.new_context(viewport={"width": 1366, "height": 900})
    phone, desk = await context.new_page(), await context.new_page()

    async def picture(page: Any, name: str) -> None:
        if pictures:
            await page.bring_to_front()
            await page.screenshot(path=f"{pictures}/{name}.png")

    await log_in(phone, url, "callback")
    await goto(phone, f"{url}/console/phone")
    await phone.click("#phone-on")
    await state(phone, "idle")
    try:
        await goto(desk, url + start)
        await picture(desk, "callbacks-owed")
        await desk.click(f"form[action='/console/tickets/{number}/dial'] button")
        await state(phone, "ringing")
        await picture(phone, "phone-ringing")
        await phone.bring_to_front()
        await phone.keyboard.press("F2")
        await state(phone, "talking")
        await muted(phone, True)  # it hums without end: muted, the citizen takes it for a pause and answers
        await asyncio.to_thread(until, lambda: heard(sql, number) >= 1, what="the citizen's first sentence")
        await goto(desk, f"{url}/console/tickets/{number}")
        await desk.wait_for_selector("section[aria-labelledby=t-dial] button[value=hangup]")
        await picture(desk, "ticket-talking")
        await phone.bring_to_front()
        await muted(phone, False)
        await asyncio.sleep(2)  # so long the person speaks
        await muted(phone, True)
        await asyncio.to_thread(until, lambda: heard(sql, number) >= 2, what="the citizen's answer")
        await phone.keyboard.press("Control+F8")
        await state(phone, "idle")
        over = f"SELECT result FROM dial JOIN ticket ON ticket.id = dial.ticket_id WHERE number = '{number}' AND dial.state = 'over'"
        assert await asyncio.to_thread(until, lambda: sql(over), what="the end of the call") == ["reached"]
        await goto(desk, f"{url}/console/tickets/{number}")
        await picture(desk, "ticket-called")
        assert "已接通" in await desk.inner_text("section[aria-labelledby=t-dial]")
    finally:
        await phone.bring_to_front()
        await phone.click("#phone-out")
        await context.close()


@pytest.mark.slow
async def test_a_missed_caller_is_called_back_and_the_robot_asks_others(demo: Demo, chromium: Any) -> None:
    demo.sql(AT_ANY_HOUR)
    number = await missed_call(demo.sip, demo.sql)
    await call_back(demo.url, chromium, demo.sql, number)
    done = f"SELECT return_call.state FROM return_call JOIN ticket ON ticket.id = return_call.ticket_id WHERE number = '{number}'"
    assert demo.sql(done) == ["done"]
    wanted = {"satisfied", "dissatisfied", "busy"}
    until(lambda: wanted <= set(demo.sql(ROBOT)), within_s=240, what="what the robot's citizens say, by key")
