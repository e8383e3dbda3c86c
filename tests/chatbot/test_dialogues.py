"""The dialogues of dialogues.yaml when Rasa is away: rules, examples and search hold them."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.dialogue import Dialogue
from tests.chatbot import dialogues

SCRIPTS = dialogues.read()


@pytest.mark.parametrize("script", SCRIPTS, ids=[f"{one['name']} {one['channel']}" for one in SCRIPTS])
async def test_dialogue(dialogue: Dialogue, begin: dialogues.Begin, script: dict[str, Any]) -> None:
    await dialogues.hold(dialogue, begin, script, degraded=True)
