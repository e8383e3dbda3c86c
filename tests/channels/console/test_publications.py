"""公开答复: proposed by a supervisor, passed by another person, read by everybody, taken off; by pages and by the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select, update

from channels.portal import answers
from hotline.schema import metadata
from tests.channels.staff import Browser, City, Opener
from tests.channels.staff_api.conftest import Programs, program
from ticketing.publication import service
from ticketing.publication.models import PublicationState, PublishedAnswer
from ticketing.retention.person import confirm_erasure, request_erasure
from ticketing.retention.rules import Work
from ticketing.ticket.models import Ticket

__all__ = ["program"]
WORDS = {
    "title": "工地夜里施工怎么办",
    "asked": "小区旁边的工地夜里十点以后还在施工，影响休息。",
    "answered": "执法队当晚到场检查，已责令工地停止夜间施工，并安排连续三晚巡查。",
}
HOME = "/console/published-answers"
MICROSECOND_OF_2040 = datetime(2040, 11, 18, 2, 0, 0, 3, tzinfo=UTC)


async def _closed(city: City, **columns: Any) -> Ticket:
    made = await city.register(district="临江区", address="滨河路188号")
    values = {
        "state": "closed", "answer": "已约谈周女士（13900002716）反映的工地，责令停止夜间施工。", "satisfaction": "satisfied",
        "closed_at": city.clock.now(), **columns,
    }  # fmt: skip
    async with city.database.transaction() as session:
        await session.execute(update(Ticket).where(Ticket.id == made.ticket.id).values(**values))
    return made.ticket


async def _propose(supervisor: Browser, number: str, **words: str) -> Any:
    path = f"/console/tickets/{number}/publish"
    return await supervisor.post(path, {**await supervisor.form(path, path), **WORDS, **words})


async def _step(person: Browser, row: int, step: str, state: str = "proposed", **fields: str) -> int:
    target = f"{HOME}/{row}/{step}" + (f"?state={state}" if step == "end" else "")
    return (await person.post(target, {**await person.form(f"{HOME}?state={state}", target), **fields})).status


async def _row(city: City) -> PublishedAnswer:
    async with city.database.transaction() as session:
        return (await session.scalars(select(PublishedAnswer).order_by(PublishedAnswer.id.desc()).limit(1))).one()


async def test_an_answer_is_proposed_passed_read_and_taken_off(browser: Opener, city: City) -> None:
    ticket = await _closed(city)
    supervisor, editor, citizen = await browser("supervisor"), await browser("editor"), await browser()
    page = f"/console/tickets/{ticket.number}"
    assert f'href="{page}/publish"' in await supervisor.text(page)
    first = await supervisor.text(f"{page}/publish")
    assert "13900002716" not in first
    assert "周女士" not in first
    refused = await _propose(supervisor, ticket.number, answered=f"{WORDS['answered']}已电话告知周女士。")
    assert refused.status == 422
    assert "这里还有：姓名" in await refused.text()
    assert (await _propose(supervisor, ticket.number)).status == 303
    assert (await _propose(supervisor, ticket.number)).status == 409
    row = await _row(city)
    assert WORDS["title"] not in await citizen.text("/answers")
    assert f"{HOME}/{row.id}/approve" not in await supervisor.text(HOME), "nobody passes the own words"
    assert ticket.number not in await editor.text(HOME), "an editor sees no tickets"
    assert await _step(editor, row.id, "approve") == 303
    assert WORDS["title"] in await citizen.text("/answers?q=夜里 施工&group=05&district=临江区")
    assert WORDS["title"] not in await citizen.text("/answers?q=供暖")
    assert WORDS["title"] not in await citizen.text("/answers?district=南湖区")
    assert WORDS["answered"] in await citizen.text(f"/answers/{row.id}")
    assert await _step(supervisor, row.id, "end", "published", note="x") == 422
    assert await _step(supervisor, row.id, "end", "published", note="当时的规定已经修改") == 303
    assert (await citizen.get(f"/answers/{row.id}")).status == 404
    assert (await _propose(supervisor, ticket.number)).status == 303, "what was taken off may be written anew"


async def test_who_wrote_the_words_last_cannot_pass_them(browser: Opener, city: City) -> None:
    ticket = await _closed(city)
    supervisor, editor = await browser("supervisor"), await browser("editor")
    await _propose(supervisor, ticket.number)
    row = await _row(city)
    stale = await supervisor.form(HOME, f"{HOME}/{row.id}/reword")
    passing = await editor.form(HOME, f"{HOME}/{row.id}/approve")
    assert await _step(editor, row.id, "reword", **{**WORDS, "title": "工地夜间施工扰民"}) == 303
    assert (await editor.post(f"{HOME}/{row.id}/approve", {**passing, "version": str(row.version + 1)})).status == 403
    assert (await supervisor.post(f"{HOME}/{row.id}/approve", stale)).status == 409, "the words changed since they were read"
    assert await _step(supervisor, row.id, "approve") == 303
    assert (await _row(city)).title == "工地夜间施工扰民"


async def test_a_ticket_that_is_handled_again_takes_its_answer_off(browser: Opener, city: City) -> None:
    ticket = await _closed(city)
    supervisor, editor, citizen = await browser("supervisor"), await browser("editor"), await browser()
    await _propose(supervisor, ticket.number)
    row = await _row(city)
    await _step(editor, row.id, "approve")
    for changed in (
        {"state": "in_progress", "closed_at": None},
        {"state": "closed", "closed_at": city.clock.now(), "confidentiality": "secret"},
    ):
        async with city.database.transaction() as session:
            await session.execute(update(Ticket).where(Ticket.id == ticket.id).values(**changed))
        assert (await citizen.get(f"/answers/{row.id}")).status == 404


@pytest.mark.parametrize(
    "columns", [{"kind": "report"}, {"confidentiality": "secret"}, {"state": "in_progress", "closed_at": None}, {"answer": None}]
)
async def test_what_does_not_fit_is_not_published(browser: Opener, city: City, columns: dict[str, Any]) -> None:
    ticket = await _closed(city, **columns)
    supervisor = await browser("supervisor")
    assert (await supervisor.get(f"/console/tickets/{ticket.number}/publish")).status in (404, 409)


async def test_others_neither_see_nor_do_it(browser: Opener, city: City) -> None:
    ticket = await _closed(city)
    for role in ("agent", "dispatcher", "clerk", "leader", "admin"):
        person = await browser(role)
        assert (await person.get(HOME)).status == 403, role
        assert (await person.get(f"/console/tickets/{ticket.number}/publish")).status == 403, role
    editor = await browser("editor")
    assert (await editor.get(f"/console/tickets/{ticket.number}/publish")).status == 403


async def test_answers_of_one_moment_are_not_lost_between_pages(browser: Opener, city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page begins after the last row, also at a microsecond that a float of seconds cannot hold (there are such from 2038 on)."""
    moment = MICROSECOND_OF_2040
    assert int(moment.timestamp() * 1e6) != (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    tickets = [await _closed(city) for _turn in range(5)]
    async with city.database.transaction() as session:
        people = [city.people[login].user_id for login in ("supervisor", "editor")]
        plain = {"line": "12345", "author_id": people[0], "reviewer_id": people[1], "asked": WORDS["asked"], "answered": WORDS["answered"]}
        session.add_all(
            PublishedAnswer(
                ticket_id=ticket.id, title=f"第{place}件", state="published", proposed_at=moment, published_at=moment, **plain
            )
            for place, ticket in enumerate(tickets)
        )  # fmt: skip
    monkeypatch.setattr(answers, "PAGE", 2)
    citizen, seen, address = await browser(), [], "/answers"
    while address:
        page = await citizen.text(address)
        seen += re.findall(r"第\d件", page)
        following = re.search(r'href="(/answers\?[^"]*after=[^"]+)"', page)
        address = unescape(following[1]) if following else ""
    assert seen == ["第4件", "第3件", "第2件", "第1件", "第0件"]


async def test_the_api_does_the_same(city: City, program: Programs) -> None:
    ticket = await _closed(city)
    supervisor, editor = await program("supervisor"), await program("editor")
    await supervisor.post("/published-answers", {**WORDS, "asked": "电话13900002716的工地夜里施工", "number": ticket.number}, 422)
    made = await supervisor.post("/published-answers", {**WORDS, "number": ticket.number}, 201)
    await supervisor.post(f"/published-answers/{made['id']}/approve", {"version": made["version"]}, 403)
    await editor.post(f"/published-answers/{made['id']}/approve", {"version": made["version"] + 1}, 409)
    passed = await editor.post(f"/published-answers/{made['id']}/approve", {"version": made["version"]})
    assert (passed["state"], passed["asked"]) == (PublicationState.PUBLISHED.value, WORDS["asked"])
    assert [each["id"] for each in (await editor.get("/published-answers?state=published"))["items"]] == [made["id"]]
    ended = await editor.post(f"/published-answers/{made['id']}/end", {"version": passed["version"], "note": "已经过时了"})
    assert ended["state"] == PublicationState.RECALLED.value


async def test_erasing_the_person_takes_the_answer_off(city: City, site: TestServer) -> None:
    ticket = await _closed(city)
    words = service.Words(**WORDS)
    async with city.database.transaction() as session:
        row = await service.propose(city.core, session, city.people["supervisor"], ticket.number, words)
        await service.approve(city.core, session, city.people["editor"], row.id, seen=row.version)
    work = Work(city.core, metadata)
    async with city.database.transaction() as session:
        (asked,) = await request_erasure(work, session, city.people["supervisor"], reason="本人要求清除", number=ticket.number)
        await confirm_erasure(work, session, city.people["admin"], asked.id)
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(PublishedAnswer)) == 0
