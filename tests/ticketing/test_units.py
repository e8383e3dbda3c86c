"""The unit tree: who sees and may dispatch to what is below, and the database's last word about its shape; lines."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import ActorKind
from tests.ticketing.conftest import City
from ticketing.conversation.calls import start_call
from ticketing.people import units
from ticketing.people.actor import Actor
from ticketing.people.lines import active_lines, numbers_of, resolve_line
from ticketing.people.models import Line, LineAlias, Role, Unit, User
from ticketing.people.units import add_unit, may_dispatch_to, set_active, units_below
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.lists import count_tickets, list_tickets
from ticketing.ticket.queues import Queue
from ticketing.ticket.states import Channel, DispatchMode


async def add_streets(city: City) -> dict[str, int]:
    """A district with two streets below it."""
    async with city.database.transaction() as session:
        found = {}
        for code, level, parent in (("linjiang", 2, None), ("binhe", 3, "linjiang"), ("jiangpan", 3, "linjiang"), ("other", 3, "city")):
            above = found.get(parent or "") or city.units.get(parent or "")
            unit = await add_unit(city.core, session, city.admin, code=code, name=f"{code}单位", level=level, parent_id=above)
            found[code] = unit.id
        return found


def member(unit_id: int, role: Role = Role.CLERK) -> Actor:
    return Actor(ActorKind.STAFF, "某人 9001", 9001, role, unit_id)


async def sees(city: City, actor: Actor, number: str) -> bool:
    async with city.database.transaction() as session:
        listed = number in [row.ticket.number for row in await list_tickets(city.core, session, actor, Queue.ALL)]
        counted = (await count_tickets(city.core, session, actor, [Queue.ALL]))[Queue.ALL]
        try:
            await access_ticket(city.core, session, actor, number)
        except NotFound:
            assert not listed
            return False
        assert listed
        assert counted == 1
        return True


async def test_a_unit_sees_its_own_and_what_is_below_and_never_beside_or_above(city: City) -> None:
    streets = await add_streets(city)
    number = (await city.register()).ticket.number
    await city.act(number, city.dispatcher, dispatching.dispatch, unit_id=streets["binhe"], mode=DispatchMode.PHONE)
    seen = {
        name: await sees(city, member(unit_id), number)
        for name, unit_id in {**streets, "city": city.units["city"], "water": city.units["water"]}.items()
    }
    assert seen == {"linjiang": True, "binhe": True, "jiangpan": False, "other": False, "city": False, "water": False}


async def test_units_below_is_the_whole_tree_and_empty_for_a_unit_that_does_not_exist(city: City) -> None:
    streets = await add_streets(city)
    async with city.database.transaction() as session:
        assert await units_below(session, streets["linjiang"]) == [streets[name] for name in ("linjiang", "binhe", "jiangpan")]
        assert await units_below(session, streets["binhe"]) == [streets["binhe"]]
        assert await units_below(session, 999_999) == []


async def test_who_may_dispatch_to_which_unit(city: City) -> None:
    streets = await add_streets(city)
    allowed = {}
    async with city.database.transaction() as session:
        rows = {name: await session.get_one(Unit, unit_id) for name, unit_id in {**streets, "city": city.units["city"]}.items()}
        actors = {
            "dispatcher": city.dispatcher, "supervisor": city.supervisor, "agent": city.agent, "leader": city.leader,
            "district clerk": member(streets["linjiang"]), "district chief": member(streets["linjiang"], Role.CHIEF),
            "street clerk": member(streets["binhe"]),
        }  # fmt: skip
        for name, actor in actors.items():
            allowed[name] = {unit for unit, row in rows.items() if await may_dispatch_to(session, actor, row)}
        rows["jiangpan"].active = False
        assert not await may_dispatch_to(session, city.dispatcher, rows["jiangpan"])
    everything, below = {"linjiang", "binhe", "jiangpan", "other", "city"}, {"binhe", "jiangpan"}
    assert allowed == {
        "dispatcher": everything, "supervisor": everything, "agent": set(), "leader": set(),
        "district clerk": below, "district chief": below, "street clerk": set(),
    }  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE unit SET parent_id = id WHERE code = 'linjiang'",  # a circle of one
        "UPDATE unit SET parent_id = (SELECT id FROM unit WHERE code = 'binhe') WHERE code = 'linjiang'",  # a circle of two
        "UPDATE unit SET level = 3 WHERE code = 'linjiang'",  # as low as its children
        "UPDATE unit SET level = 2 WHERE code = 'binhe'",  # as high as its parent
        "UPDATE unit SET level = 4 WHERE code = 'binhe'",
        "INSERT INTO unit (code, name, level, active, parent_id) SELECT 'x', 'x', 2, true, id FROM unit WHERE code = 'binhe'",
    ],
)
async def test_the_database_refuses_a_tree_that_is_none(city: City, statement: str) -> None:
    await add_streets(city)
    with pytest.raises(DBAPIError, match=r"unit must stand|ck_unit_level"):
        async with city.database.transaction() as session:
            await session.execute(text(statement))


@pytest.mark.parametrize(("level", "parent"), [(3, None), (3, "binhe"), (2, "city"), (0, None), (4, "linjiang"), (3, "missing")])
async def test_a_faulty_place_in_the_tree_is_refused_in_words(city: City, level: int, parent: str | None) -> None:
    streets = {**await add_streets(city), "city": city.units["city"], "missing": 999_999}
    place = streets[parent] if parent else None
    with pytest.raises(InvalidInput):
        async with city.database.transaction() as session:
            await add_unit(city.core, session, city.admin, code="new", name="新单位", level=level, parent_id=place)


async def test_a_unit_with_open_work_is_not_switched_off_and_only_the_administrator_may(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    for actor, error in ((city.admin, InvalidInput), (city.supervisor, NotAllowed), (city.chief, NotAllowed)):
        with pytest.raises(error):
            async with city.database.transaction() as session:
                await set_active(city.core, session, actor, city.units["city"], active=False)
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await units.rename_unit(city.core, session, city.admin, 999_999, "新名字")


async def add_lines(city: City) -> None:
    async with city.database.transaction() as session:
        session.add_all([Line(number="12345", name="政务服务热线"), Line(number="12319", name="城建服务热线")])
        session.add(Line(number="12358", name="价格举报热线", active=False))
        await session.flush()
        session.add(LineAlias(number="96111", line="12319"))


async def test_a_ticket_belongs_to_the_line_that_was_dialled_also_by_an_old_number(city: City) -> None:
    await add_lines(city)

    async def line_of(called: str) -> tuple[str, str]:
        async with city.database.transaction() as session:
            conversation, _call = await start_call(
                city.core, session, sip_call_id="x", caller="13900002716", called=called, codec="PCMA", worker="t", transcriber=None
            )
        made = await city.register(channel=Channel.PHONE, conversation_id=conversation.id)
        return made.ticket.line, made.ticket.number.split("-")[0]

    assert await line_of("12319") == ("12319", "12319")
    assert await line_of("96111") == ("12319", "12319")
    assert await line_of("12358") == ("12345", "12345")  # not in use: the city's own line answers
    assert await line_of("5551234") == ("12345", "12345")
    async with city.database.transaction() as session:
        assert [line.number for line in await active_lines(session)] == ["12319", "12345"]
        assert await numbers_of(session, "12319") == {"12319", "96111"}
        assert await resolve_line(session, "") is None


async def test_an_account_can_only_be_bound_to_a_line_that_exists(city: City) -> None:
    with pytest.raises(IntegrityError):
        async with city.database.transaction() as session:
            await session.execute(update(User).values(line="99999"))
