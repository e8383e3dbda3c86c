"""A telephony process without SIP, Vosk and espeak: the caller speaks by script, what the service says can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import yaml

from chatbot.reply import Answer, Turn
from hotline import typed_yaml
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.settings import Settings
from telephony.bridge.agent_leg import OnEarly
from telephony.flow.call import CallFlow
from telephony.flow.parts import Parts
from telephony.leg import FRAME_BYTES, CallFailed
from telephony.queue.switchboard import Switchboard
from telephony.speech.prompts import PromptStore, read_texts
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from ticketing.call_flow.document import parse_text, seed_text
from ticketing.call_flow.models import CallFlowVersion
from ticketing.context import Core
from ticketing.conversation.models import Author, Owner
from ticketing.conversation.service import add_message, get_conversation, request_person
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.models import Role, User

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

    async def pieces(self, text: str) -> AsyncIterator[bytes]:
        yield await self.say(text)

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


class Telephones:
    """The agents' telephones: they ring, and answer when the test says so."""

    def __init__(self) -> None:
        self.ringing: dict[str, asyncio.Future[FakeLeg]] = {}
        self.rung: list[str] = []
        self.stopped: list[str] = []
        self.on_early: dict[str, OnEarly | None] = {}

    async def dial(self, uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> FakeLeg:
        self.rung.append(uri)
        self.on_early[uri] = on_early
        self.ringing[uri] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ring_s):
                return await self.ringing[uri]
        except TimeoutError:
            raise CallFailed(408, "nobody answered") from None
        except asyncio.CancelledError:
            self.stopped.append(uri)
            raise
        finally:
            del self.ringing[uri]

    async def speaks_early(self, name: str) -> FakeLeg:
        """This telephone rings, and its exchange speaks before anybody picks it up."""
        uri = await self.rings(name)
        leg = FakeLeg(caller=None, called=uri)
        on_early = self.on_early[uri]
        assert on_early is not None
        on_early(leg)
        return leg

    async def answers(self, name: str, leg: FakeLeg | None = None) -> FakeLeg:
        """This telephone rings and is picked up. `leg`: what `speaks_early` gave."""
        uri = await self.rings(name)
        leg = leg or FakeLeg(caller=None, called=uri)
        leg.answered = True
        self.ringing[uri].set_result(leg)
        return leg

    async def refuses(self, name: str, status: int = 486) -> None:
        self.ringing[await self.rings(name)].set_exception(CallFailed(status, "no"))

    async def rings(self, name: str) -> str:
        """Until it rings."""
        found = f"sip:{name}@"
        await until(lambda: any(uri.startswith(found) and not future.done() for uri, future in self.ringing.items()))
        return next(uri for uri in self.ringing if uri.startswith(found))


async def publish(core: Core, database: Database, document: dict[str, Any]) -> None:
    """Put this call flow in force."""
    text = typed_yaml.written(document)
    parse_text(text)
    async with database.transaction() as session:
        session.add(CallFlowVersion(version=document["version"], document=text, sha256="", published_at=core.clock.now()))


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
    phones: Telephones = field(default_factory=lambda: Telephones())
    board: Switchboard | None = None
    version: int = 0

    async def rules(
        self,
        *,
        numbers: dict[str, str] | None = None,
        flow: dict[str, Any] | None = None,
        second: dict[str, Any] | None = None,
        **queue: Any,
    ) -> None:
        """Publish the package's call flow with these changes; options of the queue by their names in the file."""
        document = yaml.safe_load(seed_text())
        self.version += 1
        document["version"] = self.version
        document["numbers"] = numbers or {}
        document["queues"]["hotline"] |= {"joinempty": True, "leavewhenempty": False, **queue}
        document["flows"]["hotline"] |= flow or {}
        if second:
            document["queues"]["second"] = second
        await publish(self.core, self.database, document)

    async def agent(self, name: str = "lin", *, role: Role = Role.AGENT, ready: bool = True) -> User:
        """An agent with a telephone."""
        async with self.database.transaction() as session:
            user = User(login=name, name=name, staff_number=f"1{len(name)}{ord(name[0])}", role=role.value, password_hash="x")
            session.add(user)
            await session.flush()
            duty = await duty_of(self.core, session, user.id)
            duty.phone = f"sip:{name}@127.0.0.1:5070"
            if ready:
                await change(self.core, session, duty, DutyState.READY)
        return user

    async def state_of(self, user: User) -> str:
        async with self.database.transaction() as session:
            return (await session.get_one(Duty, user.id)).state

    @property
    def parts(self) -> Parts:
        version, texts = read_texts(city="云川市", line="12345")
        prompts = ReadablePrompts(texts, version, self.settings.data_dir / "prompts", self.voice)
        assert self.board is not None
        database = self.broken or self.database
        return Parts(self.settings, self.core, database, self.bot, self.transcriber, self.voice, prompts, "telephony-test", self.board)

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
        async with asyncio.timeout(40):
            await asyncio.gather(*self.tasks)


def said(leg: FakeLeg) -> list[str]:
    """What the caller was told so far."""
    return [pcm.decode(errors="replace").strip() for pcm in leg.played]


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
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
    made.board = Switchboard(core, database, "telephony-test", made.phones.dial)
    await made.rules()
    exchange = asyncio.create_task(made.board.run())
    yield made
    made.tasks.append(exchange)
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
