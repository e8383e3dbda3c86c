"""The test client behind `hotline call`, against a bot that speaks in tones."""

from __future__ import annotations

import json
import wave
from itertools import groupby
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli import app
from hotline.errors import InvalidInput
from hotline.settings import Settings
from telephony.calling import Script, _printer, address_of, run
from telephony.client import Caller, Happening, read_wav
from telephony.leg import CallFailed, Digit, HungUp, Leg, LegGone
from tests.telephony.conftest import MakePhone
from tests.telephony.sip.desk import address
from tests.telephony.sounds import best_stretch, signal_to_noise, tone

pytestmark = pytest.mark.slow
"""Calls last as long as calls do."""


class ToneBot:
    """Greets with 440 Hz, answers each thing heard with 600 Hz, and a key with 800 Hz and (unless told otherwise) a goodbye."""

    def __init__(self, *, hangs_up: bool = True) -> None:
        self.hangs_up = hangs_up
        self.keys: list[str] = []
        self.heard = 0

    async def __call__(self, leg: Leg) -> None:
        from telephony.media.endpoints import EndPointer

        pointer = EndPointer(silence_s=0.3)

        def listen(frame: bytes) -> None:
            if pointer.push(frame):
                self.heard += 1
                leg.play(tone(600, 0.4))

        await leg.answer()
        leg.listen(listen)
        leg.play(tone(440, 0.4))
        while True:
            event = await leg.events.get()
            if isinstance(event, HungUp):
                return
            assert isinstance(event, Digit)
            self.keys.append(event.digit)
            await leg.play(tone(800, 0.4)).wait()
            if self.hangs_up:
                await leg.hang_up()


def write_wav(path: Path, pcm16: bytes, *, rate: int = 8000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm16)
    return path


async def test_a_dialogue(make_phone: MakePhone, tmp_path: Path) -> None:
    bot = ToneBot()
    phone = await make_phone(bot)
    seen: list[Happening] = []
    saved = tmp_path / "call.wav"
    async with Caller(address(phone), codec="PCMU", silence_s=0.3, save=saved, on_happening=seen.append) as caller:
        greeting = await caller.hear(5)
        assert best_stretch(greeting.pcm16, 440) > 25
        assert await caller.say_wav(write_wav(tmp_path / "question.wav", tone(1000, 0.5)))
        assert best_stretch((await caller.hear(5)).pcm16, 600) > 25
        await caller.press("0")
        await caller.hear(5)
        with pytest.raises(LegGone):
            await caller.hear(5)
    assert (bot.heard, bot.keys) == (1, ["0"])
    assert [happening.kind for happening in seen if happening.kind != "ended"] == ["heard", "said", "heard", "pressed", "heard"]
    assert caller.ended == HungUp("caller", "hung up")
    with wave.open(str(saved)) as file:
        assert file.getnframes() / 8000 > 1.5


async def test_a_long_answer_is_heard_out_and_music_for_so_long_only(make_phone: MakePhone) -> None:
    async def speaks(leg: Leg) -> None:
        await leg.answer()
        await leg.play(tone(440, 1.5)).wait()
        await leg.events.get()

    async with Caller(address(await make_phone(speaks)), silence_s=0.3) as caller:
        heard = await caller.hear(0.6, longest=10)
        assert heard.end_s - heard.start_s == pytest.approx(1.5, abs=0.2)
        with pytest.raises(TimeoutError):
            await caller.hear(0.2, longest=10)
    async with Caller(address(await make_phone(speaks)), silence_s=0.3) as caller:
        heard = await caller.hear(0.4, longest=0.9)
        assert 0.3 < heard.end_s - heard.start_s < 1.2
        assert [happening.kind for happening in caller.happenings] == ["heard"]


