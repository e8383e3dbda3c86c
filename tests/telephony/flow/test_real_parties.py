"""Who hears whom, measured on real SIP telephones: everybody hums a tone of their own, and each one's ears are looked at.

The telephony process, the caller, and the telephones of agent, colleague and supervisor are five SIP sockets on loopback; the sound
goes over RTP in G.711. What a seat may not hear must be 40 dB below what it hears.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import select

from telephony.bridge.mixer import Loop
from telephony.client import Caller
from telephony.leg import HungUp, Leg
from telephony.phone import Phone
from tests.telephony.flow.test_real_person import Centre, centre
from tests.telephony.sounds import levels, tone
from ticketing.conversation.models import Call, CallState
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.queue.commands import command
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind

__all__ = ["centre"]
pytestmark = [pytest.mark.slow, pytest.mark.realtime]
CITIZEN, AGENT, COLLEAGUE, HEAD = 620, 740, 1180, 1650
"""Hertz; none is a note of the music on hold, nor what G.711 makes of two of the others."""
EVERYBODY = (CITIZEN, AGENT, COLLEAGUE, HEAD)
_HEARD, _UNHEARD = 2000, 60
"""Amplitudes: a tone is sent with 6000, the music's notes are far below a voice."""


class Hummer:
    """A telephone that picks up and hums."""

    def __init__(self, hertz: int) -> None:
        self.phone = Phone(self._rings, port=0, rtp_ports=(0, 0))
        self._hertz = hertz
        self.ear = bytearray()
        self.leg: Leg | None = None
        self.over = asyncio.Event()

    @property
    def address(self) -> str:
        return f"sip:desk@127.0.0.1:{self.phone.port}"

    def take(self, leg: Leg) -> None:
        """Hum into this call, and listen."""
        self.leg = leg
        leg.feed(Loop(tone(self._hertz, 1.0, 6000)))
        leg.listen(self.ear.extend)

    async def _rings(self, leg: Leg) -> None:
        self.over.clear()
        await leg.answer()
        self.take(leg)
        while not isinstance(await leg.events.get(), HungUp):
            pass
        self.over.set()

    def hears(self) -> set[int]:
        """Whose tones are in the last 0.4 s; a tone between heard and unheard counts as nobody's and as everybody's."""
        last = bytes(self.ear[-6400:])
        if len(last) < 6400:
            return {-1}
        found = levels(last, *EVERYBODY)
        return {who if level > _HEARD else -1 for who, level in found.items() if level > _UNHEARD}


async def until_heard(*expected: tuple[Hummer, set[int]]) -> None:
    """Until everybody hears exactly these, all in the same moment."""
    try:
        async with asyncio.timeout(20):
            while any(each.hears() != tones for each, tones in expected):
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError([(each.hears(), tones) for each, tones in expected]) from None


@asynccontextmanager
async def humming(centre: Centre) -> AsyncIterator[tuple[Call, Hummer, Hummer, Hummer, Hummer]]:
    """A caller with an agent, and two more telephones: call, citizen, agent, colleague, supervisor."""
    agent, colleague, head = Hummer(AGENT), Hummer(COLLEAGUE), Hummer(HEAD)
    async with AsyncExitStack() as stack:
        for each in (agent, colleague, head):
            await each.phone.start()
            stack.push_async_callback(each.phone.stop)
        await centre.seat("head", Role.SUPERVISOR, head.address, ready=False)
        await centre.seat("lin", Role.AGENT, agent.address, ready=True)
        caller = await stack.enter_async_context(Caller(f"sip:12345@127.0.0.1:{centre.phone.port}"))
        await caller.press("0")
        call = await centre.call_is(CallState.TALKING)
        await centre.seat("chen", Role.AGENT, colleague.address, ready=True)
        citizen = Hummer(CITIZEN)
        citizen.take(caller.leg)
        yield call, citizen, agent, colleague, head


async def do(centre: Centre, who: str, call: Call, action: str, to: str = "") -> None:
    async with centre.database.transaction() as session:
        await command(centre.core, session, centre.people[who], call.id, action, to=to)


def number(actor: Actor) -> str:
    return f"agent:{actor.label.rpartition(' ')[2]}"


async def test_hold_consult_three_at_once_and_transfer(centre: Centre) -> None:
    async with humming(centre) as (call, citizen, agent, colleague, _head):
        await until_heard((citizen, {AGENT}), (agent, {CITIZEN}))
        await do(centre, "lin", call, "hold")
        await until_heard((citizen, set()), (agent, set()))
        assert any(levels(bytes(citizen.ear[-16000:]), 261.63, 392.0, 440.0, 523.25).values()), "music"
        await do(centre, "lin", call, "resume")
        await until_heard((citizen, {AGENT}), (agent, {CITIZEN}))
        await do(centre, "lin", call, "consult", number(centre.people["chen"]))
        await until_heard((citizen, set()), (agent, {COLLEAGUE}), (colleague, {AGENT}))
        await do(centre, "lin", call, "conference")
        await until_heard((citizen, {AGENT, COLLEAGUE}), (agent, {CITIZEN, COLLEAGUE}), (colleague, {CITIZEN, AGENT}))
        await do(centre, "lin", call, "transfer")
        await until_heard((citizen, {COLLEAGUE}), (colleague, {CITIZEN}))
        async with asyncio.timeout(15):
            await agent.over.wait()


async def test_a_blind_transfer_of_the_desk_telephone(centre: Centre) -> None:
    async with humming(centre) as (call, citizen, agent, colleague, _head):
        await until_heard((citizen, {AGENT}), (agent, {CITIZEN}))
        await do(centre, "lin", call, "blind", number(centre.people["chen"]))
        await until_heard((citizen, {COLLEAGUE}), (colleague, {CITIZEN}))
        assert agent.over.is_set()


async def test_listening_whispering_and_that_a_secret_ticket_ends_it(centre: Centre) -> None:
    async with humming(centre) as (call, citizen, agent, _colleague, head):
        await do(centre, "head", call, "listen")
        await until_heard((head, {CITIZEN, AGENT}), (citizen, {AGENT}), (agent, {CITIZEN}))
        await do(centre, "head", call, "whisper")
        await until_heard((head, {CITIZEN, AGENT}), (citizen, {AGENT}), (agent, {CITIZEN, HEAD}))
        async with centre.database.transaction() as session:
            appeal = Appeal(
                channel=Channel.PHONE, kind=Kind.REPORT, title="举报", content="举报某单位违规，请保护我的身份",
                conversation_id=call.conversation_id, confidentiality=Confidentiality.SECRET, district="不详", extra={"call": str(call.id)},
            )  # fmt: skip
            await register(centre.core, session, centre.people["lin"], appeal)
        async with asyncio.timeout(10):
            await head.over.wait()
        heard = len(head.ear)
        await until_heard((citizen, {AGENT}), (agent, {CITIZEN}))
        assert len(head.ear) <= heard + 5 * 320, "but for what was on its way, nothing more comes to the supervisor's telephone"
        async with centre.database.transaction() as session:
            assert (await session.scalars(select(Call.state))).one() == CallState.TALKING.value


async def test_taking_over(centre: Centre) -> None:
    async with humming(centre) as (call, citizen, agent, _colleague, head):
        await do(centre, "head", call, "take_over")
        await until_heard((citizen, {HEAD}), (head, {CITIZEN}))
        assert agent.over.is_set()
