"""A citizen with a person: hold, consult, transfer, three at once, and a supervisor who listens.

One loop takes what happens, one thing after the other: words and hang-ups of the citizen, hang-ups of the others, commands from
the console, telephones that answer. Dialling runs beside it, so that a citizen can always hang up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.discretion import Discretion
from telephony.bridge.ledger import Ledger
from telephony.bridge.party import Party
from telephony.bridge.ringer import Dialled, Early, Ringer
from telephony.bridge.seating import Ear as Listening
from telephony.bridge.seating import Mode
from telephony.bridge.table import Table
from telephony.flow.ear import Told
from telephony.leg import CallFailed
from telephony.speech.transcriber import Heard
from ticketing.call_flow.document import QueueOptions
from ticketing.queue.models import CallCommand

if TYPE_CHECKING:
    from telephony.flow.call import Call

AGENT_LOST = "agent_lost"
"""End of a `PersonCall` after which the citizen waits again."""


@dataclass(frozen=True)
class Gone(Told):
    """Somebody besides the citizen left."""

    party: Party
    reason: str


@dataclass(frozen=True)
class Commanded(Told):
    """The console wants something."""

    action: str
    user_id: int
    arguments: dict[str, Any]
    row_id: int | None = None
    """None: it came from the agent's own telephone."""