async def test_the_command_prints_what_was_heard_when_the_time_is_over(
    make_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def music(leg: Leg) -> None:
        await leg.answer()
        await leg.play(tone(440, 20)).wait()
        await leg.events.get()

    settings = Settings(demo=True, data_dir=tmp_path / "data", speech_model="none")
    script = Script(hangup_after_s=1.0)
    assert await run(settings, address(await make_phone(music)), script, number="13800000000", codec="PCMA", save=None, as_json=True) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["outcome"] == "timeout"
    (heard,) = [event for event in report["events"] if event["kind"] == "heard"]
    assert 0.4 < heard["seconds"] < 1.5


def test_a_weak_model_is_named_once_beside_what_it_heard(capsys: pytest.CaptureFixture[str]) -> None:
    show = _printer(approximate=True)
    for happening in (Happening(0.5, "said", "你好"), Happening(1.0, "heard", "您好"), Happening(2.0, "heard", "请说")):
        show(happening)
    lines = capsys.readouterr().out.splitlines()
    assert [("approximate" in line) for line in lines] == [False, True, False]
    _printer(approximate=False)(Happening(1.0, "heard", "您好"))
    assert "approximate" not in capsys.readouterr().out


async def test_nobody_speaks(make_phone: MakePhone) -> None:
    async def silent(leg: Leg) -> None:
        await leg.answer()
        await leg.events.get()

    async with Caller(address(await make_phone(silent))) as caller:
        with pytest.raises(TimeoutError):
            await caller.hear(0.3)


async def test_a_refused_call(make_phone: MakePhone) -> None:
    with pytest.raises(CallFailed, match="480"):
        async with Caller(address(await make_phone(None))):
            pytest.fail("nobody answered")


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 1), (44100, 2)])
def test_sound_files(tmp_path: Path, rate: int, channels: int) -> None:
    import math
    import struct

    samples = [int(8000 * math.sin(2 * math.pi * 500 * n / rate)) for n in range(rate)]
    path = write_wav(tmp_path / "x.wav", b"".join(struct.pack("<h", sample) * channels for sample in samples), rate=rate, channels=channels)
    pcm16 = read_wav(path)
    assert len(pcm16) / 16000 == pytest.approx(1.0, abs=0.01)
    assert signal_to_noise(pcm16[1600:14400], 500) > 30


def test_files_that_cannot_be_played(tmp_path: Path) -> None:
    bad = [tmp_path / "missing.wav", tmp_path / "empty.wav", tmp_path / "text.wav"]
    bad[1].touch()
    bad[2].write_text("not a sound")
    bad.append(write_wav(tmp_path / "eight.wav", bytes(100), width=1))
    bad.append(write_wav(tmp_path / "slow.wav", bytes(100), rate=4000))
    for path in bad:
        with pytest.raises(InvalidInput, match="WAV"):
            read_wav(path)


def test_where_to_call_may_be_said_in_short(settings: Settings) -> None:
    of_demo = settings.model_copy(update={"sip_port": 15060})
    assert address_of(of_demo, "") == "sip:12345@127.0.0.1:15060"
    assert address_of(of_demo.model_copy(update={"edge_port": 15070}), "") == "sip:12345@127.0.0.1:15070"
    assert address_of(of_demo, "12319") == "sip:12319@127.0.0.1:15060"
    assert address_of(of_demo, "10.0.0.5:5060") == "sip:12345@10.0.0.5:5060"
    assert address_of(of_demo, "96123@10.0.0.5") == "sip:96123@10.0.0.5"
    with pytest.raises(InvalidInput, match="sip:12345@"):
        address_of(of_demo, "call me")


def test_a_wrong_key_is_named_before_anybody_is_called() -> None:
    with pytest.raises(InvalidInput, match="X"):
        Script(dtmf="0x").check()
    Script(dtmf="0*#a").check()


async def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"nosuchhost\.invalid"):
        async with Caller("sip:12345@nosuchhost.invalid"):
            pytest.fail("there is no such host")


async def test_the_command(make_phone: MakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setenv("HOTLINE_DEMO", "1")
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOTLINE_SPEECH_MODEL", "none")
    bot = ToneBot(hangs_up=False)  # a goodbye could overtake the last sound on a machine that stalls
    phone = await make_phone(bot)
    question = write_wav(tmp_path / "question.wav", tone(1000, 0.5))
    command = [
        "call",
        "--to",
        address(phone),
        "--wav",
        str(question),
        "--dtmf",
        "0",
        "--codec",
        "pcmu",
        "--save",
        str(tmp_path / "s.wav"),
        "--json",
    ]
    result = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["codec"], report["outcome"]) == ("PCMU", "completed")
    kinds = [event["kind"] for event in report["events"]]
    turns = [kind for kind, _repeated in groupby(kinds)]  # a machine that stalls may cut one answer in two
    assert [kind for kind in turns if kind != "ended"] == ["heard", "said", "heard", "pressed", "heard"]
    assert bot.keys == ["0"]
    assert (tmp_path / "s.wav").stat().st_size > 10_000


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_DEMO", "1")
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOTLINE_SPEECH_MODEL", "none")
    for arguments, words in (
        (["--to", "call me"], "SIP"),
        (["--to", "sip:12345@127.0.0.1:9", "--wav", str(tmp_path / "missing.wav")], "missing.wav"),
        (["--to", "sip:12345@127.0.0.1:9", "--codec", "OPUS"], "OPUS"),
        (["--to", "sip:12345@127.0.0.1:9"], "408"),
    ):
        result = CliRunner().invoke(app, ["call", *arguments])
        assert result.exit_code == 1
        assert words in result.stderr
