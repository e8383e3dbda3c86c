"""Words of a danger make a ticket 特急 at registration, whatever the channel: nobody waits for a dispatcher to read it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.ticketing.conftest import City
from ticketing.deadline.models import Deadline
from ticketing.ticket.states import Channel, Urgency

DANGERS = ("楼道里煤气味特别大，怕要出事", "楼上着火了，好多烟", "隔壁楼塌了，里面有人")


@pytest.mark.parametrize("channel", [Channel.WEB, Channel.OPEN311, Channel.WECHAT, Channel.SMS, Channel.PHONE])
@pytest.mark.parametrize("words", DANGERS)
async def test_a_danger_is_pressing_from_the_beginning(city: City, channel: Channel, words: str) -> None:
    calm = await city.register(channel=channel)
    made = await city.register(channel=channel, content=words)
    assert made.ticket.urgency == Urgency.EMERGENCY.value
    async with city.database.transaction() as session:
        clocks = {clock.ticket_id: clock.due_at for clock in await session.scalars(select(Deadline).where(Deadline.kind == "dispatch"))}
    assert clocks[made.ticket.id] < clocks[calm.ticket.id]


async def test_what_is_over_or_was_judged_by_a_person_stays_as_it_is(city: City) -> None:
    assert (await city.register(content="去年冬天楼上着火，公告栏至今没有换")).ticket.urgency == Urgency.NORMAL.value
    judged = await city.register(content=DANGERS[0], urgency=Urgency.URGENT)
    assert judged.ticket.urgency == Urgency.URGENT.value
