"""Role x operation, exhaustively and exactly: 403 for who may not, and the one answer that fits the request for whoever may."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestServer

from channels.api.call import Operation
from channels.api.staff import operations
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from tests.channels.staff_api.operation_roles import NEEDS, STATUS, Rule, may, rules
from tests.channels.staff_api.test_roles import sample
from ticketing.access_token.models import TokenScope
from ticketing.call_flow.document import seed_text as call_flow
from ticketing.people.models import Role
from ticketing.quality.book import seed_text as quality_book
from ticketing.ticket.workflow import load as workflow
from ticketing.ticket.workflow import seed_text as workflow_text

pytestmark = pytest.mark.slow  # every role tries every operation
NOBODYS = "0b0c7a8e-7c0e-4c1d-9d3b-0f6a1c2d3e4f"
PARTS = {
    "id": "999999", "kind": "units", "job": NOBODYS, "order": "DB-2026-99999", "record": "YJ-2026-99999", "lease": NOBODYS,
    "number": "12345-20200101-00001", "held": NOBODYS, "key": "P-NONE", "line": "99999", "version": "1",
}  # fmt: skip
"""What does not exist: who may is told so, everybody else is refused without learning it."""
QUERIES = {"compareArticleVersions": "?before=1&after=2", "getFigures": "?indicators=received", "listCounted": "?indicator=received"}


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of requests is tested elsewhere."""
    monkeypatch.setattr("channels.api.staff.BURST", 10**9)


def test_every_operation_is_in_the_table() -> None:
    named = {operation.name for operation in operations()}
    assert named == set(rules()), "tests/channels/staff_api/operation_roles.py names who may"
    assert set(NEEDS) | set(STATUS) <= named, "there is no such operation any more"


def _path(operation: Operation) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: PARTS[found[1]], operation.path) + QUERIES.get(operation.name, "")


def _body(operation: Operation, city: City) -> dict[str, Any] | None:
    """What the model takes, and where that is not enough, what the service takes."""
    if operation.body is None:
        return None
    number = workflow().version
    documents = {
        "proposeCallFlow": call_flow().replace("version: 1", "version: 999", 1),
        "publishQualityBook": quality_book().replace("version: 1", "version: 2", 1),
        "proposeWorkflow": workflow_text().replace(f"version: {number}", f"version: {number + 1}", 1),
    }
    fitting = {
        "login": "somebody-new", "staff_number": "8001", "period": "2026-11-01", "key": "P-PHONE", "phone": "13900002716",
        "document": documents.get(operation.name, {"key": "P-PHONE"}), "periods": [[540, 720]], "district": "全市",
        "ends_at": "2026-12-20T00:00:00+08:00", "lead_unit_id": city.units["city"], "kinds": ["recordings"], "call_id": NOBODYS,
        **_OF_ONE.get(operation.name, {}),
    }  # fmt: skip
    least = sample(operation.body, city, 1, "12345-20200101-00001")
    return {**least, **{name: value for name, value in fitting.items() if name in operation.body.model_fields}}


_OF_ONE: dict[str, dict[str, Any]] = {
    "addLine": {"number": "12388"},
    "decideFinding": {"outcome": "dismiss"},
    "receiveMessage": {"message_id": "m-1", "number": "12345-20200101-00001", "kind": "progress", "note": "正在办理，今晚到场"},
    "addUnit": {"code": "parks", "name": "市公园局", "level": 2},
    "addShift": {"starts_at": "2026-12-19T09:00:00+08:00", "ends_at": "2026-12-19T17:00:00+08:00"},
    "subscribe": {"url": "https://example.org/hook", "events": ["*"]},
    "setPartner": {"url": "https://example.org/exchange"},
    "addAccount": {"role": "clerk"},
    "setDuty": {"state": "ready"},
}
"""Of the body of one operation."""


def _table() -> FormData:
    form = FormData()
    form.add_field("files", "单位代码,单位名称,级别\nparks,市公园局,2\n".encode(), filename="units.csv", content_type="text/csv")
    return form


def _wanted(role: Role, rule: Rule) -> int:
    return rule.status if may(role, rule.needs) else 403


@pytest.mark.parametrize("role", list(Role))
async def test_the_api_keeps_to_the_permission_data(site: TestServer, city: City, program: Programs, role: Role) -> None:
    caller, wrong = await program(role.value), []
    for operation in operations():
        if operation.name.startswith("act_"):
            continue  # tests/channels/staff_api/test_every_step.py
        sent = {"data": _table()} if operation.upload else {"json": _body(operation, city)}
        response = await caller.ask(operation.method, _path(operation), **sent)
        wanted, found = _wanted(role, rules()[operation.name]), response.status
        if operation.name.startswith("bulk_") and found == 200:
            found = (await response.json())["items"][0]["status"]
        if found != wanted:
            wrong.append(f"{operation.name}: {found} instead of {wanted}: {(await response.text())[:300]}")
    assert wrong == [], "\n".join(wrong)


async def test_a_token_that_reads_writes_nothing(site: TestServer, city: City, program: Programs) -> None:
    caller = await program("admin", TokenScope.READ)
    for operation in operations():
        if operation.writes and not operation.upload:
            response = await caller.ask(operation.method, _path(operation), json=_body(operation, city))
            assert response.status == 403, operation.name
