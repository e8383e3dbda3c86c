from __future__ import annotations

import audioop
import wave
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hotline.cli import app
from hotline.settings import load
from telephony.speech.measure import Sample, distance, measure, plain, summary
from telephony.speech.models import SYNTHETIC
from telephony.speech.vosk_engine import VoskEngine

AUDIO = Path(__file__).parent / "audio"


def speech(name: str) -> bytes:
    return audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2)


@pytest.mark.parametrize(
    ("wanted", "heard", "errors"),
    [("", "", 0), ("路灯不亮", "路灯不亮", 0), ("路灯不亮", "路灯亮", 1), ("路灯", "录灯了", 2), ("abc", "", 3), ("", "abc", 3)],
)
def test_the_distance_of_two_texts(wanted: str, heard: str, errors: int) -> None:
    assert distance(wanted, heard) == errors


def test_punctuation_width_and_case_are_not_heard() -> None:
    assert plain("Ａ座，3楼 的灯。") == "a座3楼的灯"


def test_a_model_is_measured_on_known_words() -> None:
    samples = [
        Sample("right", speech("guide"), "护照丢了，怎么补办？"),
        Sample("wrong", speech("complaint"), "我要表扬翠湖小区旁边的工地半夜还在施工"),
        Sample("unknown", speech("phone"), None),
    ]
    right, wrong, unknown = measure(VoskEngine(SYNTHETIC, "synthetic"), samples)
    assert (right.errors, wrong.errors, unknown.errors) == (0, 2, None)
    assert right.first_partial_s is not None
    assert 0.1 < right.first_partial_s < 1.5
    total = summary([right, wrong, unknown])
    assert total.character_error_rate == pytest.approx(2 / (right.characters + wrong.characters))
    assert 0 < total.real_time_factor < 0.5
    assert total.streams_per_cpu == pytest.approx(1 / total.real_time_factor)
    with pytest.raises(ValueError, match="nothing"):
        summary([])


def test_the_command_says_speed_and_error_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "guide.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(speech("guide"))
    path.with_suffix(".txt").write_text("护照丢了怎么补办", encoding="utf-8")
    for name, value in (("DEMO", "true"), ("DATA_DIR", str(tmp_path / "data")), ("SPEECH_MODEL", "synthetic")):
        monkeypatch.setenv(f"HOTLINE_{name}", value)
    load.cache_clear()
    try:
        bench = _hotline("bench", str(path))
        assert "character error rate 0.0 %" in bench.output
        assert "护照丢了怎么补办" in bench.output
        assert _hotline("bench", str(path), "--model", "none").exit_code == 1
        listed = _hotline("list").output
        assert "→ ● synthetic" in listed
        assert "○ cn-small" in listed
        assert _hotline("check").exit_code == 0
        assert _hotline("check", "none").exit_code == 1
        fetched = _hotline("fetch", "none", "--offline").output
        assert "HOTLINE_SPEECH_MODEL=synthetic" in fetched, "what was fetched is not what the service uses"
    finally:
        load.cache_clear()


def _hotline(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])
