"""A way of one's own for each kind of notice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hotline.clock import to_city
from hotline.errors import InvalidInput
from hotline.events import Outbox
from tests.ticketing.conftest import City
from ticketing.citizen.service import by_caller, person_vault
from ticketing.notice import preferences
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.notice.service import notify
from ticketing.notice.templates import About, load
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import Channel

PHONE = "+8613900002716"


async def both_ways(city: City) -> int:
    """A citizen who can be told by text message and by WeChat."""
    async with city.database.transaction() as session:
        citizen = await by_caller(city.core, session, PHONE)
        citizen.openid_sealed = person_vault(city.core, citizen).seal("o-both", "openid")  # type: ignore[union-attr]
        citizen.openid_hash = city.core.vault.fingerprint("o-both", "openid")
        return citizen.id


async def ways_of(city: City, number: str) -> dict[str, str]:
    """Template and channel of what was pushed about a ticket."""
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.supervisor, number)
        joined = select(Notice.template, NoticeDelivery.channel).join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)
        return {row.template: row.channel for row in await session.execute(joined.where(Notice.ticket_id == ticket.id))}


async def choose(city: City, citizen: int, way: str = "auto", **ways: str) -> None:
    async with city.database.transaction() as session:
        await preferences.choose(city.core, session, citizen, way=way, ways=ways)


async def tell(city: City, number: str, *templates: str) -> None:
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.supervisor, number, lock=True)
        for key in templates:
            await notify(city.core, session, ticket, key, publication="7", result="已修好", link="/r/x")


async def of_call(city: City, citizen: int) -> str:
    return (await city.register(channel=Channel.PHONE, citizen_id=citizen)).ticket.number


async def test_each_kind_goes_its_own_way_and_the_rest_as_everything(city: City) -> None:
    citizen = await both_ways(city)
    await choose(city, citizen, progress="none", result="wechat", published="sms")
    number = await of_call(city, citizen)
    await tell(city, number, "extended", "result", "closed_disputed", "callback_link", "published")
    assert await ways_of(city, number) == {
        "accepted": "sms",  # as the call came
        "result": "wechat",  # nothing in a conversation tells it to who called
        "closed_disputed": "wechat",
        "callback_link": "sms",
        "published": "sms",
    }


async def test_what_has_to_be_told_is_told_and_what_nobody_asked_for_is_not(city: City) -> None:
    citizen = await both_ways(city)
    await choose(city, citizen, way="none", callback="sms")
    number = await of_call(city, citizen)
    await tell(city, number, "suspended", "result", "callback_link", "published")
    assert await ways_of(city, number) == {"accepted": "sms", "result": "sms", "callback_link": "sms"}


async def test_a_kind_that_has_to_be_told_cannot_be_switched_off(city: City) -> None:
    citizen = await both_ways(city)
    for about, way, field in (("acceptance", "none", "ways_acceptance"), ("weather", "sms", "way"), ("progress", "pigeon", "way")):
        with pytest.raises(InvalidInput) as refused:
            await choose(city, citizen, **{about: way})
        assert refused.value.field == field


async def test_own_quiet_hours_hold_for_every_kind(city: City) -> None:
    citizen = await both_ways(city)
    now = to_city(city.core.clock.now())
    quiet = ((now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time())
    async with city.database.transaction() as session:
        await preferences.choose(city.core, session, citizen, way="auto", ways={"progress": "wechat"}, quiet=quiet)
    number = await of_call(city, citizen)
    await tell(city, number, "extended")
    async with city.database.transaction() as session:
        rows = list(await session.scalars(select(Outbox).where(Outbox.dedupe_key.startswith("notice:"))))
    assert {row.channel for row in rows} == {"sms", "wechat"}
    assert all(row.not_before > city.core.clock.now() for row in rows)


def test_every_kind_has_a_template_and_only_publishing_waits_to_be_asked_for() -> None:
    templates = load().templates
    assert {template.about for template in templates} == set(About)
    assert [template.key for template in templates if template.on_request] == ["published"]
    assert [about for about in About if not load().may_be_off(about)] == [About.ACCEPTANCE]
