"""`POST /api/v1/suggestions`, and the same answer from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from tests.channels.staff_api.conftest import Programs
from ticketing.suggestion import store

NIGHT = "江畔花园北门工地半夜两点还在打桩，施工噪声吵得睡不着"


async def test_the_answer_has_everything_that_is_promised(program: Programs) -> None:
    agent = await program("agent")
    body = await agent.post("/suggestions", {"text": NIGHT, "channel": "phone"})
    assert body["kind"] == "complaint"
    assert body["category"] == "0501"
    assert body["urgency"] == "normal"
    assert body["emergency_line"] is None
    assert body["confidential"] is False
    assert body["units"][0]["name"] == "市城市管理局"
    assert 0 < body["units"][0]["confidence"] <= 1
    assert body["missing"] == []
    assert all(word in NIGHT for word in body["words"])


async def test_a_danger_has_its_line(program: Programs) -> None:
    body = await (await program("agent")).post("/suggestions", {"text": "楼道里煤气味特别大快来人"})
    assert (body["urgency"], body["emergency_line"]) == ("emergency", "gas")


@pytest.mark.parametrize("sent", [{}, {"text": ""}, {"text": "好", "channel": "fax"}, {"text": 5}, {"text": "路灯坏了", "more": 1}])
async def test_what_is_wrong_is_refused(program: Programs, sent: dict[str, object]) -> None:
    await (await program("agent")).post("/suggestions", sent, status=422)


def test_the_command_line_answers_the_same_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["suggest", NIGHT, "--channel", "phone", "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    assert answer["category"] == "0501"
    assert set(answer) >= {"kind", "urgency", "emergency_line", "confidential", "units", "missing", "words"}
    assert "0501" in CliRunner().invoke(app, ["suggest", NIGHT]).output
    assert "还要问：联系方式、时间" in CliRunner().invoke(app, ["suggest", "路灯坏了"]).output
    assert store.model_file(tmp_path).name == "model.npz"
