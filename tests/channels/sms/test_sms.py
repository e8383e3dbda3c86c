"""Text messages through a real HTTP server that stands in for the provider: retries, refusals, no gateway, what people do about it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from channels.outbox import FIRST_PAUSE, LEASE, NOTICE
from channels.sms.gateway import HttpGateway
from channels.sms.sender import SmsSender
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import Outbox, history
from hotline.settings import Settings
from tests.ticketing.conftest import City
from ticketing.citizen.models import Citizen
from ticketing.notice import deliveries
from ticketing.notice.models import DeliveryState, NoticeDelivery
from ticketing.ticket.models import Ticket

BODY = '{"to": "{phone}", "content": "{text}", "ref": "{id}", "n": 1}'
SECRET = "gateway-secret"


@dataclass
class Provider:
    """Answers as it is told to and remembers what came."""

    status: int = 200
    answer: str = '{"code": 0}'
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def post(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, text=self.answer)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    found = Provider()
    app = web.Application()
    app.router.add_post("/send", found.post)
    server = TestServer(app)
    await server.start_server()
    found.url = str(server.make_url("/send"))
    yield found
    await server.close()


def sender(city: City, provider: Provider | None, *, success: str = "code=0") -> SmsSender:
    gateway = None
    if provider is not None:
        gateway = HttpGateway(provider.url, BODY, clock=city.clock, secret=SECRET, signature="【云川12345】", success=success, timeout_s=2)
    return SmsSender(city.core, city.database, gateway, "https://hotline.example")


async def delivery(city: City) -> NoticeDelivery:
    async with city.database.transaction() as session:
        return (await session.scalars(select(NoticeDelivery))).one()


async def event_names(city: City) -> list[str]:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        return [event.name for event in await history(session, "ticket", ticket.id)]


async def test_a_message_is_sent_signed_with_address_and_signature_and_leaves_an_event(city: City, provider: Provider) -> None:
    number = (await city.register()).ticket.number
    assert await sender(city, provider).send_waiting() == 1
    assert await sender(city, provider).send_waiting() == 0
    ((headers, raw),) = provider.got
    body = json.loads(raw)
    assert (body["to"], body["n"]) == ("13900002716", 1)
    assert body["content"].startswith("【云川12345】您反映的事项已登记")
    assert number in body["content"]
    assert "https://hotline.example/track" in body["content"]
    signed = hmac.new(SECRET.encode(), headers["X-Hotline-Timestamp"].encode() + b"." + raw, hashlib.sha256).hexdigest()
    assert headers["X-Hotline-Signature"] == signed
    done = await delivery(city)
    assert (done.state, done.attempts, done.sent_at) == ("sent", 1, city.clock.now())
    assert await event_names(city) == ["ticket.registered", "notice.sent"]


async def test_quotes_and_braces_in_a_text_break_no_body(city: City, provider: Provider) -> None:
    gateway = HttpGateway(provider.url, '{"a": {"b": ["{text}", "{phone}{other}"]}}', clock=city.clock)
    await gateway.send("13900002716", 'a"}{phone}\n\\', "notice:1")
    assert json.loads(provider.got[0][1]) == {"a": {"b": ['a"}{phone}\n\\', "13900002716{other}"]}}


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_lesson_11_a_busy_gateway_is_tried_for_hours_with_the_same_id_then_it_is_on_the_list(
    city: City,
    provider: Provider,
    status: int,
) -> None:
    provider.status = status
    await city.register()
    worker, start, moments = sender(city, provider), city.clock.now(), []
    while (await delivery(city)).state in ("queued", "failed"):
        if await worker.send_waiting():
            moments.append(city.clock.now())
        city.clock.advance(minutes=1)
        assert city.clock.now() < start + timedelta(days=3)
    assert len(moments) == NOTICE.attempts == len(provider.got)
    assert len({json.loads(raw)["ref"] for _headers, raw in provider.got}) == 1
    assert moments[-1] - start > timedelta(hours=4)
    assert moments[1] - start >= 0.75 * FIRST_PAUSE
    stuck = await delivery(city)
    assert (stuck.state, stuck.last_error) == ("given_up", f"HTTP {status}")
    assert (await event_names(city))[-1] == "notice.failed"


async def test_lesson_07_retries_do_not_fall_into_the_night(city: City, provider: Provider) -> None:
    city.clock.advance(hours=10, minutes=59, seconds=58)  # 20:59:58
    await city.register()
    provider.status = 500
    await sender(city, provider).send_waiting()
    async with city.database.transaction() as session:
        row = (await session.scalars(select(Outbox))).one()
    assert row.not_before - city.clock.now() > timedelta(hours=11)


@pytest.mark.parametrize(
    ("status", "answer", "error"), [(400, "", "HTTP 400"), (200, '{"code": 7}', "code=7"), (200, "<html>", "no field code")]
)
async def test_a_refusal_is_not_repeated(city: City, provider: Provider, status: int, answer: str, error: str) -> None:
    provider.status, provider.answer = status, answer
    await city.register()
    await sender(city, provider).send_waiting()
    city.clock.advance(days=1)
    await sender(city, provider).send_waiting()
    stuck = await delivery(city)
    assert stuck.state == "given_up"
    assert error in (stuck.last_error or "")
    assert len(provider.got) == 1


async def test_without_a_gateway_nothing_is_called_sent_and_it_can_be_sent_later(city: City, provider: Provider) -> None:
    await city.register()
    await sender(city, None).send_waiting()
    stuck = await delivery(city)
    assert (stuck.state, stuck.sent_at) == (DeliveryState.NO_GATEWAY.value, None)
    assert "notice.sent" not in await event_names(city)
    async with city.database.transaction() as session:
        with pytest.raises(NotFound):
            await deliveries.resend(city.core, session, city.clerk, stuck.id)
        await deliveries.resend(city.core, session, city.supervisor, stuck.id)
    await sender(city, provider).send_waiting()
    assert (await delivery(city)).state == "sent"
    async with city.database.transaction() as session:
        with pytest.raises(IllegalStep):
            await deliveries.resend(city.core, session, city.supervisor, stuck.id)


async def test_lesson_24_a_stuck_one_can_be_acknowledged_and_says_nothing_about_the_ticket(city: City) -> None:
    number = (await city.register()).ticket.number
    await sender(city, None).send_waiting()
    stuck = await delivery(city)
    async with city.database.transaction() as session:
        assert await deliveries.counts(session) == {"no_gateway": 1}
        with pytest.raises(InvalidInput):
            await deliveries.acknowledge(city.core, session, city.supervisor, stuck.id, "")
        await deliveries.acknowledge(city.core, session, city.supervisor, stuck.id, "已电话告知")
        assert await deliveries.counts(session) == {}
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        assert ticket.state == "registered"


async def test_lesson_24_each_recipient_has_a_row_of_its_own(city: City, provider: Provider) -> None:
    await city.register()
    await city.register(phone="13900009999")
    async with city.database.transaction() as session:
        first = (await session.scalars(select(Citizen).order_by(Citizen.id))).first()
        assert first is not None
        first.phone_sealed = None
    await sender(city, provider).send_waiting()
    async with city.database.transaction() as session:
        states = [row.state for row in await session.scalars(select(NoticeDelivery).order_by(NoticeDelivery.id))]
    assert states == ["given_up", "sent"]


async def test_the_lease_of_a_dead_process_ends_and_the_repeat_has_the_same_id(city: City, provider: Provider) -> None:
    await city.register()
    worker = sender(city, provider)
    assert await worker._take() is not None  # and dies
    assert await worker.send_waiting() == 0
    city.clock.advance(seconds=LEASE.total_seconds())
    assert await worker.send_waiting() == 1
    assert (await delivery(city)).state == "sent"


async def test_the_administrator_sees_failures_and_nothing_of_the_matter(city: City) -> None:
    await city.register()
    await sender(city, None).send_waiting()
    async with city.database.transaction() as session:
        (seen,) = await deliveries.deliveries(city.core, session, city.admin)
        assert seen.ticket is None
        (seen,) = await deliveries.deliveries(city.core, session, city.supervisor, state="no_gateway")
        assert seen.ticket is not None
        assert await deliveries.deliveries(city.core, session, city.supervisor, before=seen.delivery.id) == []
        with pytest.raises(NotAllowed):
            await deliveries.deliveries(city.core, session, city.clerk)


@pytest.mark.parametrize("body", ["{", '["{phone}{text}"]', '{"to": "{phone}"}'])
def test_a_body_that_cannot_work_is_refused_at_start(body: str) -> None:
    with pytest.raises(ValueError, match=r"HOTLINE_SMS_BODY|sms_body"):
        Settings(demo=True, sms_body=body)
