"""Sensitive words in a new appeal: flagged, and the people responsible are told at once, and once."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from hotline.errors import InvalidInput
from tests.ticketing.conftest import City
from ticketing.people.models import Role, User
from ticketing.supervision import sensitive
from ticketing.supervision.models import StaffNotice
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket

SAID = "楼盘烂尾三年了，几百户人家准备去堵路，再不管就找媒体曝光"


async def _told(city: City, number: str) -> list[tuple[str, str, dict[str, str]]]:
    async with city.database.transaction() as session:
        rows = await session.execute(
            select(User.role, User.line, StaffNotice.data, StaffNotice.not_before <= city.clock.now())
            .join(User, User.id == StaffNotice.user_id)
            .join(Ticket, Ticket.id == StaffNotice.ticket_id)
            .where(Ticket.number == number, StaffNotice.kind == "sensitive")
        )
        return [(row[0], row[1], row[2]) for row in rows if row[3]]


async def test_supervisors_and_leaders_are_told_at_once_and_the_ticket_says_why(city: City) -> None:
    ticket = (await city.register(content=SAID)).ticket
    assert set(ticket.extra[sensitive.KEY]) >= {"群体", "媒体"}
    told = await _told(city, ticket.number)
    async with city.database.transaction() as session:
        responsible = (User.role.in_([Role.SUPERVISOR.value, Role.LEADER.value])) & (User.line.is_(None) | (User.line == ticket.line))
        expected = list(await session.scalars(select(User.id).where(User.active, responsible)))
    assert expected
    assert len(told) == len(expected)
    assert {role for role, _line, _data in told} <= {Role.SUPERVISOR.value, Role.LEADER.value}
    assert all("群体" in data["themes"] and "堵路" not in data["themes"] for _role, _line, data in told)  # themes, not the citizen's words


async def test_they_are_told_once_in_a_ticket_s_life(city: City) -> None:
    number = (await city.register(content=SAID)).ticket.number
    before = await _told(city, number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, number, lock=True)
        assert await sensitive.flag(city.core, session, ticket) == ()
    assert await _told(city, number) == before


@pytest.mark.parametrize("said", ["路灯不亮已经一个星期了", "江畔花园停水，请问几点来水"])
async def test_an_ordinary_appeal_tells_nobody(city: City, said: str) -> None:
    ticket = (await city.register(content=said)).ticket
    assert sensitive.KEY not in ticket.extra
    assert await _told(city, ticket.number) == []


async def test_a_registration_that_fails_tells_nobody(city: City) -> None:
    with pytest.raises(InvalidInput):
        await city.register(content=SAID, category_code="9999")
    async with city.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM staff_notice WHERE kind = 'sensitive'")) == 0
