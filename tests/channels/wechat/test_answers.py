"""What a citizen is answered: the real dialogue (without Rasa), the demo city's categories and articles."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from channels.wechat.answers import Answers
from channels.wechat.ears import Ears
from channels.wechat.envelope import Envelope
from channels.wechat.journal import Journal, Work
from channels.wechat.outbox import queue_agent_reply
from channels.wechat.signature import Signed
from hotline.clock import ManualClock
from tests import pictures
from tests.channels.wechat.world import World
from tests.simulators.wechat_account import Fan
from tests.simulators.wechat_api import MEDIA
from ticketing.callback.service import open_callback
from ticketing.conversation.models import Conversation, Message
from ticketing.deadline import policy
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import TicketState

NUMBER = re.compile(r"12345-\d{8}-\d{5}")
JPEG = pictures.jpeg()
MATTER = "滨河路188号门口井盖丢了，晚上很危险"


async def say(world: World, fan: Fan, *lines: str) -> str:
    """Type lines one after the other; the last answer."""
    text = ""
    for line in lines:
        done = await world.platform.text(fan, line)
        assert done.complaint is None, done
        assert done.attempts == ["200"]
        text = done.text
    return text


async def register(world: World, fan: Fan) -> str:
    """Walk through the form, answering its choices by number; the ticket's number."""
    await say(world, fan, "我要投诉", MATTER)
    text = await say(world, fan, "1", "1", "1", "1")
    found = NUMBER.search(text)
    assert found is not None, text
    return found.group()


async def tickets(world: World) -> list[Ticket]:
    async with world.services.database.transaction() as session:
        return list(await session.scalars(select(Ticket).order_by(Ticket.id)))


async def test_a_guide_question_is_answered_within_the_platforms_limit(city: World) -> None:
    answer = await say(city, city.account.fan(), "居民身份证丢失补领")
    assert "户口簿" in answer
    assert len(answer.encode()) <= 2048


async def test_a_complaint_becomes_one_ticket_with_the_citizen_known_by_openid(city: World) -> None:
    fan = city.account.fan()
    number = await register(city, fan)
    [ticket] = await tickets(city)
    assert (ticket.number, ticket.channel, ticket.content) == (number, "wechat", MATTER)
    assert ticket.citizen_id is not None
    assert ticket.contact_by == "wechat"


async def test_own_tickets_are_listed_and_told_without_code_but_others_are_not(city: World) -> None:
    fan, stranger = city.account.fan(), city.account.fan()
    number = await register(city, fan)
    assert number in await say(city, fan, "我的工单")
    assert number in (await city.platform.click(fan, "MINE")).text
    assert "等待派给对口单位" in await say(city, fan, number)
    assert "还没有" in await say(city, stranger, "我的工单")
    answer = await say(city, stranger, number)
    assert "查询码" in answer
    assert "井盖" not in answer


async def test_a_person_is_asked_for_and_the_agents_words_reach_the_citizen(city: World) -> None:
    fan = city.account.fan()
    assert "转人工" in await say(city, fan, "转人工")
    async with city.services.database.transaction() as session:
        conversation = (await session.scalars(select(Conversation))).one()
        assert conversation.owner == "queue"
        await queue_agent_reply(city.services.core, session, conversation, "您好，我是话务员")
    assert await city.told(fan) == ["您好，我是话务员"]
    assert await say(city, fan, "路灯坏了") == ""  # the person answers, not the bot
    async with city.services.database.transaction() as session:
        said = await session.scalars(select(Message.text).where(Message.author == "citizen"))
        assert "路灯坏了" in list(said)


async def test_a_bare_number_means_the_choice_of_the_last_answer_only(city: World) -> None:
    fan = city.account.fan()
    offered = await say(city, fan, "宇宙飞船执照")
    assert "1. " in offered
    await say(city, fan, "1")
    async with city.services.database.transaction() as session:
        said = list(await session.scalars(select(Message.text).where(Message.author == "citizen").order_by(Message.id)))
    assert said == ["宇宙飞船执照", offered.split("1. ")[1].split("\n")[0]]


