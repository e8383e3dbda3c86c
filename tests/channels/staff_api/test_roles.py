"""What the API offers of the steps, and that a hidden ticket is like none. Who may take which step: test_every_step.py."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from pydantic import BaseModel

from channels.api.action_bodies import BODIES
from channels.console.actions import HANDLERS, PERMISSIONS
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.people.models import Role
from ticketing.people.permissions import load
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, Kind

pytestmark = pytest.mark.slow  # every role tries every step
SAMPLES: dict[str, Any] = {
    "category_code": "0501", "urgency": "normal", "mode": "phone", "confidentiality": "masked", "facts": "true", "way": "phone",
    "attitude": "good", "satisfaction": "satisfied", "outcome": "no_answer", "target": "110",
}  # fmt: skip


def sample(model: type[BaseModel], city: City, assignment: int, number: str) -> dict[str, Any]:
    """A body that the model takes: the least that is needed."""
    schema = model.model_json_schema()
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if info.is_required():
            found[name] = _value(name, schema["properties"][name], schema, city, assignment, number)
    return found


def _value(name: str, field: dict[str, Any], schema: dict[str, Any], city: City, assignment: int, number: str) -> Any:
    if name == "assignment":
        return assignment
    if name == "unit_id":
        return city.units["city"]
    if name in SAMPLES:
        return SAMPLES[name]
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].rsplit("/", 1)[1]]
    if "enum" in field:
        return field["enum"][0]
    match field.get("type"):
        case "boolean":
            return True
        case "object" if "properties" in field:
            wanted = field.get("required", ())
            return {each: _value(each, field["properties"][each], schema, city, assignment, number) for each in wanted}
        case "object":
            return {}
        case "integer":
            return max(1, field.get("minimum", 1))
        case "number":
            return 1.0
        case "array":
            return [_value(name, field["items"], schema, city, assignment, number)] * max(1, field.get("minItems", 0))
        case _:
            if field.get("format") == "uuid":
                return str(UUID(int=1))
            if field.get("format") == "date":
                return "2026-12-20"
            if field.get("format") == "date-time":
                return "2026-12-20T12:00:00+08:00"
            pattern = field.get("pattern", "")
            if pattern.startswith("^[a-z_"):
                return "slow"
            if pattern.startswith("^("):
                return pattern[2:].split("|")[0].rstrip(")$")
            if "-" in pattern and "[0-9]{8}" in pattern:
                return number
            return ("写明情况和依据，" * 20)[: max(12, field.get("minLength", 0))]


async def _ticket(city: City) -> tuple[str, int]:
    """A dispatched ticket of unit `city`, made by the dispatcher."""
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        actor = city.people["dispatcher"]
        ticket = await access_ticket(city.core, session, actor, number, lock=True)
        part = await dispatching.dispatch(city.core, session, actor, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)
        return number, part.id


def test_every_action_asks_for_a_permission_that_exists() -> None:
    known = load().permissions
    assert {action: PERMISSIONS[action] for action in HANDLERS if PERMISSIONS[action] not in known} == {}


@pytest.mark.parametrize("role", list(Role))
async def test_what_the_api_offers_is_permitted(site: TestServer, city: City, program: Programs, role: Role) -> None:
    """`allowed` never names a step that the role has no permission for."""
    number, _part = await _ticket(city)
    fresh = (await city.register()).ticket.number
    caller = await program(role.value)
    for each in (number, fresh):
        response = await caller.ask("GET", f"/tickets/{each}")
        if response.status == 200:
            offered = (await response.json())["allowed"]
            assert [action for action in offered if load().scope(role.value, PERMISSIONS[action]) is None] == []


@pytest.mark.parametrize("role", list(Role))
async def test_a_ticket_that_may_not_be_seen_answers_every_action_as_if_it_did_not_exist(
    site: TestServer, city: City, program: Programs, role: Role
) -> None:
    """A secret ticket on which nobody is named, beside a number that was never given."""
    secret = (await city.register(kind=Kind.REPORT, confidentiality=Confidentiality.SECRET)).ticket.number
    caller = await program(role.value)
    for action in sorted(set(HANDLERS) & set(BODIES)):
        allowed = load().scope(role.value, PERMISSIONS[action]) is not None
        answers = []
        for number in (secret, "12345-20200101-00001"):
            body = sample(BODIES[action], city, 1, number)
            response = await caller.ask("POST", f"/tickets/{number}/actions/{action}", json=body)
            answer = await response.json()
            answers.append((response.status, {name: value for name, value in answer.items() if name != "instance"}))
        assert answers[0] == answers[1], action
        assert answers[0][0] == (404 if allowed else 403), (action, answers[0])
