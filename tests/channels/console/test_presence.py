"""Lesson 15: who else has it open is shown, nobody is locked out, and what both write is not lost."""

from __future__ import annotations

from tests.channels.staff import City, Opener


async def test_lesson_15_others_who_have_it_open_are_named_and_lock_nobody_out(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    dispatcher, supervisor = await browser("dispatcher"), await browser("supervisor")
    path = f"/console/tickets/{number}/presence"
    assert "也打开着" not in await dispatcher.text(path)
    seen = await supervisor.text(path)
    assert "dispatcher" in seen
    assert "也打开着这张工单" in seen
    assert "supervisor" in await dispatcher.text(path)
    city.clock.advance(seconds=60)  # the other has closed the page
    assert "也打开着" not in await dispatcher.text(path)


async def test_who_may_not_see_the_ticket_learns_nothing(city: City, browser: Opener) -> None:
    number = (await city.register()).ticket.number
    clerk = await browser("clerk")
    assert (await clerk.get(f"/console/tickets/{number}/presence")).status == 404
