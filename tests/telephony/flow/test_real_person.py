"""A real call to a real person: SIP and RTP both ways, `0`, the queue, an agent's telephone that rings, sound measured, a ticket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import yaml
from sqlalchemy import select

from hotline.database import Database
from hotline.settings import Settings
from telephony.bridge.agent_leg import OnEarly
from telephony.client import Caller
from telephony.flow.call import CallFlow
from telephony.flow.parts import Parts
from telephony.leg import HungUp, Leg
from telephony.media.codec import preferring
from telephony.phone import CallLeg, Phone
from telephony.queue.switchboard import Switchboard
from telephony.speech.prompts import PromptStore, read_texts
from telephony.speech.voice import EspeakVoice
from tests.ports import free_port
from tests.telephony.flow.conftest import ScriptedBot, pcm_of, publish
from tests.telephony.sounds import best_stretch, heard_cleanly, loud_part, tone
from ticketing.call_flow.document import seed_text
from ticketing.context import Core
from ticketing.conversation.models import Call, CallState
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import set_phone, set_state
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User
from ticketing.queue.commands import command
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Kind

pytestmark = [pytest.mark.slow, pytest.mark.realtime]
"""Real sound keeps time by the wall clock."""


class QuietPrompts(PromptStore):
    """No prompt is heard: what is measured is the bridge."""

    async def pcm(self, key: str) -> bytes:
        return pcm_of("")


class Desk:
    """An agent's telephone: rings, is picked up, plays a tone, hears."""

    def __init__(self, hertz: float) -> None:
        self.phone = Phone(self._rings, port=0, rtp_ports=(0, 0))
        self._hertz = hertz
        self.heard = bytearray()
        self.legs: list[Leg] = []
        self.over = asyncio.Event()

    @property
    def address(self) -> str:
        return f"sip:desk@127.0.0.1:{self.phone.port}"

    async def _rings(self, leg: Leg) -> None:
        await leg.answer()
        self.legs.append(leg)
        leg.listen(self.heard.extend)
        leg.play(tone(self._hertz, 6.0))
        while not isinstance(await leg.events.get(), HungUp):
            pass
        self.over.set()


class Centre:
    """The telephony process, one agent, one supervisor."""

    def __init__(self, settings: Settings, core: Core, database: Database) -> None:
        self.core, self.database = core, database
        self.voice = EspeakVoice()
        version, texts = read_texts(city="云川市", line="12345")
        prompts = QuietPrompts(texts, version, settings.data_dir / "prompts", self.voice)
        self.board = Switchboard(core, database, "telephony-real", self._dial)
        bot = ScriptedBot(core, database)
        parts = Parts(settings, core, database, bot, _Deaf(), self.voice, prompts, "telephony-real", self.board)
        self.flow = CallFlow(parts)
        self.phone = Phone(self.flow.run, port=0, rtp_ports=(0, 0))
        self.desk = Desk(700)
        self.people: dict[str, Actor] = {}

    async def _dial(self, uri: str, ring_s: float, codec: str, *, on_early: OnEarly | None = None) -> CallLeg:
        return await self.phone.dial(uri, codecs=preferring(codec), ring_s=ring_s, on_early=on_early)

    async def seat(self, name: str, role: Role, address: str, *, ready: bool) -> Actor:
        async with self.database.transaction() as session:
            user = User(login=name, name=name, staff_number=f"90{len(self.people):02}", role=role.value, password_hash="x")
            session.add(user)
            await session.flush()
            self.people[name] = staff_actor(user)
            head = self.people.get("head", self.people[name])
            await set_phone(self.core, session, head, user.id, address)
            if ready:
                await set_state(self.core, session, self.people[name], DutyState.READY)
        return self.people[name]

    async def call_is(self, state: CallState) -> Call:
        async with asyncio.timeout(45):
            while True:
                async with self.database.transaction() as session:
                    call = (await session.scalars(select(Call))).first()
                if call is not None and call.state == state.value:
                    return call
                await asyncio.sleep(0.05)


class _Deaf:
    """Hears nothing, so that the assistant stays quiet; loaded like a model."""

    name = "deaf"

    def open(self, rate_hz: int) -> _Deaf:
        return self

    async def accept(self, pcm16: bytes) -> list[object]:
        return []

    async def finish(self) -> list[object]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture
