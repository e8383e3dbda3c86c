"""Lists of the console go on where the last page ended: all lines once, also when lines come in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from channels.console import recordings, statistics, supervision
from channels.web import keyset
from tests.channels.console.test_recordings import _recorded
from tests.channels.console.test_supervision import dispatched
from tests.channels.staff import Browser, City, Opener
from tests.ticketing.statistics.month import NOW, staff_ids, write_month
from ticketing.supervision import commitments, sweep
from ticketing.ticket.access import access_ticket
from ticketing.ticket.lists import Place

FIRST = "0001-01-01T00:00:00+14:00~1"
"""A moment that is before all moments in the database's own zone."""


async def walk(person: Browser, path: str, item: str) -> list[list[str]]:
    """What each page lists, following «下一页» from `path` to the end."""
    found = []
    while path:
        body = await person.text(path)
        found.append(re.findall(item, body.split("<main")[1]))
        following = re.search(r'href="([^"]*after=[^"]*)"[^>]*>下一页', body)
        path = unescape(following[1]) if following else ""
        path = f"/console/recordings{path}" if path.startswith("?") else path
        assert len(found) < 20, "the list has no end"
    return found


async def test_recordings(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "PAGE_SIZE", 1)
    calls = []
    for _number in range(3):  # two of them begin at the same moment
        calls.append(str((await _recorded(city))[0]))
        city.clock.advance(minutes=_number * 5)
    pages = await walk(await browser("quality"), "/console/recordings", r'href="/console/recordings/([0-9a-f-]{36})"')
    assert sorted(call for page in pages for call in set(page)) == sorted(calls)
    assert len(pages) == 3


async def promised(city: City, number: str, what: str, days: int) -> None:
    async with city.database.transaction() as session:
        actor = city.people["supervisor"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        due = city.clock.now() + timedelta(days=days)
        await commitments.promise(city.core, session, actor, ticket, what=what, due_at=due, promised_by="王局长")


@pytest.mark.parametrize("query", ["", "&all=1"])
async def test_commitments(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(supervision, "PAGE_SIZE", 2)
    number = await dispatched(city)
    for each in range(5):
        await promised(city, number, f"第{each}件周五以前修好", 3 + each // 2)
    person = await browser("supervisor")
    pages = await walk(person, f"/console/supervision?tab=commitments{query}", r"第(\d)件")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(each for page in pages for each in page) == list("01234")


async def test_rectification(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAGE_SIZE", 1)
    numbers = sorted([await dispatched(city), await dispatched(city)])
    city.clock.advance(hours=8)  # unsigned past the limit: a card and its task for both
    await sweep.run(city.core, city.database)
    pages = await walk(await browser("supervisor"), "/console/supervision?tab=rectification", r'href="/console/tickets/([0-9-]+)"')
    assert sorted({number for page in pages for number in page}) == numbers
    assert len(pages) == 2


async def test_what_a_figure_counts(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    city.clock.set(NOW)
    async with city.database.transaction() as session:
        await write_month(session, city.units, await staff_ids(session))
    listed = "/console/statistics/list?period=2026-11&indicator=on_time&part=denominator"
    person, line = await browser("supervisor"), r'href="/console/tickets/(12345-[^"]*)"'
    [whole] = await walk(person, listed, line)
    monkeypatch.setattr(statistics, "PAGE", 3)
    pages = await walk(person, listed, line)
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [number for page in pages for number in page] == whole


def test_nonsense_in_an_address_is_the_first_page() -> None:
    now = datetime(2026, 11, 18, 10, tzinfo=UTC)
    assert keyset.read_number(keyset.written(now, 7)) == (now, 7)
    for text in (
        None,
        "",
        "x~1",
        "2026-11-18T10:00:00~1",
        f"{now.isoformat()}~",
        f"{now.isoformat()}~x",
        f"{now.isoformat()}~{10**30}",
        FIRST,
    ):
        assert keyset.read_number(text) is None


def test_a_moment_before_all_moments_is_the_first_page_of_the_tickets_too() -> None:
    assert Place.read(Place(datetime.fromisoformat(FIRST.removesuffix("~1")), 1).written()) is None
    whole = Place(datetime(2026, 11, 18, 10, tzinfo=UTC), 7)
    assert Place.read(whole.written()) == whole
