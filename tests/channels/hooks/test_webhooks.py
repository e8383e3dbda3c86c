from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from ipaddress import ip_address

import pytest
from sqlalchemy import select, text

from channels.hooks import deliver
from channels.hooks.deliver import MAX_ATTEMPTS, PAUSES_S
from channels.hooks.post import is_signed
from hotline.assembly import Services
from hotline.errors import InvalidInput, NotAllowed
from hotline.events import Outbox
from tests.channels.hooks.conftest import Receiver
from tests.channels.staff import City
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.webhook import service
from ticketing.webhook.service import check_events
from ticketing.webhook.urls import check_url, may_connect


async def subscribe(city: City, url: str, *events: str) -> tuple[int, str]:
    async with city.database.transaction() as session:
        made = await service.subscribe(
            city.core, session, city.people["admin"], name="测试", url=url, events=list(events or ("*",)), allowed_hosts=("127.0.0.1",)
        )
    return made.subscription.id, made.secret


async def tick(services: Services, city: City) -> None:
    """Read what happened (two looks: see ticketing.webhook.reader) and send what is due."""
    await deliver.read_events(services)
    await deliver.run(services)


async def rows(city: City) -> list[Outbox]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(Outbox).where(Outbox.channel == "webhook").order_by(Outbox.id)))


@pytest.fixture
async def listening(services: Services, city: City, receiver: Receiver) -> str:
    """The receiver is subscribed to everything; its secret."""
    _id, secret = await subscribe(city, receiver.url)
    await tick(services, city)
    return secret


