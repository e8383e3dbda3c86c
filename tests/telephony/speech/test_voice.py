"""The voice in its child process: what it says, and what happens when it dies, hangs or is interrupted."""

from __future__ import annotations

import asyncio
import audioop
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotline.errors import Unavailable
from hotline.settings import Settings
from telephony.speech import voice as voice_module
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.models import SYNTHETIC
from telephony.speech.prompts import SHIPPED, TEXTS, PromptError, PromptStore, prepare, read_texts
from telephony.speech.resample import to_telephone
from telephony.speech.transcriber import transcribe_pcm
from telephony.speech.voice import EspeakVoice
from telephony.speech.vosk_engine import VoskEngine


@pytest.fixture
async def voice() -> AsyncIterator[EspeakVoice]:
    made = EspeakVoice(timeout_s=5)
    yield made
    await made.close()


def pid_of(voice: EspeakVoice) -> int:
    assert voice._child is not None
    return voice._child.pid


async def test_what_is_said_is_understood(voice: EspeakVoice) -> None:
    pcm = await voice.say("我的电话是13800138000")
    assert 3 < len(pcm) / 16000 < 7
    transcriber = InProcessTranscriber(VoskEngine(SYNTHETIC, "synthetic"))
    heard = await transcribe_pcm(transcriber, bytes(8000) + pcm + bytes(16000), 8000)
    assert heard.replace("，", "") == "我的电话是幺三八零零幺三八零零零"


@pytest.mark.parametrize("text", ["", "   ", "😀", "***", "\0\0"])
async def test_nothing_to_say_is_no_sound(voice: EspeakVoice, text: str) -> None:
    assert await voice.say(text) == b""


async def test_a_very_long_text_is_bounded(voice: EspeakVoice) -> None:
    pcm = await voice.say("今天天气很好。" * 5000)
    assert 100 < len(pcm) / 16000 < 500


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_voice_that_died_is_started_again(voice: EspeakVoice, number: int) -> None:
    assert await voice.say("您好")
    before = pid_of(voice)
    os.kill(before, number)
    assert await voice.say("您好")
    assert pid_of(voice) != before


async def test_a_voice_that_hangs_is_replaced_within_its_time(voice: EspeakVoice) -> None:
    assert await voice.say("您好")
    voice._timeout = 0.5
    stopped = pid_of(voice)
    os.kill(stopped, signal.SIGSTOP)
    assert await asyncio.wait_for(voice.say("您好"), 4)
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


async def test_a_voice_that_never_starts_is_unavailable(voice: EspeakVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_module.sys, "executable", "/bin/false")
    with pytest.raises(Unavailable):
        await voice.say("您好")


async def test_giving_up_in_the_middle_does_not_mix_answers(voice: EspeakVoice) -> None:
    await voice.say("您好")
    long = asyncio.create_task(voice.say("我要投诉翠湖小区旁边的工地半夜还在施工"))
    async with asyncio.timeout(20):
        while not voice._turn.locked():
            await asyncio.sleep(0)
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    assert len(await voice.say("您好")) == pytest.approx(len(await voice.say("您好")), rel=0.05)


async def test_requests_at_once_are_answered_each_with_its_own(voice: EspeakVoice) -> None:
    short, long = await asyncio.gather(voice.say("好"), voice.say("我要投诉翠湖小区旁边的工地半夜还在施工"))
    assert len(short) * 3 < len(long)


async def test_an_unknown_voice_is_named() -> None:
    voice = EspeakVoice(voice="cmn+nobody-of-this-name")
    try:
        await voice.say("您好")  # espeak-ng takes the plain voice for an unknown variant
    finally:
        await voice.close()
    voice = EspeakVoice(voice="no-such-language")
    with pytest.raises(Unavailable, match="no-such-language"):
        await voice.say("您好")
    await voice.close()


async def test_a_request_that_is_no_request_ends_only_the_child() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "telephony.speech.espeak_worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _errors = await asyncio.wait_for(child.communicate(b"\xff\xff\xff\xff" + b"x" * 10), 10)
    head = json.loads(out[4 : 4 + int.from_bytes(out[:4], "big")])
    assert head["ok"]
    assert child.returncode == 0


