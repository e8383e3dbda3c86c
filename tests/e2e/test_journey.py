"""Steps 3 to 10 of docs/demo.md in a real browser: a citizen's appeal through every pair of hands, and back to the citizen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.e2e.demo import Demo
from tests.e2e.hands import CHROMIUM, MATTER, People, fill_redo, fill_reply, fill_unanswered, people_of, rate
from tests.navigation import goto

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
async def people(demo: Demo) -> AsyncIterator[People]:
    """Who takes part."""
    async with people_of(demo) as found:
        yield found


async def to_callback(people: People, number: str) -> None:
    """From dispatch to the review that passes."""
    await people.dispatch(number)
    await people.reply(number)
    await people.review(number)


async def test_an_appeal_goes_through_every_hand_and_is_closed_by_the_citizen(people: People) -> None:
    citizen, number = await people.submit()
    stranger = await people.staff("clerk-water")
    await to_callback(people, number)
    await goto(stranger, f"/console/tickets/{number}")
    assert MATTER not in await stranger.inner_text("body")  # another unit does not see it
    assert "回访" in await people.act("callback", number, "attempt", fill_unanswered)
    await rate(citizen, "very_satisfied", solved="yes")
    assert "已办结" in await people.state_of(number)


async def test_a_citizen_who_is_not_satisfied_gets_a_second_round(people: People) -> None:
    citizen, number = await people.submit("江畔花园南门的路灯又坏了，请尽快来修")
    await to_callback(people, number)
    await rate(citizen, "dissatisfied", solved="no", note="只亮了一个晚上又坏了，要求彻底修好")
    assert "待回访" in await people.state_of(number)  # somebody asks why at once, and says what has to be put right
    await people.act("callback", number, "decide_redo", fill_redo)
    state = await people.state_of(number)
    assert "办理中" in state
    assert "第2轮办理" in state


async def test_a_brush_off_is_refused_and_what_was_written_stays(people: People) -> None:
    _citizen, number = await people.submit("江畔花园东门的路灯不亮")
    await people.dispatch(number)
    await people.act("clerk", number, "sign")
    empty = "您反映的问题我们已经收到，正在处理中，请您耐心等待，有结果会告诉您。"

    async def fill(page: Page, dialog: str) -> None:
        await fill_reply(page, dialog, empty)

    with pytest.raises(AssertionError, match="正在处理中"):
        await people.act("clerk", number, "reply", fill)
    clerk = await people.staff("clerk")
    assert await clerk.input_value("#a-reply [name=measures]") == empty
