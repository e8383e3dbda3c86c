"""What waits for a decision stands on the board with its button, for who may decide it; the load of the telephones beside it."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import text

from tests.channels.console.test_quality import APPEAL, POOR, check_of, recorded
from tests.channels.console.test_statements import said
from tests.channels.console.test_supervision import dispatched
from tests.channels.staff import City, Opener
from ticketing.deadline.models import Deadline
from ticketing.duty.models import Duty
from ticketing.quality import appeals, checks
from ticketing.request.models import Request
from ticketing.supervision.suspicions import Finding
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket

BOARD = "/console/board?part=1"


async def test_an_extension_a_suspicion_and_an_appeal_stand_on_the_board(browser: Opener, city: City) -> None:
    number = await dispatched(city)
    check_id = await check_of(city, await recorded(city))
    points = {name.removeprefix("p-"): int(value) for name, value in POOR.items()}
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.people["supervisor"], number)
        asked = {"ticket_id": ticket.id, "kind": "dispute", "reason": "两家单位都说不归自己管"}
        session.add(Request(**asked, asked_by_id=city.people["dispatcher"].account, asked_at=city.clock.now()))
        session.add(Finding(rule="brush_off", key="x", ticket_id=ticket.id, found_at=city.clock.now()))
        await checks.score(city.core, session, city.people["quality"], check_id, points=points, remark="没有查知识库")
        await appeals.appeal(city.core, session, city.people["agent"], check_id, APPEAL)
    supervisor, dispatcher, leader = await browser("supervisor"), await browser("dispatcher"), await browser("leader")
    body = await supervisor.text(BOARD)
    assert "争议会商" in body
    assert f'href="/console/tickets/{number}"' in body
    assert "去决定" in body
    for href in ("/console/supervision?tab=findings", "/console/quality?tab=appealed"):
        assert f'href="{href}"' in body
        assert (await supervisor.get(href)).status == 200
    others = await dispatcher.text(BOARD)
    assert "去决定" not in others, "a dispatcher rules no dispute"
    assert "/console/quality" not in others
    led = await leader.text(BOARD)
    assert "去决定" in led
    assert "tab=appealed" not in led


async def test_the_load_of_the_telephones_and_no_stray_buttons(browser: Opener, city: City) -> None:
    supervisor = await browser("supervisor")
    assert "没有话务员在岗" in await supervisor.text(BOARD)
    async with city.database.transaction() as session:
        now = city.clock.now()
        session.add(Duty(user_id=city.people["agent"].account, state="ready", since=now, idle_since=now, phone="sip:201@127.0.0.1"))
    body = await supervisor.text(BOARD)
    assert 'class="num">1</b>' in body
    assert "没有人在等" in body
    page = await supervisor.text("/console/board")
    menu, main = page[: page.index("</header>")], page[page.index("<main") :]
    for href in ("/console/callbacks", "/console/notices-sent"):
        assert f'href="{href}"' in menu
        assert f'href="{href}"' not in main


def of_lanes(body: str) -> dict[str, tuple[str, int]]:
    """The figure of each lane, and how many cards stand under it."""
    lanes = re.findall(r'<section class="lane" data-stage="(\w+)".*?<span class="n num">(\d+\+?)</span>(.*?)</section>', body, re.DOTALL)
    return {stage: (count, cards.count('<article class="warn"')) for stage, count, cards in lanes}


async def _copied(city: City, number: str, copies: int) -> None:
    """More tickets like this one, each with its clocks."""
    async with city.database.transaction() as session:
        ticket_id = (await access_ticket(city.core, session, city.people["supervisor"], number)).id
        sources = (
            (Ticket.__table__, "number", ("id", "number"), "'x-' || n", "generate_series(1, :n) n WHERE of.id = :id"),
            (
                Deadline.__table__,
                "ticket_id",
                ("id", "ticket_id"),
                "t.id",
                "ticket t WHERE of.ticket_id = :id AND t.number LIKE 'x-%' AND :n > 0",
            ),
        )
        for table, key, own, value, origin in sources:
            names = [column.name for column in table.columns if column.name not in own]
            copied = f"INSERT INTO {table.name} ({key}, {', '.join(names)}) SELECT {value}, {', '.join(f'of.{name}' for name in names)}"
            await session.execute(text(f"{copied} FROM {table.name} of, {origin}"), {"n": copies, "id": ticket_id})


async def test_four_hundred_over_due_hide_nothing_of_the_other_lanes(browser: Opener, city: City) -> None:
    late = (await city.register()).ticket.number
    await _copied(city, late, 401)
    soon = (await city.register(content="滨河路一早就停水，没有人通知", category_code="0301")).ticket.number
    async with city.database.transaction() as session:
        now = city.clock.now()
        hour = timedelta(hours=1)
        for number, due, red in (("x-%", now - 2 * hour, now - hour), (late, now - hour, now + hour), (soon, now + hour, now + 9 * hour)):
            moments = {"start": due - 9 * hour, "white": due - 5 * hour, "amber": due - hour / 2, "due": due, "red": red}
            change = "started_at = :start, white_at = :white, amber_at = :amber, yellow_at = NULL, due_at = :due, red_at = :red"
            of = "FROM ticket WHERE ticket.id = ticket_id AND number LIKE :number"
            await session.execute(text(f"UPDATE deadline SET {change} {of}"), {**moments, "number": number})
    supervisor = await browser("supervisor")
    body = await supervisor.text(BOARD)
    assert of_lanes(body) == {"white": ("1", 1), "amber": ("0", 0), "yellow": ("1", 1), "red": ("99+", 30)}
    assert "还有很多件" in body
    assert f'href="/console/tickets/{soon}"' in body
    read = [statement for statement in await said(city, supervisor, BOARD) if "row_number()" in statement]
    assert len(read) == 1