def test_the_telephone_band_is_kept_and_the_rest_goes() -> None:
    from array import array
    from math import pi, sin

    def tone(hertz: float) -> bytes:
        return array("h", (int(16000 * sin(2 * pi * hertz * i / 22050)) for i in range(22050))).tobytes()

    loud = {hertz: audioop.rms(to_telephone(tone(hertz), 22050), 2) for hertz in (300, 1000, 3000, 4500, 7000)}
    assert len(to_telephone(tone(300), 22050)) == pytest.approx(16000, abs=4)
    assert loud[1000] > 6000
    assert abs(loud[300] - loud[1000]) < 0.1 * loud[1000]
    assert loud[3000] > 0.7 * loud[1000]
    assert loud[4500] < 0.02 * loud[1000]
    assert loud[7000] < 0.02 * loud[1000]
    assert to_telephone(b"", 22050) == b""
    with pytest.raises(ValueError, match="4000"):
        to_telephone(b"\0\0", 4000)


# prompts


class DeadVoice:
    name = "dead"

    async def say(self, text: str) -> bytes:
        raise Unavailable("no voice")

    async def pieces(self, text: str) -> AsyncIterator[bytes]:
        yield await self.say(text)

    async def close(self) -> None:
        pass


async def test_a_prompt_is_rendered_once_and_then_played_without_a_voice(settings: Settings, voice: EspeakVoice) -> None:
    store = PromptStore.of(settings, voice)
    pcm = await store.pcm("goodbye")
    dead = DeadVoice()
    dead.name = voice.name
    assert await PromptStore.of(settings, dead).pcm("goodbye") == pcm
    other = DeadVoice()
    with pytest.raises(Unavailable):
        await PromptStore.of(settings, other).pcm("goodbye")


async def test_another_text_or_version_is_another_file(tmp_path: Path, voice: EspeakVoice) -> None:
    stores = [
        PromptStore({"apology": "对不起"}, 1, tmp_path, voice),
        PromptStore({"apology": "抱歉"}, 1, tmp_path, voice),
        PromptStore({"apology": "对不起"}, 2, tmp_path, voice),
    ]
    assert len({store.path("apology") for store in stores}) == 3


async def test_the_apology_is_there_when_nothing_else_is(settings: Settings) -> None:
    store = PromptStore.of(settings, DeadVoice())
    pcm = await store.pcm("apology")
    assert audioop.rms(pcm, 2) > 500
    assert await store.warm() == len(store.texts) - 1


async def test_the_shipped_apology_says_the_text_of_today(voice: EspeakVoice) -> None:
    """Fails when the text was changed and `python -m telephony.speech.prompts` was not run."""
    shipped = audioop.alaw2lin(SHIPPED.read_bytes(), 2)
    now = await voice.say(read_texts(city="", line="")[1]["apology"])
    assert len(now) == pytest.approx(len(shipped), rel=0.03)


def test_set_up_renders_every_prompt_with_progress(settings: Settings) -> None:
    lines: list[str] = []
    assert prepare(settings, lines.append) == 0
    count = len(read_texts(city="云川市", line="12345")[1])
    assert len(lines) == count
    assert len(list((settings.data_dir / "prompts").glob("*.alaw"))) == count


def test_every_prompt_can_be_read_aloud() -> None:
    from telephony.speech.reading import readable

    _version, texts = read_texts(city="云川市", line="12345")
    for key, text in texts.items():
        assert readable(text), key
        assert "{" not in text, key


@pytest.mark.parametrize(
    "content",
    ["", "version: 1", "version: x\nprompts: {apology: 对不起}", "version: 1\nprompts: {greeting: 您好}",
        "version: 1\nprompts: {apology: '{nobody}'}", "a: [",
        "version: 1\nprompts: {apology: ''}"],
)  # fmt: skip
def test_a_wrong_prompt_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PromptError, match=r"prompts\.yaml"):
        read_texts(path, city="x", line="y")


def test_the_prompts_that_the_flow_names_exist() -> None:
    import re

    _version, texts = read_texts(city="x", line="y")
    named: set[str] = set()
    for path in TEXTS.parent.glob("*.py"):
        named |= set(re.findall(r'(?:_prompt|\.prompt|take_message)\((?:self, |call, )?"(\w+)"', path.read_text(encoding="utf-8")))
    assert named
    assert named <= set(texts)
