"""Role x operation of supervision, citizens' data, callbacks, duty, audit and tables: 403 for exactly those without the permission."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestServer

from channels.api import audit, callbacks, citizen_data, duty, roster, supervision, supervision_records, tables
from channels.api.call import Operation
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.people.models import Role
from ticketing.people.permissions import load
from ticketing.tables.exports import EXPORTERS
from ticketing.tables.kinds import IMPORTERS

pytestmark = pytest.mark.slow  # every role tries every operation
OPERATIONS: tuple[Operation, ...] = (
    *supervision.OPERATIONS, *citizen_data.OPERATIONS, *callbacks.OPERATIONS, *duty.OPERATIONS,
    *audit.OPERATIONS, *tables.OPERATIONS, *supervision_records.OPERATIONS, *roster.OPERATIONS,
)  # fmt: skip
NEEDS: dict[str, str | tuple[Role, ...] | None] = {
    "listCards": "card.see", "revokeCard": "card.revoke", "listRectifications": "card.see", "finishRectification": "rectification.do",
    "judgeRectification": "rectification.confirm", "listFindings": "finding.decide", "decideFinding": "finding.decide",
    "listFormalSupervisions": "card.see", "answerFormalSupervision": "formal.answer", "concludeFormalSupervision": "supervision.open",
    "withdrawFormalSupervision": "supervision.open", "listCommitments": "card.see", "decideCommitment": "commitment.note",
    "listUrgings": "board.see", "listHandOvers": "finding.decide", "answerHandOver": "finding.decide", "listCardScores": "card.see",
    "moveTicketPolicy": "policy.move",
    **dict.fromkeys(("listSeats", "listShifts", "addShift", "dropShift"), "duty.manage"),
    "listBursts": "burst.see", "decideBurst": "burst.decide",
    "revealCitizen": "private.reveal", "listSimilar": "ticket.see", "listNotices": "notice.follow", "resendNotice": "notice.follow",
    "acknowledgeNotice": "notice.follow", "listInbox": None, "markRead": None,
    "claimCallback": "callback.visit", "startCallback": "callback.visit", "answerCallback": "callback.visit",
    "giveBackCallback": "callback.visit", "handOverCallback": "callback.visit",
    "getDuty": "duty.self", "setDuty": "duty.self", "listWaiting": "queue.see",
    "getAuditStanding": "audit.see", "listAuditDays": "audit.see", "listLooks": "audit.looks", "verifyTicket": "audit.looks",
    "dryRunRetention": "system.see",
    "exportTable": EXPORTERS["units"], "checkImport": IMPORTERS["units"].roles, "applyImport": None, "dropImport": None,
}  # fmt: skip
"""Operation -> permission, as the console's page of the same thing asks for it; None: everybody's own; roles where no
permission but a list of roles decides."""
LONG = "核实了情况，已经按规定办理，附有记录可以查证，并于当日告知来电人本人，没有其他异议。"
NOBODYS = "0b0c7a8e-7c0e-4c1d-9d3b-0f6a1c2d3e4f"
PARTS = {
    "id": "999999",
    "kind": "units",
    "job": NOBODYS,
    "order": "DB-2026-99999",
    "record": "YJ-2026-99999",
    "number": "12345-20200101-00001",
    "lease": "0b0c7a8e-7c0e-4c1d-9d3b-0f6a1c2d3e4f",
}
"""What does not exist: who may gets 404, everybody else 403 without learning that."""


def _value(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2026-11-20T09:00:00+08:00"
    return {"boolean": True, "integer": 1, "object": {}}.get(schema.get("type", ""), LONG)


def body_of(operation: Operation) -> Any:
    """The least that the body's model takes."""
    if operation.body is None:
        return None
    schema = operation.body.model_json_schema()
    wanted = {name: schema["properties"][name] for name in schema.get("required", ())}
    fitting = {"ends_at": "2026-11-20T17:00:00+08:00"}
    return {name: _value(schema["$defs"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each) for name, each in wanted.items()} | {
        name: fitting[name] for name in wanted if name in fitting
    }


def _table() -> FormData:
    form = FormData()
    form.add_field("files", "单位代码,单位名称,级别\nparks,市公园局,2\n".encode(), filename="units.csv", content_type="text/csv")
    return form


def test_every_operation_is_in_the_table() -> None:
    assert {operation.name for operation in OPERATIONS} == set(NEEDS)


@pytest.mark.parametrize("role", list(Role))
async def test_an_operation_is_refused_to_exactly_those_without_its_permission(
    site: TestServer, city: City, program: Programs, role: Role
) -> None:
    caller = await program(role.value)
    wrong = []
    for operation in OPERATIONS:
        path = re.sub(r"\{(\w+)\}", lambda found: PARTS[found[1]], operation.path)
        sent = {"data": _table()} if operation.upload else {"json": body_of(operation)}
        response = await caller.ask(operation.method, path, **sent)
        needs = NEEDS[operation.name]
        allowed = needs is None or (role in needs if isinstance(needs, tuple) else load().scope(role.value, needs) is not None)
        expected = {operation.status} if operation.method == "GET" and not operation.parts else {404, 409, operation.status}
        if response.status not in (expected if allowed else {403}):
            wrong.append(f"{operation.name}: {response.status} {await response.text()}")
    assert wrong == []
