"""A citizen's own matters in the chat: adding to a ticket, pictures for it, the poster that was scanned."""

from __future__ import annotations

from sqlalchemy import select

from hotline.events import Event, history
from tests.channels.wechat.test_answers import JPEG, MATTER, register, say, tickets
from tests.channels.wechat.world import World
from ticketing.conversation.models import Conversation
from ticketing.people.models import Unit
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import TicketState

MORE = "井盖在公交站牌东边两米，晚上没有灯"


async def events(world: World, number: str) -> list[Event]:
    async with world.services.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        return await history(session, "ticket", ticket.id)


async def supplements(world: World, number: str) -> list[str]:
    return [event.data["text"] for event in await events(world, number) if event.name == "ticket.supplemented"]


async def test_words_after_supplement_reach_the_open_ticket_with_or_without_number(city: World) -> None:
    fan = city.account.fan()
    number = await register(city, fan)
    assert number in await say(city, fan, f"补充：{MORE}")
    assert number in await say(city, fan, f"补充 {number} 今天又有人绊倒")
    assert await supplements(city, number) == [MORE, "今天又有人绊倒"]


async def test_a_question_that_begins_with_the_word_is_no_supplement(city: World) -> None:
    fan = city.account.fan()
    number = await register(city, fan)
    await say(city, fan, "补充养老保险怎么办")
    assert await supplements(city, number) == []


async def test_a_repeated_push_adds_once_and_gets_the_same_answer(city: World) -> None:
    fan = city.account.fan()
    number = await register(city, fan)
    xml = city.platform.xml(fan, {"MsgType": "text", "Content": f"补充：{MORE}", "MsgId": 77001})
    for _attempt in range(3):
        query, body = city.platform.envelope(xml)
        assert await city.platform.post(query, body) == 200
    assert await supplements(city, number) == [MORE]


async def test_nobody_adds_to_a_strangers_ticket(city: World) -> None:
    number = await register(city, city.account.fan())
    stranger = city.account.fan()
    own = await register(city, stranger)
    assert "没有在您的工单里找到" in await say(city, stranger, f"补充 {number} {MORE}")
    assert await supplements(city, number) == []
    assert await supplements(city, own) == []


async def test_with_several_open_tickets_the_number_is_asked_for(city: World) -> None:
    fan = city.account.fan()
    first, second = await register(city, fan), await register(city, fan)
    answer = await say(city, fan, f"补充 {MORE}")
    assert first in answer
    assert second in answer
    assert await supplements(city, first) == await supplements(city, second) == []


async def test_what_was_asked_for_brings_the_ticket_back_and_pictures_go_to_it(city: World) -> None:
    fan = city.account.fan()
    await register(city, fan)
    number = await register(city, fan)
    async with city.services.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        ticket.state = TicketState.NEED_INFO.value
        conversation = (await session.scalars(select(Conversation))).one()
        conversation.ticket_id = None
        ticket_id = ticket.id
    assert number in (await city.platform.image(fan, JPEG)).text
    await city.tick()
    async with city.services.database.transaction() as session:
        assert (await session.scalars(select(Attachment.ticket_id))).all() == [ticket_id]
    assert number in await say(city, fan, f"补充：{MORE}")
    assert [one.state for one in await tickets(city) if one.number == number] != [TicketState.NEED_INFO.value]


async def test_the_posters_place_is_kept_with_the_appeal(city: World) -> None:
    async with city.services.database.transaction() as session:
        unit = (await session.scalars(select(Unit).order_by(Unit.id))).first()
        assert unit is not None
        code, name = unit.code, unit.name
    fan = city.account.fan()
    assert name in (await city.platform.follow(fan, f"u_{code}")).text
    await register(city, fan)
    [ticket] = await tickets(city)
    assert ticket.extra["scene"] == f"u_{code}"
    assert ticket.content == MATTER


async def test_a_follower_scans_and_unknown_scenes_are_forgotten(city: World) -> None:
    async with city.services.database.transaction() as session:
        unit = (await session.scalars(select(Unit).order_by(Unit.id.desc()))).first()
        assert unit is not None
        code, name = unit.code, unit.name
    fan = city.account.fan()
    assert name in (await city.platform.event(fan, "SCAN", {"EventKey": f"u_{code}"}, "scan")).text
    assert "二维码" not in (await city.platform.event(fan, "SCAN", {"EventKey": "u_nobody"}, "scan")).text
    async with city.services.database.transaction() as session:
        assert await session.scalar(select(Conversation.scene)) == f"u_{code}"
