"""Role x operation, exhaustively: who may not do it gets 403, whoever may is refused only by what was sent or is not there."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from channels.api import briefs, call_flow, gaps, people, planning, statistics, units
from channels.api.call import Operation
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from tests.channels.staff_api.test_roles import sample
from ticketing.access_token.models import TokenScope
from ticketing.people.models import Role
from ticketing.people.permissions import load
from ticketing.statistics.brief import READERS

pytestmark = pytest.mark.slow  # every role tries every operation
KEEPING = (
    *statistics.OPERATIONS,
    *briefs.OPERATIONS,
    *units.OPERATIONS,
    *people.OPERATIONS,
    *planning.OPERATIONS,
    *call_flow.OPERATIONS,
    *gaps.OPERATIONS,
)
_ISSUERS = (Role.SUPERVISOR, Role.LEADER)
_EVERYBODY = tuple(Role)


def _with(*permissions: str) -> tuple[Role, ...]:
    return tuple(role for role in Role if any(load().scope(role.value, permission) for permission in permissions))


MAY: dict[str, tuple[Role, ...]] = {
    "listKnowledgeGaps": _with("knowledge.gaps"),
    "listIndicators": _with("statistics.see", "system.see"),
    "getFigures": _with("statistics.see", "system.see"),
    "listCounted": _with("statistics.see", "system.see"),
    "listScores": _with("statistics.board"),
    "listBriefs": READERS,
    "issueBrief": _ISSUERS,
    "getBrief": _EVERYBODY,  # 404 for whoever reads none
    **dict.fromkeys(("addUnit", "renameUnit", "switchUnit"), _with("units.manage")),
    **dict.fromkeys(("listLines", "addLine", "changeLine", "switchLine"), _with("lines.manage")),
    **dict.fromkeys(
        (
            "listAccounts", "addAccount", "getAccount", "changeAccount", "switchAccount", "resetPassword", "unlockAccount", "endSessions",
            "resetSecondFactor",
        ),
        _with("users.manage"),
    ),
    "listDeputies": _EVERYBODY,
    "nameDeputy": _with("deputy.name"),
    "endDeputy": _EVERYBODY,  # 404: nobody else has an arrangement
    **dict.fromkeys(("importDays", "setOfficeHours", "listCalendarChanges"), _with("calendar.import")),
    **dict.fromkeys(("getPolicy", "listPolicyVersions", "listProposals", "proposePolicy", "withdrawPolicy"), _with("policy.propose")),
    "decidePolicy": _with("policy.decide"),
    **dict.fromkeys(("getCallFlow", "publishCallFlow", "listCallFlows", "getCallFlowVersion"), _with("call_flow.manage")),
}  # fmt: skip
NARROWER = ("getFigures", "listCounted")
"""Some indicators are of no group of the role: 403 although it sees others."""


def test_every_operation_is_in_the_table() -> None:
    assert {operation.name for operation in KEEPING} == set(MAY)


def _path(operation: Operation) -> str:
    path = operation.path.replace("{id}", "999999").replace("{line}", "12345").replace("{key}", "P-PHONE")
    if operation.name == "getFigures":
        return f"{path}?indicators=received"
    return f"{path}?indicator=received" if operation.name == "listCounted" else path


def _body(operation: Operation, city: City) -> dict[str, Any] | None:
    if operation.body is None:
        return None
    document = "version: 0" if operation in call_flow.OPERATIONS else {"key": "P-PHONE"}
    fitting = {
        "login": "somebody-new", "staff_number": "8001", "period": "2026-11-01", "key": "P-PHONE", "document": document,
        "periods": [[540, 720]], "number": "12388", "ends_at": "2026-12-20T00:00:00+08:00",
    }  # fmt: skip
    return {**sample(operation.body, city, 1, "x"), **{name: fitting[name] for name in operation.body.model_fields if name in fitting}}


@pytest.mark.parametrize("role", list(Role))
async def test_the_api_keeps_to_the_permission_data(site: TestServer, city: City, program: Programs, role: Role) -> None:
    caller = await program(role.value)
    wrong: list[str] = []
    for operation in KEEPING:
        response = await caller.ask(operation.method, _path(operation), json=_body(operation, city))
        may = role in MAY[operation.name]
        expected = {200, 201, 404, 409, 422} | ({403} if operation.name in NARROWER else set()) if may else {403}
        if response.status not in expected:
            wrong.append(f"{operation.name}: {response.status} instead of {sorted(expected)}: {await response.text()}")
    assert wrong == []


async def test_a_token_that_reads_writes_nothing(site: TestServer, city: City, program: Programs) -> None:
    caller = await program("admin", TokenScope.READ)
    for operation in KEEPING:
        if operation.writes:
            response = await caller.ask(operation.method, _path(operation), json=_body(operation, city))
            assert response.status == 403, operation.name
