"""Ringing one more telephone while a conversation goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotline.errors import NotAllowed
from hotline.logs import get
from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.ledger import Ledger
from telephony.flow.ear import Told
from telephony.leg import CallFailed
from telephony.outbound import route

if TYPE_CHECKING:
    from telephony.flow.call import Call

log = get(__name__)
_RING_S = 25.0
_BUSY = frozenset({486, 600, 603})


@dataclass(frozen=True)
class Dialled(Told):
    """A telephone that we rang has answered, or not; put into the citizen's queue of events."""

    purpose: str
    leg: BridgeLeg | None
    user_id: int | None
    result: str
    """busy, no_answer, failed; empty: answered."""
    row_id: int | None
    """The command that wanted it."""


@dataclass(frozen=True)
class Early(Told):
    """The telephone that we ring for a transfer plays something before it answers (an exchange, the network)."""

    leg: BridgeLeg


class Ringer:
    """At most one telephone at a time."""

    def __init__(self, call: Call, ledger: Ledger) -> None:
        """`call`: its ear is told, its parts dial."""
        self._call = call
        self._ledger = ledger
        self._task: asyncio.Task[None] | None = None
        self._user_id: int | None = None
        self._row_id: int | None = None

    async def start(self, arguments: dict[str, Any], purpose: str, row_id: int | None) -> str | None:
        """Begin; a word when that can't be: busy, not_allowed."""
        if self._task is not None:
            return "busy"
        uri, user_id = self.route(arguments), arguments.get("user")
        if not uri:
            return "not_allowed"
        if user_id is not None and not await self._ledger.reserve(user_id):
            return "busy"
        self._user_id, self._row_id = user_id, row_id
        self._task = asyncio.create_task(self._ring(uri, purpose, user_id, row_id))
        return None

    def route(self, arguments: dict[str, Any]) -> str:
        """The address of a colleague's telephone or of a number; empty when it may not be called."""
        if "phone" in arguments:
            return str(arguments["phone"])
        try:
            return route(self._call.parts.settings, str(arguments["number"]))
        except NotAllowed:
            return ""

    @property
    def rings(self) -> bool:
        """Whether a telephone rings just now."""
        return self._task is not None

    def over(self) -> None:
        """`Dialled` was taken."""
        self._task = self._user_id = self._row_id = None

    async def stop(self) -> None:
        """Stop ringing; the colleague is free again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        user_id, self._user_id = self._user_id, None
        if user_id is not None:
            await self._ledger.released(user_id)
        row_id, self._row_id = self._row_id, None
        if row_id is not None:
            await self._ledger.settle(row_id, "cancelled")
        for left in self._call.ear.leftovers(Dialled):
            if left.leg is not None:  # answered in this very moment
                await left.leg.hang_up()
        self._call.ear.leftovers(Early)

    async def _ring(self, uri: str, purpose: str, user_id: int | None, row_id: int | None) -> None:
        leg, result = None, ""
        try:
            on_early = self._early if purpose in ("consult", "blind") else None
            leg = await self._call.parts.switchboard.dial(uri, _RING_S, self._call.leg.codec, on_early=on_early)
        except CallFailed as failed:
            result = "busy" if failed.status in _BUSY else "no_answer"
        except (ValueError, OSError) as error:  # no address, no such host, no port left
            log.warning("party_not_dialled", call=str(self._call.leg.id), reason=str(error))
            result = "failed"
        self._call.ear.put(Dialled(purpose, leg, user_id, result, row_id))

    def _early(self, leg: BridgeLeg) -> None:
        self._call.ear.put(Early(leg))
