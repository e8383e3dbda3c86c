"""A real call: SIP and RTP over loopback, espeak's voice as the caller, Vosk with the synthetic model, the real dialogue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from chatbot.dialogue import Dialogue
from hotline.database import Database
from hotline.settings import Settings
from telephony.bridge.agent_leg import OnEarly
from telephony.client import Caller
from telephony.flow.call import CallFlow
from telephony.flow.parts import Parts
from telephony.phone import CallLeg, Phone
from telephony.queue.switchboard import Switchboard
from telephony.speech.measure import distance, plain
from telephony.speech.models import load
from telephony.speech.prompts import PromptStore
from telephony.speech.transcriber import Transcriber
from telephony.speech.voice import EspeakVoice
from tests.telephony.lossy import lose_media, lose_signalling
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.conversation.models import Author, Call, Message
from ticketing.ticket.models import Ticket

pytestmark = pytest.mark.slow
"""Calls last as long as calls do."""


class Hotline:
    """The telephony process without its supervisor."""

    def __init__(self, settings: Settings, core: Core, database: Database, transcriber: Transcriber) -> None:
        self.voice = EspeakVoice()
        self.transcriber = transcriber
        texts = {"greeting": "您好，请说。", "apology": "对不起", "queued": "好的", "queue_invite": "请稍等"}
        prompts = PromptStore(texts, 1, settings.data_dir / "prompts", self.voice)
        dialogue = Dialogue(core, database, None)
        self.board = Switchboard(core, database, "telephony-real", self.dial)
        parts = Parts(settings, core, database, dialogue, transcriber, self.voice, prompts, "telephony-real", self.board)
        self.flow = CallFlow(parts)
        self.running: set[asyncio.Event] = set()
        self.phone = Phone(self.on_call, port=0, rtp_ports=(0, 0))

    async def dial(self, uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> CallLeg:
        return await self.phone.dial(uri, codecs=(codec,), ring_s=ring_s, on_early=on_early)

    async def on_call(self, leg: CallLeg) -> None:
        over = asyncio.Event()
        self.running.add(over)
        try:
            await self.flow.run(leg)
        finally:
            over.set()

    async def all_over(self) -> None:
        async with asyncio.timeout(10):
            for over in list(self.running):
                await over.wait()

    @property
    def address(self) -> str:
        return f"sip:12345@127.0.0.1:{self.phone.port}"


@pytest.fixture
async def hotline(settings: Settings, core: Core, database: Database) -> AsyncIterator[Hotline]:
    settings = settings.model_copy(update={"speech_model": "synthetic", "min_free_disk_mb": 0})
    transcriber = load(settings)
    assert transcriber is not None
    made = Hotline(settings, core, database, transcriber)
    await made.phone.start()
    exchange = asyncio.create_task(made.board.run())
    yield made
    await made.phone.stop()
    exchange.cancel()
    await asyncio.gather(exchange, return_exceptions=True)
    await made.voice.close()


async def citizen_said(database: Database) -> list[str]:
    async with database.transaction() as session:
        texts = select(Message.text).where(Message.author == Author.CITIZEN.value).order_by(Message.id)
        return list(await session.scalars(texts))


@pytest.mark.parametrize("voice", ["cmn+m5", "cmn+klatt2"])
async def test_voices_that_the_model_never_heard_are_understood_through_a_call(hotline: Hotline, database: Database, voice: str) -> None:
    """Kept out of its training (telephony/speech/synthetic). Over A-law and a jitter buffer a tenth of the characters may be wrong."""
    wanted, stranger = "我要投诉翠湖小区电梯坏了", EspeakVoice(voice=voice)
    async with Caller(hotline.address, codec="PCMA") as caller:
        await caller.hear()
        await caller.say(await stranger.say(wanted))
        await caller.hear()
    await stranger.close()
    await hotline.all_over()
    assert distance(wanted, plain("".join(await citizen_said(database)))) <= len(wanted) // 10


async def test_what_the_caller_says_is_heard_answered_and_kept_as_a_ticket(hotline: Hotline, database: Database) -> None:
    async with Caller(hotline.address, codec="PCMU", transcriber=hotline.transcriber) as caller:
        greeting = (await caller.hear()).text or ""
        assert greeting.startswith("您好")
        await caller.say(await hotline.voice.say("我要投诉翠湖小区电梯坏了"))
        await caller.hear()
        await caller.say(await hotline.voice.say("昨天晚上"))
        await caller.hear()
    await hotline.all_over()
    assert await citizen_said(database) == ["我要投诉翠湖小区电梯坏了", "昨天晚上"]
    async with database.transaction() as session:
        call = (await session.scalars(select(Call))).one()
        ticket = (await session.scalars(select(Ticket))).one()
    assert call.codec == "PCMU"
    assert call.end_reason == "caller_hung_up"
    assert (call.recording_seconds or 0) > 5
    assert "翠湖小区" in ticket.content + ticket.address
    assert "电梯坏了" in ticket.content


async def test_zero_with_nobody_on_duty_is_told_and_owed_a_return_call(hotline: Hotline, database: Database) -> None:
    async with Caller(hotline.address) as caller:
        await caller.press("0")
        async with asyncio.timeout(10):
            while not await was_told(database, "closed"):
                await asyncio.sleep(0.05)
    await hotline.all_over()
    async with database.transaction() as session:
        assert (await session.scalars(select(ReturnCall.reason))).one() == "nobody_on_duty"
        assert (await session.scalars(select(Ticket))).one().title


async def was_told(database: Database, prompt: str) -> bool:
    async with database.transaction() as session:
        return (await session.scalars(select(Message).where(Message.data["prompt"].astext == prompt))).first() is not None


@pytest.mark.parametrize("percent", [1, 5, 10])
async def test_a_bad_network_costs_neither_the_call_nor_the_ticket(hotline: Hotline, database: Database, percent: int) -> None:
    async with Caller(hotline.address) as caller:
        lose_signalling(hotline.phone, percent / 100)
        assert caller._phone is not None
        lose_media(caller._phone, percent / 100, seed=percent)
        await caller.hear()
        await caller.say(await hotline.voice.say("我要投诉翠湖小区电梯坏了"))
        await caller.hear()
    await hotline.all_over()
    async with database.transaction() as session:
        call = (await session.scalars(select(Call))).one()
        ticket = (await session.scalars(select(Ticket))).one()
    assert call.end_reason == "caller_hung_up"
    assert (call.recording_seconds or 0) > 4
    assert call.data["media"]["lost"] > 0
    assert call.data["media"]["concealed"] >= call.data["media"]["lost"]
    assert "翠湖小区" in ticket.content + ticket.address + ticket.title
