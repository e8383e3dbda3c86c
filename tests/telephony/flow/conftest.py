"""A telephony process without SIP, Vosk and espeak: the caller speaks by script, what the service says can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from chatbot.reply import Answer, Turn
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.settings import Settings
from telephony.flow.call import CallFlow
from telephony.flow.parts import Parts
from telephony.leg import FRAME_BYTES
from telephony.speech.prompts import PromptStore, read_texts
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from ticketing.context import Core
from ticketing.conversation.models import Author, Owner
from ticketing.conversation.service import add_message, get_conversation, request_person

LOUD = b"\x00\x20\x00\xe0" * (FRAME_BYTES // 4)
"""One frame that counts as sound."""


def pcm_of(text: str) -> bytes:
    raw = text.encode()
    return raw + b" " * (len(raw) % 2)


class ReadableVoice:
    """Says its text in bytes, so that a test can read what was played."""

    name = "readable"

    def __init__(self) -> None:
        self.fails = False

    async def say(self, text: str) -> bytes:
        if self.fails:
            raise Unavailable("no voice")
        return pcm_of(text)

    async def close(self) -> None:
        pass


class ReadablePrompts(PromptStore):
    """Prompts in the same way, without files."""

    async def pcm(self, key: str) -> bytes:
        return pcm_of(f"<{key}>")


class ScriptedSession:
    """Hears what the test says it hears."""

    def __init__(self) -> None:
        self.script: list[Heard] = []
        self.last_words: list[Heard] = []
        self.closed = False

    async def accept(self, pcm16: bytes) -> list[Heard]:
        heard, self.script = self.script, []
        return heard

    async def finish(self) -> list[Heard]:
        return self.last_words

    def close(self) -> None:
        self.closed = True


class ScriptedTranscriber:
    name = "scripted"

    def __init__(self) -> None:
        self.sessions: list[ScriptedSession] = []
        self.full = False

    def open(self, rate_hz: int) -> ScriptedSession:
        assert rate_hz == 8000
        if self.full:
            raise Unavailable("full")
        self.sessions.append(ScriptedSession())
        return self.sessions[-1]


class ScriptedBot:
    """Stores what it is told, as the dialogue does, and answers by a table."""

    def __init__(self, core: Core, database: Database) -> None:
        self.core = core
        self.database = database
        self.turns: list[str] = []
        self.answers: dict[str, Turn] = {}
        self.failures = 0
        self.broken = False

    async def turn(self, conversation_id: UUID, text: str, *, external_id: str | None = None, data: dict[str, Any] | None = None) -> Turn:
        if self.broken:
            raise RuntimeError("a fault of the bot")
        if self.failures:
            self.failures -= 1
            raise Unavailable("database gone")
        self.turns.append(text)
        turn = self.answers.get(text, a_turn(f"答：{text}"))
        async with self.database.transaction() as session:
            conversation = await get_conversation(session, conversation_id, lock=True)
            await add_message(self.core, session, conversation, Author.CITIZEN, text, external_id=external_id, data=data)
            if turn.handover:
                await request_person(self.core, session, conversation, turn.handover_reason or "asked")
        return turn


def a_turn(spoken: str = "", **changes: Any) -> Turn:
    answers = (Answer(spoken, spoken),) if spoken else ()
    values: dict[str, Any] = {
        "answers": answers, "handover": False, "handover_reason": None, "ticket": None, "owner": Owner.BOT,
        "degraded": False, "form_open": False, "finished": False,
    }  # fmt: skip
    return Turn(**{**values, **changes})


@dataclass
class Line:
    """The service on one side, a caller on the other."""

    settings: Settings
    core: Core
    database: Database
    bot: ScriptedBot
    voice: ReadableVoice = field(default_factory=ReadableVoice)
    transcriber: ScriptedTranscriber | None = field(default_factory=ScriptedTranscriber)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    broken: Database | None = None

    @property
    def parts(self) -> Parts:
        version, texts = read_texts(city="云川市", line="12345")
        prompts = ReadablePrompts(texts, version, self.settings.data_dir / "prompts", self.voice)
        return Parts(
            self.settings, self.core, self.broken or self.database, self.bot, self.transcriber, self.voice, prompts, "telephony-test"
        )

    def set(self, **changes: Any) -> None:
        self.settings = self.settings.model_copy(update=changes)

    def call(self, **values: Any) -> FakeLeg:
        leg = FakeLeg(**values)
        self.tasks.append(asyncio.create_task(CallFlow(self.parts).run(leg)))
        return leg

    def say(self, leg: FakeLeg, text: str, kind: str = "final") -> None:
        """The caller says a whole sentence."""
        assert self.transcriber is not None
        self.transcriber.sessions[-1].script.append(Heard(kind, text, 1.0, 2.0, 0.9))  # type: ignore[arg-type]
        leg.speak(LOUD * 6)

    async def over(self, leg: FakeLeg | None = None) -> None:
        """Until every call is wound up."""
        async with asyncio.timeout(10):
            await asyncio.gather(*self.tasks)


def said(leg: FakeLeg) -> list[str]:
    """What the caller was told so far."""
    return [pcm.decode(errors="replace").strip() for pcm in leg.played]


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition, looking at every turn of the loop."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


async def heard(leg: FakeLeg, text: str) -> None:
    """Until the caller was told this."""
    try:
        await until(lambda: any(text in one for one in said(leg)))
    except TimeoutError:
        raise AssertionError(f"{text!r} was never said, but {said(leg)}") from None


@pytest.fixture
async def line(settings: Settings, core: Core, database: Database) -> AsyncIterator[Line]:
    settings = settings.model_copy(update={"silence_s": 5.0, "min_free_disk_mb": 0})
    made = Line(settings, core, database, ScriptedBot(core, database))
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
