"""Integration mode 2: a ticket goes out to the system of a unit, its progress and reply come back. A real receiver, real HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select

from channels.hooks import deliver
from channels.hooks.deliver import MAX_ATTEMPTS
from channels.hooks.post import is_signed
from hotline.assembly import Services
from hotline.events import Event
from tests.channels.hooks.conftest import Receiver
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.assignment.models import Assignment, Reply
from ticketing.exchange import service
from ticketing.exchange.models import ExchangeMessage
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode

MEASURES = "已派人到现场更换路灯灯头并测试，当晚恢复照明；今后每周巡查一次，发现故障当天修复。"


@pytest.fixture
async def secret(services: Services, city: City, receiver: Receiver) -> str:
    async with city.database.transaction() as session:
        made = await service.add_partner(
            city.core,
            session,
            city.people["admin"],
            unit_id=city.units["city"],
            name="城管通",
            url=receiver.url,
            allowed_hosts=("127.0.0.1",),
        )
    await deliver.read_events(services)
    return made.secret


async def dispatch(city: City, unit: str = "city") -> str:
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        actor = city.people["dispatcher"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        await dispatching.dispatch(
            city.core, session, actor, ticket, unit_id=city.units[unit], mode=DispatchMode.PHONE, instruction="今晚检查"
        )
    return number


async def tick(services: Services) -> None:
    await deliver.read_events(services)
    await deliver.read_events(services)
    await deliver.run(services)


async def journal(city: City) -> list[ExchangeMessage]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(ExchangeMessage).order_by(ExchangeMessage.id)))


async def test_a_dispatched_ticket_arrives_at_the_units_system_without_the_citizens_name_and_number(
    services: Services, city: City, receiver: Receiver, secret: str
) -> None:
    receiver.body = {"external_id": "CG-2026-7"}
    number = await dispatch(city)
    await dispatch(city, "water")  # no partner: nothing goes out
    await tick(services)
    [(headers, body)] = receiver.got
    assert is_signed(secret, headers["Webhook-Signature"], body, now=city.clock.now())
    told = json.loads(body)
    assert (told["version"], told["number"], told["instruction"], headers["Exchange-Version"]) == (1, number, "今晚检查", "1")
    assert "13900002716" not in body.decode()
    assert "周女士" not in body.decode()
    [row] = await journal(city)
    assert (row.direction, row.state, row.external_id) == ("out", "delivered", "CG-2026-7")
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Event).where(Event.name == "exchange.pushed"))).one().data["external_id"] == "CG-2026-7"


async def test_what_cannot_be_delivered_is_a_failed_row_that_can_be_pushed_again(
    services: Services, city: City, receiver: Receiver, secret: str
) -> None:
    receiver.answers = [500] * MAX_ATTEMPTS
    await dispatch(city)
    await tick(services)
    for _ in range(MAX_ATTEMPTS - 1):
        city.clock.advance(hours=11)
        await deliver.run(services)
    [row] = await journal(city)
    assert (row.state, row.problem) == ("failed", "HTTP 500")
    async with city.database.transaction() as session:
        await service.push_again(city.core, session, city.people["admin"], row.id)
    await deliver.run(services)
    assert [row.state for row in await journal(city)] == ["delivered"]


async def test_a_part_that_was_taken_back_meanwhile_is_not_pushed(services: Services, city: City, receiver: Receiver, secret: str) -> None:
    await dispatch(city)
    await deliver.read_events(services)
    await deliver.read_events(services)
    async with city.database.transaction() as session:
        (await session.scalars(select(Assignment))).one().state = "cancelled"
    await deliver.run(services)
    assert receiver.got == []
    assert [row.state for row in await journal(city)] == ["failed"]


def message(number: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"message_id": name, "number": number, "kind": kind, "external_id": "CG-2026-7", **more}


async def test_the_units_system_signs_contacts_reports_and_replies(city: City, program: Programs, secret: str) -> None:
    number = await dispatch(city)
    system, chief = await program("clerk"), await program("chief")
    for name, (kind, more) in enumerate(
        (
            ("sign", {"leader": "王局长", "person": "李工", "quality": "当晚恢复照明"}),
            ("contact", {"way": "phone", "note": "已与市民通话，说明今晚检修"}),
            ("progress", {"note": "灯头已经更换，等待送电"}),
        )
    ):
        done = await system.post("/exchange/messages", message(number, kind, f"m-{name}", **more))
        assert done == {"message_id": f"m-{name}", "state": "applied", "repeated": False}
    reply = message(number, "reply", "m-9", facts="true", measures=MEASURES, basis="城市照明管理规定")
    await system.post("/exchange/messages", reply)
    await chief.post("/exchange/messages", message(number, "sign_off", "m-10"))
    async with city.database.transaction() as session:
        part = (await session.scalars(select(Assignment))).one()
        assert part.state == "replied"
        assert (part.responsible_leader, part.responsible_person, part.quality_standard) == ("王局长", "李工", "当晚恢复照明")
        assert (await session.scalars(select(Ticket.state))).one() == "reply_review"
        assert (await session.scalars(select(Reply.measures))).one() == MEASURES
        told = (await session.scalars(select(Event).where(Event.name == "exchange.progress"))).one()
        assert told.data["note"] == "灯头已经更换，等待送电"
    assert [row.state for row in await journal(city)] == ["applied"] * 5


async def test_the_same_message_twice_or_twice_at_once_has_one_effect(city: City, program: Programs, secret: str) -> None:
    number = await dispatch(city)
    system = await program("clerk")
    body = message(number, "sign", "m-1")
    both = await asyncio.gather(*(system.ask("POST", "/exchange/messages", json=body) for _ in range(2)))
    assert [answer.status for answer in both] == [200, 200]
    assert sorted([(await answer.json())["repeated"] for answer in both]) == [False, True]
    assert (await system.post("/exchange/messages", body))["repeated"] is True
    async with city.database.transaction() as session:
        assert len(list(await session.scalars(select(Event).where(Event.name == "assignment.signed")))) == 1
    other = await system.post("/exchange/messages", message(number, "progress", "m-1", note="另一条消息"), 422)
    assert other["errors"][0]["field"] == "message_id"


async def test_a_refused_message_is_kept_with_its_reason_and_may_come_again(city: City, program: Programs, secret: str) -> None:
    number = await dispatch(city)
    system = await program("clerk")
    early = message(number, "contact", "m-1", note="已与市民通话，说明今晚检修")
    problem = await system.post("/exchange/messages", early, 409)
    [row] = await journal(city)
    assert (row.state, row.problem) == ("refused", problem["detail"])
    await system.post("/exchange/messages", message(number, "sign", "m-2"))
    assert (await system.post("/exchange/messages", early))["state"] == "applied"


async def test_a_system_reaches_only_its_own_units_tickets(city: City, program: Programs, secret: str) -> None:
    number = await dispatch(city, "water")
    system, water, dispatcher = await program("clerk"), await program("water_clerk"), await program("dispatcher")
    await system.post("/exchange/messages", message(number, "sign", "m-1"), 404)
    await water.post("/exchange/messages", message(number, "sign", "m-1"), 404)  # no partner
    await dispatcher.post("/exchange/messages", message(number, "sign", "m-1"), 404)