async def test_an_event_arrives_signed_and_says_nothing_about_anybody(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    made = await city.register(content="江畔花园北门的路灯坏了，我姓周", name="周女士", phone="13900002716", address="滨河路188号")
    await tick(services, city)
    [(headers, body)] = receiver.got
    assert is_signed(listening, headers["Webhook-Signature"], body, now=city.clock.now())
    assert not is_signed(listening, headers["Webhook-Signature"], body + b" ", now=city.clock.now())
    assert not is_signed("another secret", headers["Webhook-Signature"], body, now=city.clock.now())
    assert not is_signed(listening, headers["Webhook-Signature"], body, now=city.clock.now() + timedelta(minutes=10))
    told = json.loads(body)
    assert told["id"] == headers["Webhook-Id"]
    assert (told["type"], told["ticket"]["number"]) == ("ticket.registered", made.ticket.number)
    for private in ("周", "13900002716", "滨河路", "路灯"):
        assert private not in body.decode()
    assert [row.state for row in await rows(city)] == ["sent"]


async def test_lesson_11_retries_go_on_for_hours_then_the_delivery_stands_in_a_list_and_can_be_sent_again(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    receiver.answers = [503] * MAX_ATTEMPTS
    await city.register()
    await tick(services, city)
    begun = city.clock.now()
    for number, pause in enumerate(PAUSES_S, 1):
        [row] = await rows(city)
        assert (row.state, row.attempts, len(receiver.got)) == ("waiting", number, number)
        assert 0.75 * pause <= (row.not_before - city.clock.now()).total_seconds() <= 1.25 * pause
        await deliver.run(services)
        assert len(receiver.got) == number, "not before its time"
        city.clock.set(row.not_before)
        await deliver.run(services)
    [row] = await rows(city)
    assert (row.state, row.last_error, len(receiver.got)) == ("parked", "HTTP 503", MAX_ATTEMPTS)
    assert city.clock.now() - begun > timedelta(hours=10)
    async with city.database.transaction() as session:
        [(failed, _subscription)] = await service.failed(session, city.people["admin"])
        await service.send_again(city.core, session, city.people["admin"], failed.id)
    await deliver.run(services)
    assert [row.state for row in await rows(city)] == ["sent"]


async def test_lesson_12_every_repeat_has_the_same_event_id_and_the_same_bytes(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    receiver.answers = [500, 500]
    await city.register()
    await tick(services, city)
    for _ in range(2):
        [row] = await rows(city)
        city.clock.set(row.not_before)
        await deliver.run(services)
    assert len(receiver.got) == 3
    assert len({headers["Webhook-Id"] for headers, _body in receiver.got}) == 1
    assert len({body for _headers, body in receiver.got}) == 1
    assert [headers["Webhook-Attempt"] for headers, _body in receiver.got] == ["1", "2", "3"]


async def test_lesson_12_an_event_is_written_once_for_a_subscription_however_often_it_is_read(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    await city.register()
    await tick(services, city)
    async with city.database.transaction() as session:
        await session.execute(text("UPDATE event_cursor SET last_event_id = 0"))
    await tick(services, city)
    await tick(services, city)
    ids = [headers["Webhook-Id"] for headers, _body in receiver.got]
    assert len(ids) == len(set(ids))


async def test_two_schedulers_at_once_send_nothing_twice(services: Services, city: City, receiver: Receiver, listening: str) -> None:
    for _ in range(5):
        await city.register()
    await asyncio.gather(*(deliver.run(services) for _ in range(3)))
    await asyncio.gather(*(deliver.run(services) for _ in range(3)))
    ids = [headers["Webhook-Id"] for headers, _body in receiver.got]
    assert len(ids) == len(set(ids)) == 5


async def test_whoever_died_while_sending_leaves_the_delivery_to_the_next(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    await city.register()
    await deliver.read_events(services)
    await deliver.read_events(services)
    [taken] = await deliver._take(services)  # and then the process ends
    await deliver.run(services)
    assert receiver.got == []
    city.clock.advance(seconds=61)
    await deliver.run(services)
    assert [headers["Webhook-Id"] for headers, _body in receiver.got] == [taken.payload["id"]]


async def test_an_event_that_commits_late_is_not_missed(services: Services, city: City, receiver: Receiver, listening: str) -> None:
    """Its number is lower than those of events that were seen before."""
    before = len(receiver.got)
    async with city.database.transaction() as slow:
        from ticketing.people.actor import citizen_actor
        from ticketing.ticket.service import Appeal, register
        from ticketing.ticket.states import Channel

        appeal = Appeal(channel=Channel.WEB, content="慢的一件", category_code="0501", phone="13900002716")
        late = (await register(city.core, slow, citizen_actor(), appeal)).ticket.number
        early = (await city.register()).ticket.number
        await tick(services, city)
        await tick(services, city)
        assert len(receiver.got) == before, "what is numbered after a running transaction waits for it"
    await tick(services, city)
    await tick(services, city)
    numbers = [json.loads(body)["ticket"]["number"] for _headers, body in receiver.got]
    assert sorted(numbers) == sorted([late, early])


async def test_only_what_was_asked_for_and_never_a_secret_ticket(services: Services, city: City, receiver: Receiver) -> None:
    await subscribe(city, receiver.url, "ticket.closed", "assignment.*")
    await tick(services, city)
    await city.register()
    await city.register(confidentiality=Confidentiality.SECRET)
    await tick(services, city)
    await tick(services, city)
    assert receiver.got == []
    await subscribe(city, receiver.url, "ticket.*")
    await city.register(confidentiality=Confidentiality.SECRET)
    seen = (await city.register()).ticket.number
    await tick(services, city)
    await tick(services, city)
    assert [json.loads(body)["ticket"]["number"] for _headers, body in receiver.got] == [seen]


async def test_what_waits_is_not_told_of_a_ticket_that_became_secret_meanwhile(
    services: Services, city: City, receiver: Receiver, listening: str
) -> None:
    receiver.answers = [503]
    number = (await city.register()).ticket.number
    await tick(services, city)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        ticket.confidentiality = Confidentiality.SECRET.value
    [row] = await rows(city)
    city.clock.set(row.not_before)
    await deliver.run(services)
    assert len(receiver.got) == 1, "the first try, before it was secret"
    [row] = await rows(city)
    assert (row.state, row.sent_at) == ("parked", None)


async def test_a_subscription_that_is_off_gets_nothing_more(services: Services, city: City, receiver: Receiver) -> None:
    number, _secret = await subscribe(city, receiver.url)
    await tick(services, city)
    receiver.answers = [500]
    await city.register()
    await tick(services, city)
    async with city.database.transaction() as session:
        await service.switch(city.core, session, city.people["admin"], number, active=False)
    [row] = await rows(city)
    city.clock.set(row.not_before)
    await deliver.run(services)
    assert len(receiver.got) == 1
    assert [row.state for row in await rows(city)] == ["parked"]


async def test_a_redirect_is_not_followed_and_gone_is_for_good(services: Services, city: City, receiver: Receiver, listening: str) -> None:
    receiver.answers = [307, 410]
    await city.register()
    await tick(services, city)
    [row] = await rows(city)
    assert row.last_error == "HTTP 307"
    city.clock.set(row.not_before)
    await deliver.run(services)
    assert [row.state for row in await rows(city)] == ["parked"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "https://127.0.0.1/hook", "https://10.1.2.3/hook", "https://[::1]/hook", "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/x", "https://[64:ff9b::a00:1]/x", "https://user:pw@example.org/x", "https://example.org/x#y",
        "ftp://example.org/x", "https://", "https://example.org:99999/x", "https://exa mple.org/", "https://0.0.0.0/x", "https://[fe80::1%25eth0]/x",
        "https://127.9.8.7/x", "https://192.168.1.1/x", "https://172.16.0.1/x", "https://100.64.0.1/x", "https://[fc00::1]/x", "https://[::]/x",
        "https://[::127.0.0.1]/x", "https://[2002:7f00:1::]/x", "https://2130706433/x", "https://0x7f000001/x", "https://0x7f.1/x",
        "https://0177.0.0.1/x", "https://127.1/x", "https://127.0.0.1./x",
        "https://99999999999/x",
    ],
)  # fmt: skip
def test_addresses_into_our_own_network_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url, ())


def test_the_operator_may_allow_a_private_host_or_network() -> None:
    assert check_url("http://10.1.2.3:8080/hook", ("10.1.0.0/16",))
    assert check_url("http://oa.city.internal/hook", ("oa.city.internal",))
    with pytest.raises(InvalidInput):
        check_url("http://10.2.2.3/hook", ("10.1.0.0/16",))
    assert may_connect(ip_address("10.9.9.9"), "oa.city.internal", ("oa.city.internal",))
    assert not may_connect(ip_address("10.9.9.9"), "other.internal", ("oa.city.internal",))


async def test_a_name_that_leads_inside_is_caught_when_it_is_called(city: City) -> None:
    """The form of the address is fine; where it leads is only known at the connection (DNS rebinding)."""
    services = Services(city.settings.model_copy(update={"webhook_private_hosts": ()}), city.core, city.database)
    await subscribe(city, "https://localhost:1/hook")
    await tick(services, city)
    await city.register()
    await tick(services, city)
    [row] = await rows(city)
    assert row.state == "waiting"
    assert "private network" in (row.last_error or "")


@pytest.mark.parametrize("name", ["", "user.created", "view.*", "view.revealed", "ticket.", "ticket", "ticket.été", "*.*"])
def test_other_peoples_business_cannot_be_subscribed_to(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_events([name])


async def test_only_the_administrator_subscribes(city: City, receiver: Receiver) -> None:
    for login, actor in city.people.items():
        if login == "admin":
            continue
        async with city.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await service.subscribe(city.core, session, actor, name="x", url="https://example.org/hook", events=["*"], allowed_hosts=())
