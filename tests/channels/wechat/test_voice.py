"""Voice messages: decoding whatever comes, and the way from sound to an answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from channels.wechat.voice import VoiceError, decode
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from telephony.speech import models
from tests.channels.wechat.world import World, build
from tests.simulators.wechat_api import MEDIA
from ticketing.context import Core
from ticketing.conversation.models import Message
from ticketing.ticket.models import Attachment

COMPLAINT = (Path(__file__).parent / "complaint.amr").read_bytes()
"""«我要投诉，井盖丢了», twice, with a pause of comfort-noise frames: made by tests/simulators/amr.py."""
SPEECH, NOISE, NO_DATA = b"\x04" + bytes(12), b"\x44" + bytes(5), b"\x7c"


def seconds(pcm: bytes, rate_hz: int) -> float:
    return len(pcm) / 2 / rate_hz


def test_the_sample_has_comfort_noise_frames() -> None:
    sizes, at, kinds = (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0), 6, []
    while at < len(COMPLAINT):
        kinds.append(COMPLAINT[at] >> 3 & 15)
        at += 1 + sizes[kinds[-1]]
    assert {0, 8, 15} <= set(kinds)
    assert abs(seconds(decode(COMPLAINT, 8000), 8000) - len(kinds) * 0.02) < 0.05


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_frames_without_speech_keep_their_time(rate_hz: int) -> None:
    pcm = decode(b"#!AMR\n" + SPEECH * 50 + NOISE * 10 + NO_DATA * 5 + SPEECH, rate_hz)
    assert abs(seconds(pcm, rate_hz) - 66 * 0.02) < 0.005


def test_a_cut_message_keeps_its_good_part() -> None:
    assert abs(seconds(decode(COMPLAINT[: len(COMPLAINT) // 2], 8000), 8000) - 2.2) < 0.5


def test_wide_band_and_speex_frames_are_understood() -> None:
    silence_wide = b"\x04" + bytes(17)
    assert abs(seconds(decode(b"#!AMR-WB\n" + silence_wide * 50, 16_000), 16_000) - 1) < 0.05


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"#!AMR\n",
        b"#!AMR-WB\n",
        b'{"errcode":40007}',
        b"\x02#!SILK_V3" + bytes(50),
        b"#!AMR\n" + NO_DATA * 20,
        b"#!AMR\n" + bytes(3 << 20),
        b"#!AMR\n" + SPEECH * 50 * 121,
        b"#!AMR\n\xff\xff\xff",
    ],
    ids=["empty", "no frames", "no wide frames", "json", "silk", "no speech", "too large", "too long", "damaged"],
)
def test_what_is_no_voice_message_is_refused(bad: bytes) -> None:
    with pytest.raises(VoiceError):
        decode(bad)


def test_damaged_bytes_never_raise_anything_else() -> None:
    chance = random.Random(12345)
    for _ in range(200):
        damaged = bytearray(COMPLAINT)
        for _ in range(20):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        try:
            pcm = decode(bytes(damaged), 8000)
        except VoiceError:
            continue
        assert len(pcm) % 2 == 0


@pytest.fixture(scope="module")
def transcriber() -> object:
    found = models.load(Settings(demo=True, speech_model="synthetic"))
    assert found is not None
    return found


async def test_a_voice_message_is_transcribed_and_answered_and_its_audio_kept(world: World, transcriber: object) -> None:
    world.services.transcriber = transcriber
    world.platform.callback_url = await world.instance()
    fan = world.account.fan()
    done = await world.platform.voice(fan, COMPLAINT)
    text = done.text if "听到" in done.text else (await world.told(fan))[0]
    heard = "我要投诉井盖丢了，我要投诉井盖丢了"
    assert text == f"听到您说：“{heard}”\n\n答：{heard}"
    core = world.services.core
    async with world.services.database.transaction() as session:
        kept = (await session.scalars(select(Attachment))).one()
        said = (await session.scalars(select(Message).where(Message.author == "citizen"))).one()
    assert (kept.content_type, kept.from_citizen) == ("audio/amr", True)
    assert (core.data_dir / kept.path).read_bytes() == COMPLAINT
    assert said.data == {"attachments": [str(kept.id)], "transcriber": "synthetic"}


async def test_without_a_speech_model_text_is_asked_for(world: World) -> None:
    done = await world.platform.voice(world.account.fan(), COMPLAINT)
    assert done.text == "这条语音暂时听不了。请您用文字再说一遍，或拨打12345。"
    assert world.dialogue.begun == []


async def test_noise_and_other_formats_ask_again_kindly(world: World, transcriber: object) -> None:
    world.services.transcriber = transcriber
    world.platform.callback_url = await world.instance()
    fan = world.account.fan()
    assert "没有听清" in (await world.platform.voice(fan, b"#!AMR\n" + SPEECH * 100)).text
    assert "请您用文字" in (await world.platform.voice(fan, b"\x02#!SILK_V3" + bytes(50))).text
    assert world.dialogue.begun == []


async def test_an_expired_voice_message_asks_for_text(world: World, transcriber: object) -> None:
    world.services.transcriber = transcriber
    world.platform.callback_url = await world.instance()
    fan = world.account.fan()
    world.account.faults = [(MEDIA, 40007)]
    assert "请您用文字" in (await world.platform.voice(fan, COMPLAINT)).text


async def test_a_platform_that_is_down_only_delays_a_voice_message(
    settings: Settings, core: Core, database: Database, clock: ManualClock, transcriber: object
) -> None:
    async with build(settings, core, database, wechat_budget_s=0.4) as world:
        world.services.transcriber = transcriber
        world.platform.callback_url = await world.instance()
        fan = world.account.fan()
        world.account.faults = [(MEDIA, -1)]
        done = await world.platform.voice(fan, COMPLAINT)
        assert "已收到" in done.text
        clock.advance(seconds=5)
        [text] = await world.told(fan)
        assert text.startswith("听到您说：“我要投诉井盖丢了")
