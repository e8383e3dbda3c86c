"""Runs the dialogues of dialogues.yaml through a Dialogue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from chatbot.dialogue import Dialogue, Turn

Begin = Callable[[str], Awaitable[UUID]]


def read() -> list[dict[str, Any]]:
    """All dialogues, one for each channel."""
    found = yaml.safe_load((Path(__file__).parent / "dialogues.yaml").read_text(encoding="utf-8"))
    return [{**one, "channel": channel, "turns": _turns(one, channel)} for one in found for channel in one["channels"]]


def _turns(script: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    """Those of this channel: a caller's number is known and not asked for."""
    return [turn for turn in script["turns"] if channel in turn.get("channels", (channel,))]


async def hold(dialogue: Dialogue, begin: Begin, script: dict[str, Any], *, degraded: bool) -> None:
    """Say the turns and compare what comes."""
    conversation = await begin(script["channel"])
    for number, wanted in enumerate(script["turns"]):
        turn = await dialogue.turn(conversation, wanted["say"])
        _compare(
            turn, wanted, f"{script['name']} ({script['channel']}), turn {number}: {wanted['say']} -> {[one.text for one in turn.answers]}"
        )
        assert degraded or not turn.degraded, f"{script['name']}, turn {number}: Rasa did not answer"


def _compare(turn: Turn, wanted: dict[str, Any], where: str) -> None:
    text = "\n".join(one.text for one in turn.answers)
    assert wanted.get("has", "") in text, where
    if "article" in wanted:
        assert any(one.article_id for one in turn.answers) is wanted["article"], where
    if "form" in wanted:
        assert turn.form_open is wanted["form"], where
    assert turn.handover_reason == wanted.get("person"), where
    assert turn.finished is wanted.get("end", False), where
    assert (turn.ticket is not None) is wanted.get("ticket", False), where
