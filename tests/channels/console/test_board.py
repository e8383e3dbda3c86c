"""What waits for a decision stands on the board with its button, for who may decide it; the load of the telephones beside it."""

from __future__ import annotations

from tests.channels.console.test_quality import APPEAL, POOR, check_of, recorded
from tests.channels.console.test_supervision import dispatched
from tests.channels.staff import City, Opener
from ticketing.duty.models import Duty
from ticketing.quality import appeals, checks
from ticketing.request.models import Request
from ticketing.supervision.suspicions import Finding
from ticketing.ticket.access import access_ticket

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
