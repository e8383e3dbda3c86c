"""Provisional answers that are repeated until the caller's PRACK (RFC 3262), for callers that want them so."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable

from telephony.sip.agent import Header, SipAgent
from telephony.sip.message import Request
from telephony.sip.transaction import Repeater, ServerTransaction

_RACK = re.compile(r"(\d{1,10})\s+(\d{1,10})\s+INVITE$")


class Provisional:
    """The 18x answers to one INVITE: reliable where the caller requires it, or supports it and there is sound to describe."""

    def __init__(self, agent: SipAgent, transaction: ServerTransaction, tag: str, on_give_up: Callable[[], None]) -> None:
        """`tag`: our dialog tag. `on_give_up`: the caller has not acknowledged one for 64 T1."""
        self._agent = agent
        self._transaction = transaction
        self._tag = tag
        self._on_give_up = on_give_up
        self._number = secrets.randbits(30) + 1
        self._open: int | None = None
        self._waiting: deque[tuple[int, tuple[Header, ...], bytes]] = deque()
        self._repeater: Repeater | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    def send(self, status: int, headers: tuple[Header, ...] = (), body: bytes = b"") -> None:
        """Send it, after those before it are acknowledged."""
        invite = self._transaction.request
        if not (invite.requires("100rel") or (body and invite.supports("100rel"))):
            self._agent.respond(self._transaction, status, tag=self._tag, headers=headers, body=body)
            return
        self._waiting.append((status, headers, body))
        self._settled.clear()
        if self._open is None:
            self._next()

    def _next(self) -> None:
        status, headers, body = self._waiting.popleft()
        self._open = self._number
        self._number += 1
        headers = (*headers, ("Require", "100rel"), ("RSeq", str(self._open)))

        def again() -> None:
            self._agent.respond(self._transaction, status, tag=self._tag, headers=headers, body=body)

        self._repeater = Repeater(again, self._agent.timers, self._give_up, None)

    def acknowledge(self, prack: Request) -> bool:
        """Whether this PRACK is for the one that is open."""
        match = _RACK.match(prack.get("rack") or "")
        if self._open is None or not match or (int(match[1]), int(match[2])) != (self._open, self._transaction.request.cseq):
            return False
        self._quiet()
        if self._waiting:
            self._next()
        else:
            self._settled.set()
        return True

    async def settled(self) -> None:
        """Until all are acknowledged, or the call was given up: a 200 before that would cross the PRACK (RFC 3262 3)."""
        await self._settled.wait()

    def stop(self) -> None:
        """The INVITE has its final answer."""
        self._quiet()
        self._waiting.clear()
        self._settled.set()

    def _quiet(self) -> None:
        self._open = None
        if self._repeater is not None:
            self._repeater.stop()
            self._repeater = None

    def _give_up(self) -> None:
        self.stop()
        self._on_give_up()
