"""GeoReport v2 as a foreign program uses it: over HTTP, in both formats, with everything that can be sent wrongly."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hotline.clock import ManualClock
from hotline.database import Database
from tests.channels.open311.asking import BASE, fields, js, parsed, xml
from tests.channels.public import Client, MakeTicket, assign
from ticketing.context import Core
from ticketing.people.actor import citizen_actor
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind


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