class PersonCall:
    """One citizen, one agent, and whoever joins them."""

    def __init__(self, call: Call, leg: BridgeLeg, user_id: int, options: QueueOptions | None) -> None:
        """`leg`: the agent's, answered. `options`: of the queue, for the wrap-up."""
        self._call = call
        self._parts = call.parts
        self._ledger = Ledger(call.parts.core, call.parts.database, call.leg.id, options)
        self._table = Table(call.leg)
        self._shown = self._table.mode
        self._ringer = Ringer(call, self._ledger)
        self._discretion = Discretion(self._ledger)
        self._table.agent = self._join(leg, user_id)
        self._own_telephone(leg, user_id)
        self._table.patch()

    async def run(self) -> str:
        """The end reason, or `AGENT_LOST`. Raises CallerGone when the citizen hangs up."""
        board = self._parts.switchboard
        with board.talks(self._call.leg.id, self._command):
            try:
                while True:
                    ended = await self._take(await self._call.ear.next(None))
                    if self._table.mode is not self._shown:
                        self._shown = self._table.mode
                        await self._ledger.standing(self._table.mode.value)
                    if ended:
                        return ended
            finally:
                await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _take(self, event: object) -> str | None:
        match event:
            case Heard(kind="final"):
                await self._call.store(event)
            case Gone():
                return await self._gone(event.party, event.reason)
            case Commanded():
                return await self._obey(event)
            case Dialled():
                return await self._dialled(event)
            case Early() if event.leg.live and self._ringer.rings:
                self._table.hear_early(event.leg)
        return None

    # what the console and the agent's telephone want

    def _command(self, row: CallCommand) -> None:
        self._call.ear.put(Commanded(row.action, row.user_id, dict(row.arguments), row.id))

    def _own_telephone(self, leg: BridgeLeg, user_id: int) -> None:
        """The agent's telephone has keys of its own for hold and transfer."""
        leg.on_held = lambda on: self._call.ear.put(Commanded("hold" if on else "resume", user_id, {}))

        async def transfer(uri: str) -> None:
            number = uri.removeprefix("sip:").partition("@")[0]
            found = await self._ledger.phone_of(staff_number=number)
            arguments = {"user": found[0], "phone": found[1]} if found else {"number": number}
            if not found and not self._ringer.route(arguments):
                raise CallFailed(403, "not an allowed number")
            self._call.ear.put(Commanded("blind", user_id, arguments))

        leg.on_transfer = transfer

    async def _obey(self, wanted: Commanded) -> str | None:
        if wanted.action == "hangup":
            await self._done(wanted)
            return "agent_hung_up"
        step = getattr(self, f"_do_{wanted.action}", None)
        result = await step(wanted) if step else "unknown"
        if result != "later":
            await self._done(wanted, result or "")
        return None

    async def _done(self, wanted: Commanded, result: str = "") -> None:
        if wanted.row_id is not None:
            await self._ledger.settle(wanted.row_id, result)

    async def _do_hold(self, _wanted: Commanded) -> str | None:
        return self._turn({Mode.TALKING}, Mode.HELD)

    async def _do_resume(self, _wanted: Commanded) -> str | None:
        return self._turn({Mode.HELD}, Mode.TALKING)

    async def _do_conference(self, _wanted: Commanded) -> str | None:
        failed = self._turn({Mode.CONSULTING}, Mode.CONFERENCE)
        if not failed:
            await self._ledger.note("call.conferenced")
        return failed

    async def _do_retrieve(self, _wanted: Commanded) -> str | None:
        if self._table.mode not in (Mode.DIALLING, Mode.CONSULTING, Mode.CONFERENCE):
            return "wrong_state"
        await self._stop_ringing()
        await self._drop_third()
        self._table.turn_to(Mode.TALKING)
        return None

    async def _do_transfer(self, _wanted: Commanded) -> str | None:
        if self._table.mode not in (Mode.CONSULTING, Mode.CONFERENCE) or self._table.third is None:
            return "wrong_state"
        await self._hand_over()
        return None

    async def _do_consult(self, wanted: Commanded) -> str | None:
        if self._table.mode not in (Mode.TALKING, Mode.HELD):
            return "wrong_state"
        failed = await self._dial(wanted, "consult")
        if failed:
            return failed
        self._table.turn_to(Mode.DIALLING)
        return "later"

    async def _do_blind(self, wanted: Commanded) -> str | None:
        if self._table.mode not in (Mode.TALKING, Mode.HELD):
            return "wrong_state"
        failed = await self._dial(wanted, "blind")
        if failed:
            return failed
        await self._drop_agent()
        self._table.turn_to(Mode.TRANSFERRED)
        return "later"

    async def _do_listen(self, wanted: Commanded) -> str | None:
        return await self._supervise(wanted, Listening.LISTENING)

    async def _do_whisper(self, wanted: Commanded) -> str | None:
        return await self._supervise(wanted, Listening.WHISPERING)

    async def _do_take_over(self, wanted: Commanded) -> str | None:
        if self._table.supervisor is None or self._table.supervisor.user_id != wanted.user_id:
            return await self._call_supervisor(wanted, "take_over")
        await self._take_over()
        return None

    async def _do_stop_listening(self, wanted: Commanded) -> str | None:
        if self._table.supervisor is None or self._table.supervisor.user_id != wanted.user_id:
            return "wrong_state"
        await self._drop_supervisor()
        return None

    # parts of those

    def _turn(self, before: set[Mode], after: Mode) -> str | None:
        if self._table.mode not in before:
            return "wrong_state"
        self._table.turn_to(after)
        return None

    async def _supervise(self, wanted: Commanded, how: Listening) -> str | None:
        if self._table.supervisor is None:
            return await self._call_supervisor(wanted, how.value)
        if self._table.supervisor.user_id != wanted.user_id:
            return "busy"
        self._table.listening = how
        self._table.patch()
        return None

    async def _call_supervisor(self, wanted: Commanded, purpose: str) -> str | None:
        found = await self._ledger.phone_of(user_id=wanted.user_id)
        if self._table.supervisor is not None or found is None:
            return "busy" if found else "no_telephone"
        arguments = {"user": found[0], "phone": found[1]}
        return await self._dial(Commanded(wanted.action, wanted.user_id, arguments, wanted.row_id), purpose) or "later"

    async def _dial(self, wanted: Commanded, purpose: str) -> str | None:
        """Begin to ring whom the arguments name; a word when that can't be."""
        return await self._ringer.start(wanted.arguments, purpose, wanted.row_id)

    async def _stop_ringing(self) -> None:
        await self._ringer.stop()
        self._table.end_early()

    async def _dialled(self, event: Dialled) -> str | None:
        self._ringer.over()
        self._table.end_early()
        if event.row_id is not None:
            await self._ledger.settle(event.row_id, event.result)
        if event.leg is None:
            if event.user_id is not None:
                await self._ledger.released(event.user_id)
            return await self._nobody(event.purpose)
        supervises, user_id = event.purpose not in ("consult", "blind"), event.user_id
        if supervises and (user_id is None or await self._ledger.closed_to(user_id)):  # it became secret while the telephone rang
            await event.leg.hang_up()
            if user_id is not None:
                await self._ledger.released(user_id)
            return None
        party = self._join(event.leg, event.user_id)
        if event.user_id is not None:
            await self._ledger.engaged(event.user_id)
        if not supervises:
            self._table.third = party
            if event.purpose == "blind" or self._table.mode is Mode.TRANSFERRED:  # the agent may have hung up while it rang
                await self._hand_over()
            else:
                self._table.turn_to(Mode.CONSULTING)
            return None
        self._table.supervisor = party
        if event.purpose == "take_over":
            await self._take_over()
        else:
            self._table.listening = Listening(event.purpose)
            self._table.patch()
            self._watch(user_id)
        return None

    def _watch(self, user_id: int | None) -> None:
        """While a supervisor listens: the matter may become secret at any moment."""
        if user_id is not None:
            self._discretion.watch(user_id, lambda: self._call.ear.put(Commanded("stop_listening", user_id, {})))

    async def _nobody(self, purpose: str) -> str | None:
        """Who was rung did not come."""
        if purpose in ("consult", "blind") and self._table.agent is None:
            return AGENT_LOST  # the agent has left already: the citizen waits for the next one
        if purpose == "consult":
            self._table.turn_to(Mode.TALKING)
        return None

    async def _gone(self, party: Party, reason: str) -> str | None:
        if party is self._table.supervisor:
            await self._drop_supervisor()
        elif party is self._table.third:
            await self._drop_third()
            if self._table.mode is Mode.TRANSFERRED:
                return "transferred"
            self._table.turn_to(Mode.TALKING)
        elif party is self._table.agent:
            return await self._agent_gone(reason)
        return None

    async def _agent_gone(self, reason: str) -> str | None:
        """Hanging up while somebody is consulted hands the citizen over, as on every desk telephone."""
        mode = self._table.mode
        if mode in (Mode.TALKING, Mode.HELD):
            if reason == "rtp_timeout":
                return AGENT_LOST
            return "agent_hung_up"
        if self._table.third is not None:
            await self._hand_over()
        else:
            await self._drop_agent()
            self._table.turn_to(Mode.TRANSFERRED)
        return None

    async def _hand_over(self) -> None:
        """The third party has the citizen; the agent is out. A colleague is the agent from now on."""
        third = self._table.third
        assert third is not None  # noqa: S101 - who calls this has looked
        await self._drop_agent()
        if third.user_id is not None:
            self._table.agent, self._table.third = third, None
            self._own_telephone(third.leg, third.user_id)
            await self._ledger.taken_by(third.user_id)
            self._table.turn_to(Mode.TALKING)
        else:
            self._table.turn_to(Mode.TRANSFERRED)
        await self._ledger.note("call.transferred", to="agent" if third.user_id is not None else "number")

    async def _take_over(self) -> None:
        supervisor = self._table.supervisor
        assert supervisor is not None  # noqa: S101 - who calls this has looked
        self._discretion.stop()
        await self._stop_ringing()
        await self._drop_third()
        await self._drop_agent()
        self._table.agent, self._table.supervisor = supervisor, None
        if supervisor.user_id is not None:
            await self._ledger.taken_by(supervisor.user_id)
            self._own_telephone(supervisor.leg, supervisor.user_id)
        self._table.turn_to(Mode.TALKING)

    # who is there

    def _join(self, leg: BridgeLeg, user_id: int | None) -> Party:
        transcriber = self._parts.transcriber if self._call.transcribed else None
        return Party(
            leg, self._table.join(leg), user_id, transcriber=transcriber, on_said=self._said, on_heard=self._show,
            on_gone=lambda who, why: self._call.ear.put(Gone(who, why)),
        )  # fmt: skip

    def _show(self, party: Party, heard: Heard) -> None:
        """What the agent is saying, as a caption; of what does not go into the transcript (`_said`) nothing is shown either."""
        captions = self._parts.captions
        if captions is None or party is self._table.supervisor or (party is self._table.agent and self._table.mode is Mode.HELD):
            return
        captions.heard(self._call.leg.id, self._call.record.conversation_id, "agent", heard)

    async def _said(self, party: Party, heard: Heard) -> None:
        if party is self._table.supervisor or not heard.text:
            return  # a whisper is for the agent, not for the transcript
        if party is self._table.agent and self._table.mode is Mode.HELD:
            return  # what the citizen cannot hear is no part of the talk: a desk telephone plays music of its own
        at = round(self._call.ear.seconds, 2)
        data = {"end_s": at, "start_s": round(max(0.0, at - (heard.end_s - heard.start_s)), 2), "confidence": heard.confidence}
        await self._ledger.said(heard.text, party.name(heard), data)

    async def _drop_agent(self) -> None:
        agent, self._table.agent = self._table.agent, None
        await self._table.drop(agent)
        if agent is not None and agent.user_id is not None:
            await self._ledger.left(agent.user_id)

    async def _drop_third(self) -> None:
        third, self._table.third = self._table.third, None
        await self._table.drop(third)
        if third is not None and third.user_id is not None:
            await self._ledger.released(third.user_id)

    async def _drop_supervisor(self) -> None:
        supervisor, self._table.supervisor = self._table.supervisor, None
        self._discretion.stop()
        await self._table.drop(supervisor)
        self._table.patch()
        if supervisor is not None and supervisor.user_id is not None:
            await self._ledger.released(supervisor.user_id)

    async def _close(self) -> None:
        await self._stop_ringing()
        await self._drop_third()
        await self._drop_supervisor()
        await self._drop_agent()
        self._table.close()
