"""Role x operation: every operation beside the steps answers 403 to exactly the roles that the permission data name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from channels.api import callbacks, citizen_data, duty, supervision
from channels.api.call import Operation
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.people.models import Role
from ticketing.people.permissions import load

pytestmark = pytest.mark.slow  # every role tries every operation
OPERATIONS: tuple[Operation, ...] = (
    *supervision.OPERATIONS, *citizen_data.OPERATIONS, *callbacks.OPERATIONS, *duty.OPERATIONS,
)  # fmt: skip
NEEDS: dict[str, str | None] = {
    "listCards": "card.see", "revokeCard": "card.revoke", "listRectifications": "card.see", "finishRectification": "rectification.do",
    "judgeRectification": "rectification.confirm", "listFindings": "finding.decide", "decideFinding": "finding.decide",
    "listFormalSupervisions": "card.see", "answerFormalSupervision": "formal.answer", "concludeFormalSupervision": "supervision.open",
    "withdrawFormalSupervision": "supervision.open", "listCommitments": "card.see", "decideCommitment": "commitment.note",
    "listBursts": "burst.see", "decideBurst": "burst.decide",
    "revealCitizen": "private.reveal", "listSimilar": "ticket.see", "listNotices": "notice.follow", "resendNotice": "notice.follow",
    "acknowledgeNotice": "notice.follow", "listInbox": None, "markRead": None,
    "claimCallback": "callback.visit", "startCallback": "callback.visit", "answerCallback": "callback.visit",
    "giveBackCallback": "callback.visit", "handOverCallback": "callback.visit",
    "getDuty": "duty.self", "setDuty": "duty.self", "listWaiting": "queue.see",
}  # fmt: skip
"""Operation -> permission, as the console's page of the same thing asks for it; None: everybody's own."""
LONG = "核实了情况，已经按规定办理，附有记录可以查证，并于当日告知来电人本人，没有其他异议。"
PARTS = {"id": "999999", "order": "DB-2026-99999", "number": "12345-20200101-00001", "lease": "0b0c7a8e-7c0e-4c1d-9d3b-0f6a1c2d3e4f"}
"""What does not exist: who may gets 404, everybody else 403 without learning that."""


def _value(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    return {"boolean": True, "integer": 1, "object": {}}.get(schema.get("type", ""), LONG)


def body_of(operation: Operation) -> Any:
    """The least that the body's model takes."""
    if operation.body is None:
        return None
    schema = operation.body.model_json_schema()
    wanted = {name: schema["properties"][name] for name in schema.get("required", ())}
    return {name: _value(schema["$defs"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each) for name, each in wanted.items()}


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
        response = await caller.ask(operation.method, path, json=body_of(operation))
        needs = NEEDS[operation.name]
        allowed = needs is None or load().scope(role.value, needs) is not None
        expected = {operation.status} if operation.method == "GET" and not operation.parts else {404, 409, operation.status}
        if response.status not in (expected if allowed else {403}):
            wrong.append(f"{operation.name}: {response.status} {await response.text()}")
    assert wrong == []
