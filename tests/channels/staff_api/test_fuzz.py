"""schemathesis: requests made from the description, right and wrong ones, as every role. No 5xx, no answer against the schema.

Each operation is tried by two of the roles that may do it, since the others only hear that they may not (test_operation_roles.py);
with HOTLINE_LONG_TESTS=1 by every role there is and ten times as often (for a night).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

from channels.api.staff import description
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from tests.channels.staff_api.operation_roles import Needs, may, rules
from ticketing.people.models import Role
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import DispatchMode

schemathesis = pytest.importorskip("schemathesis")
pytest.importorskip("schemathesis.specs.openapi.checks")  # registers the checks of OpenAPI
CHECKS = pytest.importorskip("schemathesis.checks").CHECKS
NAMES = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::Warning")]
ROLES = [role.value for role in Role]
SEED = 20261118
LONG = bool(os.environ.get("HOTLINE_LONG_TESTS"))
EXAMPLES = 30 if LONG else 3
EACH = len(ROLES) if LONG else 2
"""So many roles try an operation."""
LEAST = 500
"""Fewer requests than this prove nothing."""
ENDS_THE_TOKEN = ("DELETE /api/v1/tokens/{id}",)


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of requests is tested elsewhere; on a clock that stands still it would end the fuzz at once."""
    monkeypatch.setattr("channels.api.staff.BURST", 10**9)
    monkeypatch.setattr("channels.api.staff.WRONG_BURST", 10**9)


async def _fill(city: City) -> list[str]:
    """Tickets in several states, so that guessed actions meet something."""
    numbers = []
    for turn in range(4):
        numbers.append((await city.register()).ticket.number)
        if turn % 2:
            async with city.database.transaction() as session:
                actor = city.people["dispatcher"]
                ticket = await access_ticket(city.core, session, actor, numbers[-1], lock=True)
                await dispatching.dispatch(city.core, session, actor, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)
    return numbers


class Fuzz:
    """Tries operations against a running server and notes what was wrong."""

    def __init__(self, url: str, token: str, numbers: list[str]) -> None:
        self.url, self.token, self.numbers = url, token, numbers
        self.wrong: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.checks = list(CHECKS.get_by_names(NAMES))

    def everything(self, role: str) -> None:
        """This role's share of the operations."""
        schema = schemathesis.openapi.from_dict(json.loads(description()))
        table = rules()
        for number, found in enumerate(schema.get_all_operations()):
            operation = found.ok()
            needs = table[operation.definition.raw["operationId"]].needs
            if role in _triers(needs, number) and operation.label not in ENDS_THE_TOKEN:
                for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
                    self._try(operation, mode)

    def _try(self, operation: Any, mode: Any) -> None:
        def one(case: Any) -> None:
            self._send(case, mode)

        limits = settings(
            max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        try:
            limits(seed(SEED)(given(operation.as_strategy(generation_mode=mode))(one)))()
        except Unsatisfiable:
            pass  # an operation without input has no wrong input
        except Exception as error:  # noqa: BLE001 - schemathesis has many kinds; whatever it is, the test shows it
            self.wrong.append(f"{operation.label}: {type(error).__name__}: {error}"[:1500])

    def _send(self, case: Any, mode: Any) -> None:
        if "number" in case.path_parameters and mode is schemathesis.GenerationMode.POSITIVE:
            case.path_parameters["number"] = self.numbers[sum(self.statuses.values()) % len(self.numbers)]  # one that is there
        response = case.call(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=90)
        self.statuses[response.status_code] += 1
        case.validate_response(response, checks=self.checks)


def _triers(needs: Needs, number: int) -> list[str]:
    """Who tries an operation: all roles, or some of those that may, other ones each time."""
    if LONG:
        return ROLES
    fitting = [role.value for role in Role if may(role, needs)]
    return [fitting[(number + turn) % len(fitting)] for turn in range(min(EACH, len(fitting)))]


async def test_no_request_breaks_the_api_or_its_promise(site: TestServer, city: City, program: Programs) -> None:
    numbers, statuses = await _fill(city), Counter[int]()
    for role in ROLES:
        caller = await program(role)
        fuzz = Fuzz(str(site.make_url("")).rstrip("/"), caller.token, numbers)
        await asyncio.to_thread(fuzz.everything, role)
        assert fuzz.wrong == [], role + "\n" + "\n".join(fuzz.wrong)
        assert fuzz.statuses[200] + fuzz.statuses[201] > 0, (role, fuzz.statuses)
        statuses += fuzz.statuses
    assert statuses.total() >= LEAST, statuses
    assert [status for status in statuses if status >= 500] == []
