"""Role x step, exactly: on a ticket in a state in which the step is legal, who may succeeds, who may not is refused with 403."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from channels.api.action_bodies import BODIES
from channels.console.actions import HANDLERS, PERMISSIONS
from channels.web.app import create_app
from hotline.assembly import Services
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Program, token_of
from tests.channels.staff_api.scenes import SCENES, Stage
from tests.channels.undone import Undone, undone
from ticketing.people.models import Role
from ticketing.people.permissions import load

pytestmark = pytest.mark.slow  # every role tries every step
ROLES = [role.value for role in Role]
_TWO_NOTICES = "two notices and five working days without an answer: tests/ticketing/test_endings.py"
_NOBODYS = "there is no such task: tests/ticketing/callback"
_NOT_TAKEN = "who took the task puts it back, and nobody took this one"
NARROWER: dict[tuple[str, str], tuple[int, str]] = {
    ("dispatcher", "close_no_contact"): (409, _TWO_NOTICES),
    **{(role, "return_call"): (404, _NOBODYS) for role in ("agent", "supervisor", "callback")},
    **{(role, "co_date"): (404, "of units below the own one, and this one stands beside it") for role in ("clerk", "chief")},
    ("callback", "decide_redo"): (403, "the second time the supervisor decides"),
    **{(role, "put_back"): (409, _NOT_TAKEN) for role in ("supervisor", "callback")},
}
"""(role, step) -> the exact answer where the permission reaches less far than the whole, and why."""


def test_every_step_has_a_scene() -> None:
    assert set(SCENES) == set(HANDLERS) == set(BODIES)


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of requests is tested elsewhere."""
    monkeypatch.setattr("channels.api.staff.BURST", 10**9)


@asynccontextmanager
async def _people(city: City, database: Undone) -> AsyncIterator[Stage]:
    """The application on the database in which nothing stays, and a program for everybody."""
    there = replace(city, database=database)
    server = TestServer(create_app(Services(city.settings, city.core, database)))
    client: TestClient = TestClient(server)  # type: ignore[type-arg]
    async with client:
        yield Stage(there, {login: Program(client, await token_of(there, login)) for login in city.people})


async def test_who_may_succeeds_and_who_may_not_is_refused(city: City) -> None:
    wrong: list[str] = []
    async with undone(city.database, city.core.vault) as database, _people(city, database) as stage:
        for action, scene in sorted(SCENES.items()):
            async with database.rehearsal():
                await stage.play(scene)
                body = await stage.body(action, scene.body)
                for role in ROLES:
                    async with database.rehearsal():
                        wrong += await _try(stage, role, action, body)
    assert wrong == [], "\n".join(wrong)


async def _try(stage: Stage, role: str, action: str, body: dict[str, Any]) -> list[str]:
    """One role's one step; what is wrong with the answer."""
    caller, path = stage.people[role], f"/tickets/{stage.number}"
    wanted, _why = NARROWER.get((role, action), (200, ""))
    if load().scope(role, PERMISSIONS[action]) is None:
        wanted = 403
    elif (await caller.ask("GET", path)).status == 404:
        wanted = 404
    response = await caller.ask("POST", f"{path}/actions/{action}", json=body)
    if response.status == wanted:
        return []
    return [f"{role} {action}: {response.status} instead of {wanted}: {(await response.text())[:400]}"]


async def test_the_reply_of_the_last_unit_is_not_waived(city: City) -> None:
    """A ruling while the supervisor investigates lets nobody lead; without any unit the ticket would lie still for ever."""
    async with undone(city.database, city.core.vault) as database, _people(city, database) as stage:
        await stage.play(SCENES["take_investigation"])
        await stage.take("dispatcher", "open_dispute", {})
        await stage.take("supervisor", "rule_dispute", {})
        rows = (await stage.people["supervisor"].get(f"/tickets/{stage.number}/assignments"))["items"]
        assert [row["lead"] for row in rows if row["state"] not in ("returned", "cancelled")] == [False]
        answer = await stage.people["dispatcher"].act(
            stage.number, "waive", 409, assignment=max(row["id"] for row in rows), reason="督办自己调查"
        )
        assert "不能免去" in answer["detail"]
