"""The whole story of a matter by WeChat, by text message and by telephone; by the portal: `test_journey.py`.

The hands of the centre and of the unit are the same (`hands.py`). What differs is how the citizen speaks, is told each step, and has
the last word.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from telephony.client import Caller
from telephony.speech.voice import EspeakVoice
from tests.e2e.demo import SMS_KEY, Demo
from tests.e2e.hands import NUMBER, People, fill_visit, notices, until_morning
from tests.e2e.test_browser_phone import agent_on_duty, shows
from tests.e2e.test_outgoing import AT_ANY_HOUR, call_back
from tests.e2e.test_phone import LONG_S, newest_call, now, voice
from tests.e2e.test_wechat import WeChat, wechat
from tests.navigation import goto
from tests.simulators.wechat_account import Fan
from tests.telephony.webrtc.test_agents_page import chromium, state
from ticketing.citizen.service import mask_phone

__all__ = ["chromium", "voice"]
MATTER = "江畔花园北门的路灯坏了{n}盏，晚上很黑"
BY_NUMBER = {"accepted": "sms", "dispatched": "sms", "contacted": "page", "result": "sms", "closed": "page"}
"""What is told by itself, and how, to whoever can be reached by text message."""
BY_WECHAT = {"accepted": "page", "dispatched": "wechat", "contacted": "page", "result": "page", "closed": "page"}
"""Registration and result are told in the conversation itself."""
WITHIN_S = 60.0
Say = Callable[[str], Awaitable[str]]


@pytest.fixture
def people(demo: Demo, chromium: Any) -> People:
    """Who takes part, with a microphone."""
    return People(demo, chromium)


@pytest.fixture
def mobile() -> str:
    """A number of its own, whose telephone picks up and is satisfied (docs/demo.md)."""
    return f"138{time.time_ns() // 1000 % 10**7:07d}1"


async def complain(say: Say) -> str:
    """Go through the form as somebody in a hurry does; the number of the ticket."""
    await say("我要投诉")
    said = await say(MATTER.format(n=time.time_ns() % 90 + 10))
    for _question in range(8):
        if found := NUMBER.search(said):
            return found.group()
        said = await say("对" if "对吗" in said else "跳过")
    raise AssertionError(f"no ticket; the last answer was: {said}")


async def to_callback(people: People, number: str, hears: Callable[..., Awaitable[object]]) -> None:
    """Every pair of hands, from 待派单 to 待回访; the citizen hears of the steps that matter to them."""
    await people.dispatch(number)
    until_morning(people.demo, number)
    await hears("办理", "已转", number)
    await people.reply(number)
    await people.review(number)
    until_morning(people.demo, number)


def told_by_itself(demo: Demo, number: str) -> dict[str, str]:
    """Template and way of each notice. The link to the rating page goes out in the daytime only, if the citizen was not quicker."""
    return {template: way for template, way in notices(demo, number).items() if template != "callback_link"}


class TextMessages:
    """A citizen's telephone: what is written goes through the provider's address, what comes is read in the demo's letter box."""

    def __init__(self, people: People, mobile: str) -> None:
        self.people, self.mobile = people, mobile

    async def inbox(self) -> Counter[str]:
        """Texts that were sent to this number."""
        page = await self.people.staff("leader")
        await goto(page, "/console/sms")
        mine = page.locator("main li", has=page.locator(f".num:text-is('{mask_phone(self.mobile)}')"))
        sent = mine.filter(has_not=page.locator(".tag"))  # with a tag it waits
        return Counter(await sent.locator(".quote").all_inner_texts())

    async def hears(self, *words: str, since: Counter[str] | None = None) -> str:
        """Wait for a message with all these words in it."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            new = await self.inbox() - (since or Counter())
            for text in new:
                if all(word in text for word in words):
                    return text
            await asyncio.sleep(0.3)
        raise AssertionError(f"no message with {words} within {WITHIN_S:.0f} s among {list(new)}")

    async def say(self, text: str, *words: str) -> str:
        """Write to the hotline; its answer, which comes as a message of its own and has these words in it."""
        before = await self.inbox()
        message = [{"phone": self.mobile, "text": text, "id": uuid4().hex}]
        status, _ = await asyncio.to_thread(self.people.demo.post_json, f"/sms/plain/messages?key={SMS_KEY}", message)
        assert status == 200
        return await self.hears(*words, since=before)


async def test_by_text_message(demo: Demo, people: People, mobile: str) -> None:
    phone = TextMessages(people, mobile)
    number = await complain(phone.say)
    until_morning(demo, number)
    assert demo.sql(f"SELECT channel FROM ticket WHERE number = '{number}'") == ["sms"]

    await phone.hears("已登记", number)
    await to_callback(people, number, phone.hears)
    await phone.hears("已有办理结果", number)
    await phone.say("满意", number, "已办结")
    assert "已办结" in await people.state_of(number)
    assert told_by_itself(demo, number) == BY_NUMBER


async def told_in_chat(fan: Fan, *words: str) -> dict[str, Any]:
    """Wait for what the service writes by itself, with all these words in it."""
    async with asyncio.timeout(WITHIN_S):
        while not (found := [one for one in fan.inbox if one["via"] == "custom" and all(word in str(one) for word in words)]):
            await asyncio.sleep(0.1)
    return found[-1]


async def test_by_wechat(demo: Demo, people: People) -> None:
    async with wechat(demo) as world:
        fan = world.account.fan()
        await world.platform.follow(fan)
        number = await complain(lambda text: world.say(fan, text))
        assert demo.sql(f"SELECT channel FROM ticket WHERE number = '{number}'") == ["wechat"]
        await to_callback(people, number, partial(told_in_chat, fan))
        assert "已办结" in await tapped(world, fan, number, "满意")
        assert "已办结" in await people.state_of(number)
        assert told_by_itself(demo, number) == BY_WECHAT


async def tapped(world: WeChat, fan: Fan, number: str, words: str) -> str:
    """A tap on one of the three answers under the question about this ticket; what is said to it."""
    asked = await told_in_chat(fan, "您对办理结果满意吗", number)
    [choice] = [one for one in asked["list"] if one["content"] == words]
    return (await world.platform.choose(fan, choice["id"], words)).text


@pytest.mark.slow
async def test_by_telephone(demo: Demo, people: People, chromium: Any, mobile: str, voice: EspeakVoice) -> None:
    since = now(demo)
    async with agent_on_duty(demo.url, chromium) as (phone, desk):
        async with Caller(demo.sip, number=mobile) as caller:
            await caller.hear(LONG_S)
            for sentence in ("我要投诉路灯不亮", "江畔花园北门"):
                assert await caller.say(await voice.say(sentence))
                await caller.hear(LONG_S)
            await caller.press("0")
            await phone.wait_for_selector("#phone[data-state=ringing]", timeout=60_000)
            await phone.bring_to_front()
            await phone.keyboard.press("F2")
            await state(phone, "talking")
            await desk.bring_to_front()
            await desk.wait_for_function("() => document.querySelector('#f-address')?.value.includes('江畔花园')")
            assert "路灯" in await desk.input_value("#f-content")
            await desk.keyboard.press("Control+Enter")
            await desk.wait_for_selector("#desk:has-text('这通电话已登记')")
            await phone.bring_to_front()
            await phone.keyboard.press("Control+F8")
            await state(phone, "idle")
        await shows(desk, "话后整理")
    call = newest_call(demo, since)
    [number] = demo.sql(f"SELECT number FROM ticket JOIN call USING (conversation_id) WHERE call.id = '{call}'")
    until_morning(demo, number)
    letters = TextMessages(people, mobile)
    await letters.hears("已登记", number)
    await to_callback(people, number, letters.hears)
    await letters.hears("已有办理结果", number)
    demo.sql(AT_ANY_HOUR)
    await call_back(demo.url, chromium, demo.sql, number, start=f"/console/tickets/{number}")
    await people.act("callback", number, "visit", fill_visit)
    assert "已办结" in await people.state_of(number)
    assert told_by_itself(demo, number) == BY_NUMBER
