"""GeoReport v2 as a foreign program uses it: over HTTP, in both formats, with everything that can be sent wrongly."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from channels.web.app import create_app
from chatbot.dialogue import Dialogue
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.public import Client, MakeTicket, Parts, assign, send_raw, tickets
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind

BASE = "/open311/v2"
REPORT = {
    "service_code": "0104",
    "lat": "31.2304",
    "long": "121.4737",
    "address_string": "滨河路18号",
    "description": "门前的路灯三天没有亮\n晚上看不见台阶",
    "first_name": "敏",
    "last_name": "周",
    "phone": "139 0000 2716",
    "email": "zhou@example.org",
    "device_id": "tt222111",
    "account_id": "77",
    "api_key": "anything",
    "jurisdiction_id": "yunchuan.example",
}
REQUEST_FIELDS = [
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description", "agency_responsible",
    "service_notice", "requested_datetime", "updated_datetime", "expected_datetime", "address", "address_id", "zipcode",
    "lat", "long", "media_url",
]  # fmt: skip


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314 - what our own server wrote


async def xml(client: Client, path: str, status: int = 200, **options: Any) -> ElementTree.Element:
    response = await client.get(path, **options)
    assert (response.status, response.headers["Content-Type"]) == (status, "text/xml; charset=utf-8")
    text = await response.text()
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n')
    return parsed(text)


async def js(client: Client, path: str, status: int = 200, **options: Any) -> Any:
    response = await client.get(path, **options)
    assert (response.status, response.headers["Content-Type"]) == (status, "application/json; charset=utf-8")
    return await response.json()


def fields(element: ElementTree.Element) -> list[str]:
    return [child.tag for child in element]


async def test_service_list_in_both_formats(client: Client) -> None:
    root = await xml(client, f"{BASE}/services.xml")
    assert root.tag == "services"
    assert [item.tag for item in root] == ["service"] * 3, "an inactive category is no service"
    assert fields(root[0]) == ["service_code", "service_name", "description", "metadata", "type", "keywords", "group"]
    listed = await js(client, f"{BASE}/services.json")
    assert listed[0] == {
        "service_code": "0104",
        "service_name": "路灯与户外广告",
        "description": "城市管理：路灯与户外广告",
        "metadata": True,
        "type": "realtime",
        "keywords": "路灯, 不亮",
        "group": "城市管理",
    }
    assert root[0].findtext("metadata") == "true"
    assert root[0].findtext("service_code") == "0104"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/xml"),
        ("*/*", "text/xml"),
        ("application/json", "application/json"),
        ("application/json;q=0.5, text/xml", "text/xml"),
        ("text/xml;q=0.2, application/json;q=0.9", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/xml"),
        ("application/json;q=abc", "text/xml"),
    ],
)
async def test_bare_address_negotiates_and_prefers_xml(client: Client, accept: str, kind: str) -> None:
    for path in ("services", "services/0104", "requests", "discovery", "requests/nothing", "tokens/nothing"):
        response = await client.get(f"{BASE}/{path}", headers={"Accept": accept})
        assert response.content_type == kind, path
        assert response.headers["Vary"] == "Accept"


async def test_service_definition(client: Client) -> None:
    root = await xml(client, f"{BASE}/services/0104.xml")
    assert (root.tag, fields(root)) == ("service_definition", ["service_code", "attributes"])
    attribute = root.find("attributes/attribute")
    assert attribute is not None
    assert fields(attribute) == ["variable", "code", "datatype", "required", "datatype_description", "order", "description", "values"]
    assert [value.findtext("key") for value in attribute.findall("values/value")][:2] == ["help", "complaint"]
    plain = await js(client, f"{BASE}/services/0104.json")
    assert plain["service_code"] == "0104"
    assert plain["attributes"][0]["values"][1] == {"key": "complaint", "name": "投诉"}
    assert plain["attributes"][1]["values"] == []
    assert [item["order"] for item in plain["attributes"]] == [1, 2, 3]


@pytest.mark.parametrize(
    "path", ["services/4711", "services/0999", "requests/12345-20261118-99999", "tokens/nothing", "nothing", "requests/%00"]
)
async def test_what_does_not_exist_is_404_in_the_standard_form(client: Client, path: str) -> None:
    bare = await client.get(f"{BASE}/{path}")
    assert (bare.status, bare.content_type) == (404, "text/xml")
    root = parsed(await bare.text())
    assert (root.tag, root[0].tag, fields(root[0])) == ("errors", "error", ["code", "description"])
    assert root[0].findtext("code") == "404"
    if path != "nothing":
        found = await js(client, f"{BASE}/{path}.json", 404)
        assert [sorted(problem) for problem in found] == [["code", "description"]]


async def test_wrong_method_is_refused_in_the_standard_form(client: Client) -> None:
    response = await client.delete(f"{BASE}/requests.json")
    assert response.status == 404
    assert parsed(await response.text()).tag == "errors"


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


async def test_secret_tickets_and_personal_data_never_appear(client: Client, make_ticket: MakeTicket) -> None:
    secret = await make_ticket(confidentiality=Confidentiality.SECRET, content="内部人员受贿")
    report = await make_ticket(kind=Kind.REPORT, content="举报某餐馆用地沟油")
    masked = await make_ticket(
        content="我叫周敏，电话13900002716，家门口路灯不亮", name="周敏", phone="13900002716", address="丰和里5号楼2单元301",
        district="临江区", latitude=31.230417, longitude=121.473701,
    )  # fmt: skip
    for made in (secret, report):
        for path in (f"requests/{made.ticket.number}", f"tokens/{made.ticket.number}"):
            assert (await client.get(f"{BASE}/{path}.json")).status == 404
    numbers = ",".join(made.ticket.number for made in (secret, report, masked))
    listed = await js(client, f"{BASE}/requests.json", params={"service_request_id": numbers})
    assert [item["service_request_id"] for item in listed] == [masked.ticket.number]
    text = (
        json.dumps(await js(client, f"{BASE}/requests.json"), ensure_ascii=False) + await (await client.get(f"{BASE}/requests.xml")).text()
    )
    for private in ("周敏", "13900002716", "丰和里", "受贿", "地沟油", masked.query_code, "31.2304"):
        assert private not in text, private
    assert (listed[0]["address"], listed[0]["lat"], listed[0]["description"]) == ("临江区", 31.23, None)


async def test_a_published_ticket_shows_words_and_place(
    client: Client, city: Database, core: Core, clock: ManualClock, make_ticket: MakeTicket
) -> None:
    made = await make_ticket(
        confidentiality=Confidentiality.OPEN, address="滨河路18号", district="临江区", latitude=31.230417, longitude=121.473701
    )
    await assign(city, core, made.ticket.id, clock)
    [found] = await js(client, f"{BASE}/requests/{made.ticket.number}.json")
    assert found["address"] == "滨河路18号，临江区"
    assert (found["lat"], found["description"]) == (31.230417, "滨河路十八号门前的路灯三天没有亮")
    assert found["agency_responsible"] == "市城市管理局"
    assert found["requested_datetime"] == "2026-11-18T10:00:00+08:00"
    assert found["expected_datetime"] == "2026-11-21T10:00:00+08:00"


async def test_status_is_open_or_closed_with_the_citizens_words(client: Client, clock: ManualClock, make_ticket: MakeTicket) -> None:
    running = await make_ticket(columns={"state": "reply_review"})
    done = await make_ticket(columns={"state": "closed", "satisfaction": "satisfied", "closed_at": clock.now() + timedelta(hours=5)})
    nuisance = await make_ticket(columns={"state": "invalid"})
    listed = {item["service_request_id"]: item for item in await js(client, f"{BASE}/requests.json")}
    assert (listed[running.ticket.number]["status"], listed[running.ticket.number]["status_notes"]) == ("open", "办理中")
    assert (listed[done.ticket.number]["status"], listed[done.ticket.number]["status_notes"]) == ("closed", "已办结，市民评价：满意")
    assert listed[done.ticket.number]["updated_datetime"] == "2026-11-18T15:00:00+08:00"
    assert nuisance.ticket.number not in listed
    for status, expected in (("open", {running.ticket.number}), ("closed", {done.ticket.number}), ("open,closed", set(listed))):
        some = await js(client, f"{BASE}/requests.json", params={"status": status})
        assert {item["service_request_id"] for item in some} == expected


async def test_filters_by_service_time_and_id(client: Client, city: Database, core: Core, clock: ManualClock) -> None:
    made = []
    for days, code in ((100, "0104"), (60, "0105"), (0, "0104")):
        clock.advance(days=-days)
        async with city.transaction() as session:
            made.append((await register(core, session, citizen_actor(), Appeal(Channel.WEB, "路灯不亮", category_code=code))).ticket.number)
        clock.advance(days=days)
    old, middle, new = made

    async def ids(**params: str) -> list[str]:
        return [item["service_request_id"] for item in await js(client, f"{BASE}/requests.json", params=params)]

    assert await ids() == [new, middle], "90 days by default, newest first"
    assert await ids(service_code="0105") == [middle]
    assert await ids(service_code="0104,0105") == [new, middle]
    assert await ids(end_date="2026-08-20T00:00:00Z") == [old]
    assert await ids(start_date="2026-08-01T00:00:00+08:00") == [middle, old], "90 days from the start"
    assert await ids(start_date="2026-11-01T00:00:00 08:00") == [new], "a plus sign that arrived as a blank"
    assert await ids(service_request_id=f"{old},{new},{old},nonsense", start_date="2026-11-17T00:00:00Z", status="closed") == [new, old]
    assert await ids(start_date="", end_date="", status="", service_code="") == [new, middle], "empty means not sent"


async def test_paging(client: Client, clock: ManualClock, make_ticket: MakeTicket) -> None:
    numbers = []
    for _ in range(5):
        numbers.insert(0, (await make_ticket()).ticket.number)
        clock.advance(seconds=1)
    seen = [await js(client, f"{BASE}/requests.json", params={"page": page, "page_size": "2"}) for page in "1234"]
    assert [[item["service_request_id"] for item in page] for page in seen] == [numbers[:2], numbers[2:4], numbers[4:], []]


@pytest.mark.parametrize(
    "params",
    [
        {"status": "done"}, {"start_date": "yesterday"}, {"end_date": "2026-13-01T00:00:00Z"}, {"start_date": "0001-01-01T00:00:00+14:00"},
        {"start_date": "2026-11-02", "end_date": "2026-11-01"}, {"start_date": "2026-01-01", "end_date": "2026-06-01"},
        {"page": "0"}, {"page": "x"}, {"page_size": "1001"}, {"page_size": "-1"}, {"page": "9" * 30}, {"service_code": "4711"},
        {"service_request_id": ",".join(["1"] * 201)},
    ],
)  # fmt: skip
async def test_wrong_filters_are_told(client: Client, params: dict[str, str]) -> None:
    [problem] = await js(client, f"{BASE}/requests.json", 400, params=params)
    assert problem["code"] == 400
    assert problem["description"]


async def test_discovery(client: Client) -> None:
    root = await xml(client, f"{BASE}/discovery.xml")
    assert (root.tag, fields(root)) == ("discovery", ["changeset", "contact", "key_service", "endpoints"])
    endpoint = root.find("endpoints/endpoint")
    assert endpoint is not None
    assert fields(endpoint) == ["specification", "url", "changeset", "type", "formats"]
    assert [item.text for item in endpoint.findall("formats/format")] == ["text/xml", "application/json"]
    plain = await js(client, "/open311/discovery.json")
    assert plain["endpoints"][0]["formats"] == ["text/xml", "application/json"]
    assert plain["endpoints"][0]["url"].endswith("/open311/v2")
    assert (await xml(client, f"{BASE}/")).tag == "discovery"


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
