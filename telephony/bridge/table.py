"""Who sits at one conversation, and the wiring that follows from it: `seating` says who hears whom, here it is done."""

from __future__ import annotations

from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Bridge, Loop, Port, Source
from telephony.bridge.party import Party
from telephony.bridge.seating import Ear, Mode, Seats, hears
from telephony.flow.tones import music, ringing


class Table:
    """The citizen's seat and those of agent, third party and supervisor; an empty one is None."""

    def __init__(self, citizen: BridgeLeg) -> None:
        """The citizen alone, who hears music until `patch`."""
        self._bridge = Bridge()
        self._citizen = self._bridge.join(citizen)
        self._early: Port | None = None
        """A telephone that is rung and plays something before it answers."""
        self._music, self._ringing = Loop(music()), Loop(ringing())
        self.mode = Mode.TALKING
        self.listening = Ear.LISTENING
        self.agent: Party | None = None
        self.third: Party | None = None
        self.supervisor: Party | None = None

    def join(self, leg: BridgeLeg) -> Port:
        """A place for this leg; it hears nothing before `patch`."""
        return self._bridge.join(leg)

    def turn_to(self, mode: Mode) -> None:
        """The agent does something else with the citizen."""
        self.mode = mode
        self.patch()

    def patch(self) -> None:
        """Connect everybody as the seats and the mode want it."""
        agent, third, supervisor = (party.port if party else None for party in (self.agent, self.third, self.supervisor))
        seats: Seats[Port] = Seats(self._citizen, agent, third, supervisor)
        rung: Port | Source = self._early or self._ringing
        self._bridge.patch(hears(seats, self.mode, self.listening, self._music, rung))

    def hear_early(self, leg: BridgeLeg) -> None:
        """What this telephone plays before it answers is heard instead of the ringing tone."""
        self._early = self._bridge.join(leg)
        self.patch()

    def end_early(self) -> None:
        """It answered, refused, or is not rung any more."""
        early, self._early = self._early, None
        if early is not None:
            self._bridge.leave(early)
            self.patch()

    async def drop(self, party: Party | None) -> None:
        """Let somebody go; their telephone hangs up."""
        if party is not None:
            self._bridge.leave(party.port)
            await party.release()

    def close(self) -> None:
        """Let everybody go; nobody hears anybody."""
        self._bridge.close()
