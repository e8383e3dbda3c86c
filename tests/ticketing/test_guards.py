"""Guards of the transition table that are easily forgotten, one test a row (domain.md 4a)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from channels.console.timeline import story
from hotline.errors import InvalidInput
from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.request import dispute
from ticketing.request.dispute import Overlap
from ticketing.taxonomy.models import Category
from ticketing.ticket import exits
from ticketing.ticket.dispatch import Order
from ticketing.ticket.edit import revise
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import make_title
from ticketing.ticket.states import DispatchMode, Urgency


async def told(city: City, number: str) -> list[tuple[str, str, str, str]]:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        lines = story(await history(session, "ticket", ticket.id), {city.units["city"]: "市城市管理局", city.units["water"]: "市供水集团"})
        return [(line.title, line.who, line.detail, line.quote) for line in lines]


async def test_t1_who_leaves_no_contact_is_anonymous(city: City) -> None:
    assert (await city.register(name="", phone="")).ticket.anonymous
    assert not (await city.register()).ticket.anonymous


async def test_t31_the_receivers_name_and_time_are_noted(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.act(number, city.agent, exits.transfer_emergency, target="119", note="已三方通话")
    for wrong in ({"receiver": ""}, {"receiver": "0317", "at": city.clock.now() + timedelta(hours=1)}, {"receiver": "0317", "note": ""}):
        with pytest.raises(InvalidInput):
            await city.act(number, city.agent, exits.follow_emergency, taken_over=True, **{"note": "已经出警到场", **wrong})
    city.clock.advance(minutes=20)
    at = city.clock.now() - timedelta(minutes=5)
    await city.act(number, city.agent, exits.follow_emergency, taken_over=True, receiver="接警员0317", at=at, note="已经出警到场")
    [line] = [line for line in await told(city, number) if "接收人" in line[2]]
    assert "接收人接警员0317" in line[2]


async def test_t13_a_dispute_is_one_line_for_its_opening_and_one_for_its_ruling(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    await city.act(
        number, city.dispatcher, dispute.open_dispute, "两家单位的职责有交叉，请裁定", Overlap((city.units["city"], city.units["water"]))
    )
    order = Order(city.units["water"], DispatchMode.PHONE, instruction="三日内查清")
    await city.act(number, city.supervisor, dispute.rule, order, grounds="权责清单第十二条规定由供水集团负责")
    lines = [line for line in await told(city, number) if "争议" in line[0] or "裁定" in line[0]]
    assert [(line[0], line[1][:10], line[3]) for line in lines] == [
        ("争议会商", "dispatcher", "两家单位的职责有交叉，请裁定"),
        ("裁定承办单位", "supervisor", "权责清单第十二条规定由供水集团负责"),
    ]
    assert "主办市供水集团" in lines[1][2]


async def test_an_edit_names_the_category_and_not_its_code(city: City) -> None:
    number = (await city.register(category_code=None)).ticket.number
    async with city.database.transaction() as session:
        session.add(Category(code="0104", group_name="01 城市管理", name="路灯与户外广告", unit_id=city.units["city"], keywords=""))
    await city.act(number, city.dispatcher, revise, category_code="0104", urgency=Urgency.NORMAL)
    assert "类别：空改为路灯与户外广告" in [line[2] for line in await told(city, number)]


@pytest.mark.parametrize(
    ("content", "address", "title"),
    [
        ("夜间施工影响休息。请处理", "滨河路18号", "滨河路18号 夜间施工影响休息"),
        ("江畔花园工地夜间施工", "滨河路江畔花园", "滨河路江畔花园工地夜间施工"),
        ("滨河路18号门口路灯不亮", "滨河路18号", "滨河路18号门口路灯不亮"),
        ("我家在江畔花园北门，晚上很吵", "云川市江畔区江畔花园北门", "我家在江畔花园北门，晚上很吵"),
        ("停水三天", "", "停水三天"),
    ],
)
def test_a_title_does_not_say_the_address_twice(content: str, address: str, title: str) -> None:
    assert make_title(content, address) == title
