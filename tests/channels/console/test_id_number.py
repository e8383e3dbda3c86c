"""The identity number on the agent's form: sealed, masked, opened with a reason (domain.md 2.9)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hotline.events import history
from tests.channels.staff import Browser, City, Opener
from ticketing.citizen.models import Citizen
from ticketing.ticket.models import Ticket

FORM = "/console/tickets/new"
NUMBER = "11010519491231002X"


async def registered(person: Browser, **fields: str) -> int:
    hidden = await person.form(FORM, FORM)
    usual = {"kind": "complaint", "urgency": "normal", "confidentiality": "masked", "contact_by": "phone",
             "content": "单位拖欠三个月工资，请协助", "district": "不详", "name": "周女士", "phone": "13900002716"}  # fmt: skip
    return (await person.post(FORM, {**hidden, **usual, **fields})).status


async def test_it_is_sealed_masked_and_opened_with_a_reason(browser: Opener, city: City) -> None:
    agent = await browser("agent")
    assert await registered(agent, id_number="110105 19491231 002x") == 303
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        citizen = (await session.scalars(select(Citizen))).one()
        assert citizen.id_number_sealed is not None
        assert NUMBER.encode() not in citizen.id_number_sealed
    page = f"/console/tickets/{ticket.number}"
    body = await agent.text(page)
    assert (NUMBER in body, "110***********002X" in body) == (False, True)
    hidden = await agent.form(page, f"{page}/reveal")
    shown = await (await agent.post(f"{page}/reveal", {**hidden, "reason": "核对劳动关系"})).text()
    assert NUMBER in shown
    assert NUMBER not in await agent.text(page)
    async with city.database.transaction() as session:
        events = await history(session, "ticket", ticket.id)
    assert "view.revealed" in [event.name for event in events]
    assert NUMBER not in str([event.data for event in events])


@pytest.mark.parametrize("wrong", ["110105194912310021", "1234", "<b>"])
async def test_a_wrong_number_is_refused_at_its_field(browser: Opener, city: City, wrong: str) -> None:
    agent = await browser("agent")
    assert await registered(agent, id_number=wrong) == 422
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket))).first() is None


async def test_an_anonymous_citizen_leaves_none(browser: Opener, city: City) -> None:
    assert await registered(await browser("agent"), id_number=NUMBER, anonymous="yes") == 303
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Citizen))).first() is None
