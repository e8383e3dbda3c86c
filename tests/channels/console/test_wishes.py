"""提醒设置 and the digest as the staff see them."""

from __future__ import annotations

from datetime import datetime

import pytest

from channels.console.queue_page import QUEUES
from hotline.clock import CITY_ZONE
from tests.channels.staff import City, Opener
from ticketing.people.models import Role
from ticketing.supervision import digest, wishes
from ticketing.ticket.access import access_ticket
from ticketing.ticket.dispatch import dispatch
from ticketing.ticket.states import DispatchMode

PAGE = "/console/me/notices"


@pytest.mark.parametrize("login", [role.value for role in Role])
async def test_every_role_has_its_groups(browser: Opener, city: City, login: str) -> None:
    person = await browser(login)
    page = await person.text(PAGE)
    for group in wishes.load().roles[Role(login)]:
        assert f'name="how_{group}"' in page
    assert "夜里也马上提醒、不能改的：" in page
    assert f'href="{PAGE}"' in await person.text("/console/me")


async def test_what_is_chosen_is_kept_and_shown(browser: Opener, city: City) -> None:
    clerk = await browser("clerk")
    form = await clerk.form(PAGE, PAGE)
    form |= {"how_urged": "digest", "quiet_from": "12:00", "quiet_to": "13:30", "digest": "yes", "digest_at": "07:50"}
    assert (await clerk.post(PAGE, form)).status == 303
    page = await clerk.text(PAGE)
    assert 'value="07:50"' in page
    assert 'value="12:00"' in page
    assert '<option value="digest" selected>进汇总' in page
    async with city.database.transaction() as session:
        assert (await wishes.own(session, city.people["clerk"])).how("urged") is wishes.How.DIGEST
        assert (await wishes.own(session, city.people["chief"])).how("urged") is wishes.How.NOW


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quiet_from": "25:00", "quiet_to": "08:00"}, "两个都要填"),
        ({"quiet_from": "12:00", "quiet_to": "12:00"}, "不能相同"),
        ({"digest": "yes", "digest_at": ""}, "请写成08:30这样的时间"),
        ({"quiet_from": "08:00", "quiet_to": "09:00", "digest": "yes", "digest_at": "08:30"}, "免打扰时段里"),
        ({"how_urged": "never"}, "请选择提醒方式"),
    ],
)
async def test_what_cannot_be_is_said_and_what_was_typed_stays(browser: Opener, city: City, wrong: dict[str, str], said: str) -> None:
    clerk = await browser("clerk")
    form = await clerk.form(PAGE, PAGE)
    answer = await clerk.post(PAGE, {**form, "how_knowledge": "list", **wrong})
    page = await answer.text()
    assert answer.status == 422
    assert said in page
    assert '<option value="list" selected>只在提醒页' in page


async def test_the_digest_stands_in_the_inbox_with_its_links(browser: Opener, city: City) -> None:
    city.clock.set(datetime(2026, 11, 19, 9, tzinfo=CITY_ZONE))
    number, dispatcher = (await city.register()).ticket.number, city.people["dispatcher"]
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, dispatcher, number, lock=True)
        await dispatch(city.core, session, dispatcher, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)
    clerk = await browser("clerk")
    assert 'href="/console/tickets?queue=to_sign"' in await clerk.text(PAGE), "what it would say now"
    city.clock.set(datetime(2026, 11, 20, 8, 30, tzinfo=CITY_ZONE))
    await digest.run(city.core, city.database)
    clerk = await browser("clerk")
    page = await clerk.text("/console/notices")
    assert "今日汇总" in page
    assert '<a class="chip" href="/console/tickets?queue=to_sign">待签收 <b class="num">1</b></a>' in page
    assert number in await clerk.text("/console/tickets?queue=to_sign")


async def test_one_group_of_the_inbox_is_shown_alone(browser: Opener, city: City) -> None:
    person = await browser("clerk")
    page = await person.text("/console/notices?group=urged&all=1")
    assert "催办" in page
    assert 'href="/console/notices?group=urged"' in page
    assert "显示所有种类" not in await person.text("/console/notices?group=%3Cscript%3E")


def test_every_link_of_a_digest_leads_to_a_list_of_that_role() -> None:
    for role, queues in wishes.load().digest.queues.items():
        assert set(queues) <= set(QUEUES[role]), role
