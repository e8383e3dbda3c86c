from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from channels.api import staff
from channels.api.action_bodies import BODIES
from channels.console.actions import HANDLERS, PERMISSIONS

ROOT = Path(__file__).resolve().parents[3]


def test_the_committed_description_is_current() -> None:
    committed = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert committed == staff.description(), "run script/openapi"


def test_the_script_says_when_it_is_not(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "script" / "openapi", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_step_of_the_console_is_a_step_of_the_api() -> None:
    assert set(HANDLERS) == set(BODIES) == set(PERMISSIONS), "a handler needs a body in channels/api/action_bodies.py and a permission"


def test_names_and_addresses_are_unique() -> None:
    operations = staff.operations()
    assert len({operation.name for operation in operations}) == len(operations)
    assert len({(operation.method, operation.path) for operation in operations}) == len(operations)


def test_models_have_plain_names() -> None:
    """Two models of one name get the path of their module in front, which no client should have to write."""
    assert "channels__api__" not in staff.description()


async def test_it_is_served_without_a_token(site: TestServer) -> None:
    async with TestClient(site) as client:
        response = await client.get("/api/openapi.json")
        body = await response.json()
    assert body["openapi"] == "3.1.0"
    assert body["paths"]["/api/v1/tickets/{number}/actions/dispatch"]["post"]["requestBody"]


def test_it_is_a_valid_openapi_document() -> None:
    schemathesis = pytest.importorskip("schemathesis")
    import json

    schema = schemathesis.openapi.from_dict(json.loads(staff.description()))
    assert len(list(schema.get_all_operations())) == len(staff.operations())
