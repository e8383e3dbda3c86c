"""POST /requests of Open311: what is taken, what is refused, retries and floods."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from channels.web.app import create_app
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.open311.asking import BASE, REPORT, REQUEST_FIELDS, fields, js, parsed, xml
from tests.channels.public import Client, Parts, send_raw, tickets
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality


async def test_post_registers_a_ticket_and_answers_with_its_number(client: Client, city: Database, core: Core) -> None:
    response = await client.post(f"{BASE}/requests.xml", data=REPORT)
    root = parsed(await response.text())
    assert (response.status, root.tag, root[0].tag) == (200, "service_requests", "request")
    assert fields(root[0]) == ["service_request_id", "service_notice", "account_id"]
    [ticket] = await tickets(city)
    assert root[0].findtext("service_request_id") == ticket.number
    assert (ticket.channel, ticket.category_code, ticket.kind, ticket.content) == ("open311", "0104", "help", REPORT["description"])
    assert (ticket.latitude, ticket.longitude, ticket.address) == (31.2304, 121.4737, "滨河路18号")
    async with city.transaction() as session:
        citizen = await session.get_one(Citizen, ticket.citizen_id)
        clear = person(core, citizen, masked=False)
        assert (clear.name, clear.phone) == ("周敏", "13900002716")
    stored = json.dumps(ticket.extra)
    assert "zhou@example.org" not in stored, "an address of a person is kept sealed only"
    assert core.vault.open(ticket.extra["open311"]["email_sealed"].encode()) == "zhou@example.org"


async def test_post_in_json_and_the_token_resolves(client: Client) -> None:
    made = await (await client.post(f"{BASE}/requests.json", data=REPORT)).json()
    assert sorted(made[0]) == ["account_id", "service_notice", "service_request_id"]
    assert made[0]["account_id"] is None
    number = made[0]["service_request_id"]
    assert await js(client, f"{BASE}/tokens/{number}.json") == [{"service_request_id": number, "token": number}]
    found = await js(client, f"{BASE}/requests/{number}.json")
    assert list(found[0]) == REQUEST_FIELDS
    assert found[0]["status"] == "open"


async def test_every_problem_is_listed_and_nothing_is_written(client: Client, city: Database) -> None:
    bad = {"service_code": "", "lat": "abc", "phone": "1", "email": "x", "media_url": "javascript:alert(1)", "attribute[KIND]": "joke",
           "attribute[NOPE]": "1", "description": "字" * 4001}  # fmt: skip
    response = await client.post(f"{BASE}/requests.json", data=bad)
    problems = await response.json()
    assert response.status == 400
    text = "\n".join(problem["description"] for problem in problems)
    for word in ("service_code", "long", "lat应", "phone", "email", "media_url", "attribute[KIND]", "attribute[NOPE]", "description太长"):
        assert word in text, word
    assert all(problem["code"] == 400 for problem in problems)
    assert await tickets(city) == []


async def test_unknown_service_code_alone_is_404(client: Client) -> None:
    response = await client.post(f"{BASE}/requests.json", data={**REPORT, "service_code": "0999"})
    assert response.status == 404
    response = await client.post(f"{BASE}/requests.json", data={**REPORT, "service_code": "0999", "lat": "91"})
    assert response.status == 400
    assert sorted(problem["code"] for problem in await response.json()) == [400, 404]


@pytest.mark.parametrize(
    ("lat", "long"),
    [
        ("91", "0"),
        ("-90.5", "3"),
        ("31", "181"),
        ("nan", "3"),
        ("inf", "3"),
        ("1e2", "3"),
        ("0", "0"),
        ("31", ""),
        ("", "121"),
        ("٣١", "3"),
        ("3_1", "3"),
    ],
)
async def test_absurd_coordinates_are_refused(client: Client, city: Database, lat: str, long: str) -> None:
    response = await client.post(f"{BASE}/requests.json", data={**REPORT, "lat": lat, "long": long})
    assert response.status == 400
    assert await tickets(city) == []


@pytest.mark.parametrize("place", [{"address_string": "建设路口"}, {"address_id": "A-77"}, {"lat": "31.2", "long": "121.4"}])
async def test_one_full_location_parameter_is_enough(client: Client, place: dict[str, str]) -> None:
    response = await client.post(f"{BASE}/requests.json", data={"service_code": "0105", **place})
    assert response.status == 200, await response.text()


async def test_no_location_is_refused(client: Client) -> None:
    response = await client.post(
        f"{BASE}/requests.json", data={"service_code": "0105", "description": "井盖没了", "lat": "", "address_string": " "}
    )
    assert (response.status, "缺少地点" in await response.text()) == (400, True)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"service_code": "0104"}', "application/json", 415),
        (b"<a/>", "text/xml", 415),
        (b"service_code=0104", "application/x-www-form-urlencoded; charset=gb18030", 415),
        (b"", "application/x-www-form-urlencoded", 400),
        (b"service_code=0104&description=%ff%fe&address_string=a", "application/x-www-form-urlencoded", 400),
        ("service_code=0104&address_string=滨河路".encode("gb18030"), "application/x-www-form-urlencoded", 400),
        (b"service_code=0104&address_string=a%00b", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
        (b"service_code=0104&address_string=a&description=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"service_code=0104&address_string=a&description=" + b"x" * 900_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(client: Client, city: Database, body: bytes, kind: str, status: int) -> None:
    response = await client.post(f"{BASE}/requests.json", data=body, headers={"Content-Type": kind})
    assert response.status == status
    assert sorted((await response.json())[0]) == ["code", "description"]
    assert await tickets(city) == []


async def test_a_body_without_length_is_cut_off_at_the_limit(client: Client) -> None:
    async def endless() -> Any:
        for _ in range(200):
            yield b"x" * 10_000

    response = await client.post(f"{BASE}/requests.json", data=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status == 413


async def test_markup_in_a_report_stays_text(client: Client, city: Database) -> None:
    nasty = "<script>alert(1)</script> & \"<!ENTITY x SYSTEM 'file:///etc/passwd'>\" ]]> \u0085\ufffe"
    await client.post(f"{BASE}/requests.xml", data={**REPORT, "description": nasty})
    [ticket] = await tickets(city)
    assert ticket.content == nasty.replace("\u0085", "")  # a control character is no text (ticketing.plain_text)
    async with city.transaction() as session:
        (await session.get_one(Ticket, ticket.id)).confidentiality = Confidentiality.OPEN.value
    root = await xml(client, f"{BASE}/requests/{ticket.number}.xml")
    assert root.findtext("request/description") == ticket.content.replace("\ufffe", "\ufffd")
    found = await js(client, f"{BASE}/requests/{ticket.number}.json")
    assert found[0]["description"] == ticket.content


async def test_same_idempotency_key_gives_the_same_ticket_even_at_once(client: Client, city: Database) -> None:
    answers = await asyncio.gather(
        *(client.post(f"{BASE}/requests.json", data=REPORT, headers={"Idempotency-Key": "k-1"}) for _ in range(5))
    )
    assert len({(await answer.json())[0]["service_request_id"] for answer in answers}) == 1
    assert len(await tickets(city)) == 1
    other = await client.post(f"{BASE}/requests.json", data={**REPORT, "lat": "31.3"}, headers={"Idempotency-Key": "k-1"})
    assert other.status == 400
    assert len(await tickets(city)) == 1


async def test_too_many_reports_from_one_address_have_to_wait(client: Client, city: Database, clock: ManualClock) -> None:
    for _ in range(60):
        assert (await client.post(f"{BASE}/requests.json", data={"service_code": ""})).status == 400
    refused = await client.post(f"{BASE}/requests.json", data=REPORT)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert (await refused.json())[0]["code"] == 429
    assert (await client.get(f"{BASE}/services.json")).status == 200, "reading has a limit of its own"
    clock.advance(seconds=1)
    assert (await client.post(f"{BASE}/requests.json", data=REPORT)).status == 200
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 1


async def test_a_retry_key_is_bound_to_the_senders_address(city: Database, core: Core, settings: Settings) -> None:
    """The answer holds a query code: the same key and fields from elsewhere are another report, not a way to read it."""
    behind = settings.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)})
    async with TestClient(TestServer(create_app(Parts(behind, core, city, Dialogue(core, city, None))))) as client:

        async def send(address: str) -> str:
            headers = {"Idempotency-Key": "1", "X-Forwarded-For": address}
            response = await client.post(f"{BASE}/requests.json", data=REPORT, headers=headers)
            assert response.status == 200, await response.text()
            return str((await response.json())[0]["service_notice"])

        first = await send("192.0.2.1")
        assert await send("192.0.2.1") == first
        assert await send("192.0.2.2") != first
    assert len(await tickets(city)) == 2


@pytest.mark.parametrize("key", [b"\xff", b"k" * 201])
async def test_a_retry_key_that_is_no_text_or_too_long_is_refused(client: Client, city: Database, key: bytes) -> None:
    headers = {"Idempotency-Key": key, "Content-Type": b"application/x-www-form-urlencoded"}
    assert await send_raw(client, "POST", f"{BASE}/requests.json", headers, urlencode(REPORT).encode()) == 400
    assert await tickets(city) == []
