"""`hotline suggest`: what is proposed for a text, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.commands.suggest import suggest
from ticketing.suggestion import service
from ticketing.suggestion.emergency import alarm_in
from ticketing.suggestion.missing import ELEMENTS
from ticketing.suggestion.places import Place
from ticketing.suggestion.service import CategoryGuess, Suggestion
from ticketing.ticket.states import Kind, Urgency


def test_a_suggestion_is_printed_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = "楼道里煤气味很大"
    found = Suggestion(
        kind=Kind.HELP, categories=(CategoryGuess("0101", "燃气", 0.9, ("煤气",)),), urgency=Urgency.EMERGENCY, alarm=alarm_in(text),
        confidential=False, units=(), missing=ELEMENTS, place=Place(), reported=None, rule=None,
    )  # fmt: skip
    monkeypatch.setattr(service, "suggest_offline", lambda *_given, **_named: found)
    suggest(tmp_path, text, channel=None, as_json=False)
    printed = capsys.readouterr().out
    assert "紧急热线 燃气抢修" in printed
    assert "燃气 90%（煤气）" in printed
    assert "还要问：联系方式、时间、地点、对象或起因、经过" in printed
