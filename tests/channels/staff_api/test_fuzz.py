"""schemathesis: requests made from the description, right and wrong ones, as several roles. No 5xx, no answer against the schema."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import DispatchMode

pytest.importorskip("schemathesis")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
ROLES = ("dispatcher", "clerk", "supervisor", "admin")
SECONDS = 22
"""Budget of one role; four of them make about ninety seconds. What a run tries is fixed by its seed."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of requests is tested elsewhere; on a clock that stands still it would end the fuzz at once."""
    monkeypatch.setattr("channels.api.staff.BURST", 10**9)
    monkeypatch.setattr("channels.api.staff.WRONG_BURST", 10**9)


async def _fill(city: City) -> None:
    """Tickets in several states, so that guessed actions meet something."""
    for number in range(4):
        made = (await city.register()).ticket.number
        if number % 2:
            async with city.database.transaction() as session:
                actor = city.people["dispatcher"]
                ticket = await access_ticket(city.core, session, actor, made, lock=True)
                await dispatching.dispatch(city.core, session, actor, ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE)


@pytest.mark.parametrize("role", ROLES)
async def test_no_request_breaks_the_api_or_its_promise(site: TestServer, city: City, program: Programs, tmp_path: Path, role: str) -> None:
    await _fill(city)
    caller = await program(role)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", str(ROOT / "docs" / "openapi.json"), "--url", str(site.make_url("/")),
        "--header", f"Authorization: Bearer {caller.token}", "--checks", ",".join(CHECKS), "--seed", "20261118", "--workers", "2",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--max-time", str(SECONDS), "--generation-database", "none",
        "--no-shrink", "--request-timeout", "20", "--suppress-health-check", "all", "--no-color", "--warnings", "off",
        "--exclude-name", "revokeToken",  # would revoke the token that it works with
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    async with asyncio.timeout(SECONDS * 5):
        output, _nothing = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