async def centre(settings: Settings, core: Core, database: Database) -> AsyncIterator[Centre]:
    made = Centre(settings.model_copy(update={"min_free_disk_mb": 0}), core, database)
    await made.phone.start()
    await made.desk.phone.start()
    exchange = asyncio.create_task(made.board.run())
    yield made
    await made.phone.stop()
    await made.desk.phone.stop()
    exchange.cancel()
    await asyncio.gather(exchange, return_exceptions=True)
    await made.voice.close()


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_zero_a_person_both_hear_each_other_and_a_ticket(centre: Centre, codec: str) -> None:
    await centre.seat("head", Role.SUPERVISOR, "", ready=False)
    agent = await centre.seat("lin", Role.AGENT, centre.desk.address, ready=True)
    heard = bytearray()
    async with Caller(f"sip:12345@127.0.0.1:{centre.phone.port}", codec=codec) as caller:
        await caller.press("0")
        call = await centre.call_is(CallState.TALKING)
        caller.leg.listen(heard.extend)
        caller.leg.play(tone(440, 3.0))
        async with asyncio.timeout(15):
            while len(heard) < 16000 * 3 or len(loud_part(bytes(centre.desk.heard))) < 16000 * 2:
                await asyncio.sleep(0.1)
        async with centre.database.transaction() as session:
            appeal = Appeal(
                channel=Channel.PHONE, kind=Kind.HELP, title="路灯不亮", content="学院路三号路灯不亮，晚上看不清路",
                conversation_id=call.conversation_id, extra={"call": str(call.id)},
            )  # fmt: skip
            await register(centre.core, session, agent, appeal)
        await centre.desk.legs[0].hang_up()
        ended = await centre.call_is(CallState.ENDED)
    assert best_stretch(bytes(heard), 700) > 35, "the caller hears the agent's tone"
    assert best_stretch(loud_part(bytes(centre.desk.heard)), 440) > 35, "the agent hears the caller's"
    assert ended.end_reason == "agent_hung_up"
    assert (ended.recording_seconds or 0) > 2
    async with centre.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        assert ticket.title == "路灯不亮"
        duty = await session.get_one(Duty, agent.user_id)
    assert duty.state == DutyState.WRAP_UP.value


async def test_a_supervisor_listens_by_telephone_and_takes_over(centre: Centre) -> None:
    ear = Desk(1200)
    await ear.phone.start()
    try:
        head = await centre.seat("head", Role.SUPERVISOR, ear.address, ready=False)
        await centre.seat("lin", Role.AGENT, centre.desk.address, ready=True)
        heard = bytearray()
        async with Caller(f"sip:12345@127.0.0.1:{centre.phone.port}") as caller:
            await caller.press("0")
            call = await centre.call_is(CallState.TALKING)
            async with centre.database.transaction() as session:
                await command(centre.core, session, head, call.id, "listen")
            await heard_cleanly(ear.heard, 700)  # the supervisor hears the agent
            async with centre.database.transaction() as session:
                await command(centre.core, session, head, call.id, "take_over")
            async with asyncio.timeout(15):
                await centre.desk.over.wait()
            caller.leg.listen(heard.extend)
            ear.legs[0].play(tone(1200, 3.0))
            await heard_cleanly(heard, 1200)  # the caller hears the supervisor now
        await centre.call_is(CallState.ENDED)
    finally:
        await ear.phone.stop()


async def test_a_desk_telephone_that_is_not_there_costs_the_caller_nothing(centre: Centre) -> None:
    document = yaml.safe_load(seed_text())
    document["queues"]["hotline"]["timeout"] = 2  # nobody there is not busy: it is waited for as long as for somebody who is
    await publish(centre.core, centre.database, document)
    await centre.seat("head", Role.SUPERVISOR, "", ready=False)
    await centre.seat("gone", Role.AGENT, f"sip:gone@127.0.0.1:{free_port()}", ready=True)
    agent = await centre.seat("lin", Role.AGENT, centre.desk.address, ready=True)
    async with Caller(f"sip:12345@127.0.0.1:{centre.phone.port}") as caller:
        await caller.press("0")
        call = await centre.call_is(CallState.TALKING)
        assert call.data["agent_id"] == agent.user_id
    await centre.call_is(CallState.ENDED)
