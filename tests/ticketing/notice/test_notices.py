"""Which notice a citizen gets, by which way, with which words."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime

import pytest
from sqlalchemy import select

from hotline.clock import CITY_ZONE
from hotline.events import Outbox
from hotline.i18n import speaking
from hotline.together import put
from tests.ticketing.conftest import City
from ticketing.assignment.models import Assignment
from ticketing.callback import rules as conduct
from ticketing.callback import service as callbacks
from ticketing.callback.redo import reopen
from ticketing.callback.service import CallbackResult
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import by_caller, by_openid, destroy_key
from ticketing.deadline import changes, policy
from ticketing.deadline.book import load_policies
from ticketing.deadline.limits import Limit
from ticketing.deadline.policy import CENTRE
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.notice.service import notices_of, notify, text_of
from ticketing.notice.templates import load
from ticketing.people.actor import citizen_actor, staff_actor
from ticketing.people.models import User
from ticketing.request import extension
from ticketing.request import service as requests
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Channel, Confidentiality, Satisfaction


async def told(city: City, number: str) -> list[tuple[str, str]]:
    """Template and text of every notice, oldest first."""
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
        return [(notice.template, text_of(city.core, notice, citizen)) for notice in reversed(await notices_of(session, ticket))]


async def pushed(city: City) -> list[tuple[str, str, datetime]]:
    """Channel, words and moment of every push, oldest first."""
    async with city.database.transaction() as session:
        statement = select(Outbox).where(Outbox.dedupe_key.startswith("notice:")).order_by(Outbox.id)
        return [
            (row.channel, city.core.vault.open(row.payload["text_sealed"].encode()), row.not_before.astimezone(CITY_ZONE))
            for row in await session.scalars(statement)
        ]


async def of_caller(city: City, **fields: object) -> str:
    async with city.database.transaction() as session:
        citizen = await by_caller(city.core, session, "+8613900002716")
    return (await city.register(channel=Channel.PHONE, citizen_id=citizen.id, **fields)).ticket.number


async def of_openid(city: City, **fields: object) -> str:
    async with city.database.transaction() as session:
        citizen = await by_openid(city.core, session, "o-123")
    return (await city.register(channel=Channel.WECHAT, citizen_id=citizen.id, contact_by="wechat", **fields)).ticket.number


async def test_the_whole_way_tells_acceptance_dispatch_result_and_end(city: City) -> None:
    number = await of_caller(city)
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    notices = await told(city, number)
    assert [key for key, _words in notices] == ["accepted", "dispatched", "contacted", "result", "closed"]
    accepted, dispatched = notices[0][1], notices[1][1]
    assert number in accepted
    assert "11月18日" in accepted  # until when it is dispatched
    assert "投诉" in accepted or "监督" in accepted or "督办" in accepted
    assert "市城市管理局" in dispatched
    assert "11月23日24:00" in dispatched
    assert "责令" in notices[3][1]
    assert [channel for channel, _words, _at in await pushed(city)] == ["sms", "sms", "sms"]


async def test_the_query_code_goes_only_to_a_number_from_which_the_citizen_called(city: City) -> None:
    await of_caller(city)
    typed = await city.register()  # a number typed into the web form proves nothing
    words = [words for _channel, words, _at in await pushed(city)]
    assert "查询码" in words[0]
    assert typed.query_code not in words[1]
    assert "查询码" not in words[1]
    assert all("查询码" not in text.replace("凭编号和查询码", "") for _key, text in await told(city, typed.ticket.number))


@pytest.mark.parametrize(
    "fields",
    [
        {"anonymous": True, "name": "", "phone": ""},
        {"contact_by": "none"},
        {"phone": "0571-88886666"},
        {"phone": ""},
    ],
)
async def test_who_wants_no_contact_or_cannot_get_one_finds_it_on_the_tracking_page(city: City, fields: dict[str, object]) -> None:
    number = (await city.register(**fields)).ticket.number
    assert [key for key, _words in await told(city, number)] == ["accepted"]
    assert await pushed(city) == []


async def test_a_citizen_of_wechat_is_told_there_what_the_conversation_does_not_say_itself(city: City) -> None:
    number = await of_openid(city, phone="", name="")
    assert await pushed(city) == []  # the bot has just said it
    await city.dispatch(number)
    ((channel, words, _at),) = await pushed(city)
    assert (channel, "市城市管理局" in words) == ("wechat", True)


async def test_a_secret_matter_is_pushed_without_a_word_of_it(city: City) -> None:
    number = await of_caller(city, confidentiality=Confidentiality.SECRET, title="举报某局长受贿")
    ((_channel, words, _at),) = await pushed(city)
    assert number not in words
    assert "举报" not in words
    assert "查询码" in words  # only that one is needed to look


async def test_lesson_07_a_notice_at_night_waits_for_the_morning_and_an_emergency_does_not(city: City) -> None:
    city.clock.set(datetime(2026, 11, 18, 23, 0, tzinfo=CITY_ZONE))
    number = await of_caller(city)
    from ticketing.ticket.exits import transfer_emergency

    await city.act(number, city.agent, transfer_emergency, target="119", note="厨房起火，已转消防")
    (_sms, _words, morning), (_sms, words, at_once) = await pushed(city)
    assert morning == datetime(2026, 11, 19, 8, 0, tzinfo=CITY_ZONE)
    assert at_once == datetime(2026, 11, 18, 23, 0, tzinfo=CITY_ZONE)
    assert "119" in words


async def test_a_supplement_notice_names_all_missing_things(city: City) -> None:
    number = await of_caller(city)
    await city.act(number, city.dispatcher, dispatching.request_info, "施工地点的门牌号；夜间施工的时间；现场照片")
    key, words = (await told(city, number))[-1]
    assert key == "supplement"
    assert "施工地点的门牌号；夜间施工的时间；现场照片" in words
    assert "请在11月25日24:00前" in words  # five working days
    assert "门牌号" not in (await pushed(city))[-1][1]


async def test_who_gets_an_extension_reads_why_and_until_when(city: City) -> None:
    number = await of_caller(city)
    assignment = await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.clerk, number, lock=True)
        part = await session.get_one(Assignment, assignment.id)
        asked = await extension.ask(
            city.core,
            session,
            city.clerk,
            part,
            ticket,
            limit=Limit(1, "wd"),
            reason="检测单位排期，已经取样",
            told="已电话说明要等检测报告",
        )
    await city.act(number, city.chief, requests.consent, asked.id)
    await city.act(number, city.supervisor, extension.decide, asked.id, approve=True, note="同意")
    key, words = (await told(city, number))[-1]
    assert key == "extended"
    assert "预计11月24日24:00前答复您" in words
    assert "承办单位说明：已电话说明要等检测报告" in words
    assert "同意" not in words.replace("督办同意", "")  # what the staff said to each other stays with them


async def test_a_reopening_by_the_supervisor_does_not_say_that_the_citizen_is_not_satisfied(city: City) -> None:
    number = await of_caller(city)
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    await city.act(number, city.supervisor, reopen, "现场抽查发现没有按答复整改")
    key, words = (await told(city, number))[-1]
    assert key == "reopened"
    assert "不满意" not in words
    assert "预计11月19日24:00前答复您" in words  # the short clock of the new round


async def test_a_number_typed_into_forms_is_not_flooded(city: City) -> None:
    limit = load().unverified_per_day
    for _again in range(limit + 2):
        await city.register()
    assert len(await pushed(city)) == limit
    async with city.database.transaction() as session:
        given_up = list(await session.scalars(select(NoticeDelivery).where(NoticeDelivery.state == "given_up")))
    assert len(given_up) == 2


async def test_erasing_the_person_erases_what_was_told(city: City) -> None:
    number = await of_caller(city)
    async with city.database.transaction() as session:
        citizen = (await session.scalars(select(Citizen))).one()
        await destroy_key(city.core, session, citizen)
    ((_key, words),) = await told(city, number)
    assert words == "（内容已随个人信息一并清除）"
    async with city.database.transaction() as session:
        assert number.encode() not in ((await session.scalars(select(Notice))).one().text_sealed or b"")


async def test_a_notice_after_the_person_was_erased_does_not_fail(city: City) -> None:
    number = await of_caller(city)
    async with city.database.transaction() as session:
        await destroy_key(city.core, session, (await session.scalars(select(Citizen))).one())
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        await notify(city.core, session, ticket, "closed")
    assert len(await pushed(city)) == 1  # only the first one


async def test_what_is_written_by_hand_is_told_as_it_is(city: City) -> None:
    number = await of_caller(city, title="{query_code}[[x]]")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await dispatching.withdraw(city.core, session, citizen_actor(ticket.citizen_id), ticket)
    assert "｛query_code}[[x]]" in (await told(city, number))[-1][1]


async def test_days_to_rate_and_to_come_back_are_those_of_the_rules_in_force(city: City) -> None:
    async with city.database.transaction() as session:
        await load_policies(city.core, session)
        admin = User(login="admin2", name="admin2", staff_number="1900", role="admin", unit_id=city.units["centre"], password_hash="x")
        second = await put(session, admin)
        for proposer, key, document in (
            (city.supervisor, CENTRE, {**deepcopy(policy.seed()["centre"]), "reopen_days": 10}),
            (city.admin, conduct.KEY, {**deepcopy(conduct.conduct()), "rating_days": 5}),
        ):
            proposal = await changes.propose(city.core, session, proposer, document, key=key, reason="按照市政府新规定调整")
            await changes.decide(city.core, session, staff_actor(second), proposal.id, approve=True)
    number = await of_caller(city)
    await city.handle(await city.dispatch(number))
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.supervisor, number)
        await notify(city.core, session, ticket, "answered", answer="带身份证到任一服务大厅办理。")
    closed, answered = (await told(city, number))[-2:]
    assert "10天内如有反复" in closed[1]
    assert "请在5天内" in answered[1]


async def test_words_of_lists_are_chinese_in_a_chinese_notice_whatever_page_it_came_from(city: City) -> None:
    number = await of_caller(city)
    with speaking("en"):
        await city.handle(await city.dispatch(number))
    assert "用电话与您联系" in dict(await told(city, number))["contacted"]