async def test_following_greets_and_leaving_is_silent(city: World) -> None:
    fan = city.account.fan()
    for done in (await city.platform.follow(fan), await city.platform.follow(fan, "street_12")):
        assert done.text.startswith("您好，这里是云川市12345热线")
    assert (await city.platform.event(fan, "SCAN", {"EventKey": "street_12"})).text.startswith("您好"), "a poster, by who follows already"
    assert (await city.platform.unfollow(fan)).reply is None
    for name in ("VIEW", "TEMPLATESENDJOBFINISH", "subscribe_msg_sent_event", "never_heard_of"):
        done = await city.platform.event(fan, name, {"EventKey": "x"})
        assert (done.attempts, done.reply) == (["200"], None)


async def test_places_that_phones_report_by_themselves_are_not_kept(city: World) -> None:
    done = await city.platform.event(city.account.fan(), "LOCATION", {"Latitude": "30.1", "Longitude": "120.2", "Precision": "9"})
    assert done.attempts == ["200"]
    assert await city.inbound() == []


async def test_other_kinds_are_answered_kindly(city: World) -> None:
    fan = city.account.fan()
    for kind in ("video", "shortvideo"):
        assert "视频" in (await city.platform.message(fan, kind, {"MediaId": "x", "ThumbMediaId": "y"})).text
    for kind in ("file", "music", "never_heard_of"):
        assert "请用文字" in (await city.platform.message(fan, kind, {"Title": "x"})).text
    assert "请用文字" in (await city.platform.message(fan, "text", {"Content": ""})).text
    link = {"Title": "身份证丢了怎么补办", "Description": "", "Url": "https://example.invalid/a"}
    assert (await city.platform.message(fan, "link", link)).complaint is None


async def test_a_picture_in_the_form_is_kept_with_the_ticket(city: World) -> None:
    fan = city.account.fan()
    await say(city, fan, "我要投诉", MATTER)
    assert "放在一起" in (await city.platform.image(fan, JPEG)).text
    await city.tick()
    await say(city, fan, "1", "1", "1", "1")
    [ticket] = await tickets(city)
    async with city.services.database.transaction() as session:
        [kept] = await session.scalars(select(Attachment))
        shown = (await session.scalars(select(Message).where(Message.text == "[照片]"))).one()
    assert (kept.ticket_id, kept.content_type) == (ticket.id, "image/jpeg")
    assert shown.data == {"attachments": [str(kept.id)]}
    assert (city.services.core.data_dir / kept.path).read_bytes() == JPEG


async def test_a_picture_after_the_ticket_joins_it_and_one_much_later_does_not(city: World, clock: ManualClock) -> None:
    fan = city.account.fan()
    await register(city, fan)
    await city.platform.image(fan, JPEG)
    await city.tick()
    clock.advance(hours=2)
    await city.platform.image(fan, JPEG + b"other")
    await city.tick()
    async with city.services.database.transaction() as session:
        kept = list(await session.scalars(select(Attachment.ticket_id).order_by(Attachment.created_at)))
    assert kept == [(await tickets(city))[0].id, None]


async def test_a_picture_is_fetched_again_when_the_platform_was_down(city: World, clock: ManualClock) -> None:
    fan = city.account.fan()
    city.account.faults = [(MEDIA, -1)]
    await city.platform.image(fan, JPEG)
    await city.tick()
    clock.advance(minutes=1)
    await city.tick()
    async with city.services.database.transaction() as session:
        assert len(list(await session.scalars(select(Attachment)))) == 1


async def test_what_is_no_picture_is_not_kept_and_said(city: World) -> None:
    fan = city.account.fan()
    await city.platform.image(fan, b"<script>alert(1)</script>")
    assert await city.told(fan) == ["有一张照片没能保存，请换成 JPG 或 PNG 格式再发一次。"]
    async with city.services.database.transaction() as session:
        assert list(await session.scalars(select(Attachment))) == []


