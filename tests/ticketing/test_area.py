"""Where it is (T1): staff say it, citizens' words tell it, and nothing is dispatched while nobody has."""

from __future__ import annotations

import pytest

from hotline.errors import InvalidInput
from tests.ticketing.asking import ticket_of
from tests.ticketing.conftest import City
from ticketing.suggestion.automatic import decide
from ticketing.suggestion.service import suggest_for
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.area import CITY_WIDE, UNKNOWN, areas
from ticketing.ticket.dispatch import Order
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, DispatchMode

NOWHERE = {"content": "小区门口的路灯不亮了，晚上很黑", "address": "家门口"}


async def test_a_citizens_place_gives_the_area_and_the_form_stays_easy(city: City) -> None:
    assert (await city.register(address="滨河路188号")).ticket.district == "临江区"
    assert (await city.register(address="", content="云岭镇卫生院旁边的路塌了一块")).ticket.district == "云岭县"
    assert (await city.register(district="南湖区", address="滨河路188号")).ticket.district == "南湖区"  # what was said stands
    assert (await city.register(**NOWHERE)).ticket.district == ""


async def test_staff_say_where_it_is_or_that_it_is_not_known(city: City) -> None:
    async with city.database.transaction() as session:
        for actor in (city.agent, city.dispatcher, city.clerk):
            with pytest.raises(InvalidInput) as refused:
                await register(city.core, session, actor, Appeal(Channel.STAFF, **NOWHERE))
            assert list(refused.value.errors) == ["district"]
        for area in (UNKNOWN, CITY_WIDE, "高新区"):
            assert area in areas()
            made = await register(city.core, session, city.agent, Appeal(Channel.STAFF, district=area, **NOWHERE))
            assert made.ticket.district == area
        made = await register(city.core, session, city.agent, Appeal(Channel.STAFF, "滨河路的路灯不亮了"))
        assert made.ticket.district == "临江区"


async def test_what_nobody_has_placed_waits_for_the_dispatcher(city: City) -> None:
    number = (await city.register(**NOWHERE)).ticket.number
    with pytest.raises(InvalidInput) as refused:
        await city.dispatch(number)
    assert refused.value.field == "district"
    order = Order(city.units["city"], DispatchMode.PHONE, district=" 青石区 ")
    await city.act(number, city.dispatcher, dispatching.dispatch_order, order)
    assert (await ticket_of(city, number)).district == "青石区"


async def test_a_machine_does_not_dispatch_what_nobody_has_placed(city: City) -> None:
    ticket = (await city.register(**NOWHERE)).ticket
    async with city.database.transaction() as session:
        assert decide(ticket, await suggest_for(city.core, session, ticket), 0.01).why_not == "no_area"
