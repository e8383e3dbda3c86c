"""What the tests of Open311 share: a report, and answers read as XML or JSON."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from tests.channels.public import Client

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