async def test_a_location_fills_the_address_of_an_open_form(city: World) -> None:
    fan = city.account.fan()
    assert "发生了什么事" in (await city.platform.location(fan, 30.1, 120.2, "临江区滨河路188号")).text
    await say(city, fan, "我要投诉", "井盖丢了")
    await city.platform.location(fan, 30.1, 120.2, "临江区滨河路188号")
    await say(city, fan, "跳过", "跳过", "跳过", "对")
    [ticket] = await tickets(city)
    assert ticket.address == "临江区滨河路188号"
    assert ticket.content == "井盖丢了"
    assert "写一下地址" in (await city.platform.location(fan, 30.1, 120.2, "")).text


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity", "1e999", "x"])
async def test_a_place_that_is_no_finite_number_breaks_nothing(city: World, number: str) -> None:
    fan = city.account.fan()
    place = {"Location_X": number, "Location_Y": number, "Scale": "16", "Label": "滨河路"}
    assert "发生了什么事" in (await city.platform.message(fan, "location", place)).text
    [row] = await city.inbound()
    assert (row.state, row.last_error) == ("answered", None)


async def test_the_words_of_the_rating_close_the_ticket_once(city: World) -> None:
    fan = city.account.fan()
    number = await register(city, fan)
    await wait_for_callback(city, number)
    for _ in range(3):
        await city.tick()
    [menu] = [one for one in fan.inbox if one["via"] == "custom"]
    assert menu["type"] == "msgmenu"
    assert menu["head_content"] == f"您的工单 {number} 已经办理并答复。\n井盖已经装好\n您对办理结果满意吗？"
    assert [(one["id"], one["content"]) for one in menu["list"]] == [("101", "非常满意"), ("102", "满意"), ("103", "不满意")]
    done = await city.platform.choose(fan, "101", "非常满意")
    assert done.text == f"谢谢您的评价。工单 {number} 已办结。"
    assert [ticket.state for ticket in await tickets(city)] == ["closed"]
    assert (await tickets(city))[0].satisfaction == "very_satisfied"
    assert number in await say(city, fan, "非常满意")  # once more does no harm
    stranger = city.account.fan()
    assert number not in await say(city, stranger, "非常满意")


async def test_nobody_is_asked_for_a_rating_after_the_window_has_shut(city: World, clock: ManualClock) -> None:
    number = await register(city, city.account.fan())
    clock.advance(hours=48)
    await wait_for_callback(city, number)
    await city.tick()
    assert await city.outbox() == []


async def wait_for_callback(world: World, number: str) -> None:
    """Bring the ticket to its callback without the steps between, which are not this channel's matter."""
    core = world.services.core
    async with world.services.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        ticket.state, ticket.policy_key = TicketState.CALLBACK.value, policy.load().policies[0].key
        ticket.answer = "井盖已经装好"
        await session.flush()
        await open_callback(core, session, ticket)


async def test_a_turn_whose_answer_was_lost_in_a_crash_makes_no_second_ticket(city: World, clock: ManualClock) -> None:
    """kill -9 after the dialogue has committed and before the journal has: the work is done again and changes nothing."""
    fan, services = city.account.fan(), city.services
    await say(city, fan, "我要投诉", MATTER, "1", "1", "1")
    query, body = city.platform.envelope(city.platform.xml(fan, {"MsgType": "text", "Content": "对", "MsgId": 99}))
    push = Envelope.of(services.settings).open(query, body.encode())
    entry = await Journal(services.core, services.database).store(Signed.of(query), push)
    answers = Answers(services.settings, services.core, services.database, services.dialogue, Ears(None, lambda: None))
    first = await answers.answer(Work(entry.id, push.message))
    assert len(await tickets(city)) == 1
    clock.advance(seconds=13)
    assert await city.told(fan) == [first]
    assert len(await tickets(city)) == 1


async def test_personal_data_does_not_reach_the_log(
    city: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    fan = city.account.fan()
    await say(city, fan, "我要投诉", MATTER, "跳过", "张三", "13900002716", "对")
    await city.platform.image(fan, b"x")
    await city.told(fan)
    out, err = capfd.readouterr()
    written = out + err + caplog.text
    for private in (fan.openid, "井盖", "张三", "13900002716", city.account.current):
        assert private not in written
