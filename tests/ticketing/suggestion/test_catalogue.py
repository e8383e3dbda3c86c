"""The dispatch catalogue: which row decides, who may change it, and dispatching without a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from hotline.database import Database
from hotline.errors import Conflict, InvalidInput, NotAllowed
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.context import Core
from ticketing.seed.loader import load_taxonomy, load_units
from ticketing.suggestion import automatic
from ticketing.suggestion.catalogue import from_database, from_seed
from ticketing.suggestion.places import Place, locate
from ticketing.suggestion.seed import load_catalogue
from ticketing.suggestion.service import suggest
from ticketing.taxonomy.models import DispatchRule
from ticketing.taxonomy.service import RuleDraft, save_rule, switch_rule
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, Urgency

NIGHT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


async def test_the_database_gives_the_same_catalogue_as_the_seed(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        await load_units(core, session)
        await load_taxonomy(core, session)
        assert await load_catalogue(core, session) == len(from_seed().rules)
        assert await load_catalogue(core, session) == 0
        found = await from_database(session)
    assert found.names == from_seed().names
    plain = [replace(rule, valid_from=date.min) for rule in found.rules]
    assert plain == [replace(rule, valid_from=date.min) for rule in from_seed().rules]


def test_the_most_particular_row_decides() -> None:
    catalogue = from_seed()
    assert catalogue.rule("0103", "楼顶加盖", Place()).lead == "city-management"
    assert catalogue.rule("0103", "楼顶加盖", locate("云岭县")).lead == "yunling"
    assert catalogue.rule("0203", "老楼想加装电梯", Place()).lead == "housing"
    assert catalogue.rule("0203", "电梯坏了", Place()).lead == "market"


def test_places_know_their_street_and_district() -> None:
    assert locate("学府佳园东门") == Place("学院街道", "南湖区", "学府佳园")
    assert locate("南湖区的一条路") == Place("", "南湖区", "南湖区")
    assert locate("柳河镇") == Place("柳河镇", "云岭县", "柳河镇")
    assert locate("不知道哪里") == Place()


async def test_a_row_is_added_changed_and_switched_off_with_events(city: City) -> None:
    draft = RuleDraft("0501", city.units["water"], words="河边工地", note="试行")
    async with city.database.transaction() as session:
        rule = await save_rule(city.core, session, city.admin, draft, "河边的工地由供水集团配合")
        number = rule.id
    async with city.database.transaction() as session:
        assert (await suggest(city.core, session, "河边工地半夜打桩")).units[0].unit.code == "water"
        await save_rule(city.core, session, city.admin, replace(draft, note="改了"), "备注写清楚一些", rule_id=number, version=1)
    async with city.database.transaction() as session:
        with pytest.raises(Conflict):
            await save_rule(city.core, session, city.admin, draft, "旧的页面再次保存", rule_id=number, version=1)
        await switch_rule(city.core, session, city.admin, number, "试行结束了", active=False)
    async with city.database.transaction() as session:
        assert (await suggest(city.core, session, "河边工地半夜打桩")).units[0].unit.code == "city"
        names = [event.name for event in await history(session, "dispatch_rule", number)]
    assert names == ["catalogue.added", "catalogue.changed", "catalogue.switched"]


async def test_what_is_wrong_with_a_row_is_named(city: City) -> None:
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput) as problem:
            await save_rule(city.core, session, city.admin, RuleDraft("9999", 0, (city.units["water"],), dispatch_mode="fax"), "x")
    assert set(problem.value.errors) == {"category_code", "lead_unit_id", "dispatch_mode", "reason"}
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await save_rule(city.core, session, city.clerk, RuleDraft("0501", city.units["water"]), "我觉得应该这样")


async def test_the_same_case_twice_is_a_conflict(city: City) -> None:
    async with city.database.transaction() as session:
        await save_rule(city.core, session, city.admin, RuleDraft("0501", city.units["city"]), "第一行一般情况")
    with pytest.raises(Conflict):
        async with city.database.transaction() as session:
            await save_rule(city.core, session, city.admin, RuleDraft("0501", city.units["water"]), "第二行一样的条件")
    async with city.database.transaction() as session:
        assert len(list(await session.scalars(select(DispatchRule)))) == 1


async def test_automatic_dispatch_is_off_unless_set(city: City) -> None:
    number = (await city.register(content=NIGHT, address="江畔花园")).ticket.number
    assert await automatic.run(city.core, city.database, 0.0) == 0
    assert await _state(city, number) == "registered"


async def test_automatic_dispatch_says_how_sure_it_was_and_why(city: City) -> None:
    number = (await city.register(content=NIGHT, address="江畔花园", category_code=None)).ticket.number
    assert await automatic.run(city.core, city.database, 0.6) == 1
    assert await automatic.run(city.core, city.database, 0.6) == 0
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        events = await history(session, "ticket", ticket.id)
    assert ticket.state == "in_progress"
    assert ticket.category_code == "0501"
    told = next(event.data for event in events if event.name == "ticket.dispatched")
    assert told["automatic"] is True
    assert told["confidence"] >= 0.6
    assert told["words"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"confidentiality": Confidentiality.SECRET}, "secret"),
        ({"urgency": Urgency.EMERGENCY}, "emergency"),
        ({"content": "江畔花园工地半夜施工，现在有人被埋在下面了，施工噪声"}, "emergency"),
        ({"content": NIGHT + "，再不管我们几百户去堵路"}, "sensitive"),
        ({"content": NIGHT + "，请替我保密"}, "secret"),
        ({"reported": True}, "unknown"),
    ],
)
async def test_what_is_never_dispatched_by_the_machine(city: City, fields: dict[str, object], why: str) -> None:
    if fields.pop("reported", False):
        fields["reported_unit_id"] = city.units["city"]
    number = (await city.register(**{"content": NIGHT, "address": "江畔花园", **fields})).ticket.number
    assert await automatic.run(city.core, city.database, 0.1) == 0
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
    assert ticket.state == "registered"
    assert ticket.extra[automatic.SEEN] == why


async def _state(city: City, number: str) -> str | None:
    async with city.database.transaction() as session:
        return await session.scalar(select(Ticket.state).where(Ticket.number == number))
