"""Session timers (RFC 4028): one side refreshes the call from time to time, so that a dead call is noticed without media."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from telephony.sip.message import Message, Request, Response

Header = tuple[str, str]

LEAST_S = 90
"""The RFC's smallest interval; shorter ones are refused with 422."""
LEAST: Header = ("Min-SE", str(LEAST_S))
USUAL_S = 1800
"""What we ask for, and what the RFC recommends."""
_EXPIRES = re.compile(r"(\d{1,9})\s*(?:;.*?refresher\s*=\s*(uac|uas)\b)?", re.IGNORECASE)


class TooShort(Exception):
    """The other side wants refreshes more often than `LEAST_S` (SIP 422)."""


@dataclass(frozen=True)
class Interval:
    """What both sides agreed on."""

    seconds: int
    ours: bool
    """Whether it is us who refresh."""
    required: bool = False
    """Whether the other side can be held to it (it knows timers)."""

    def request_header(self) -> Header:
        """Session-Expires in a request of ours."""
        return "Session-Expires", f"{self.seconds};refresher={'uac' if self.ours else 'uas'}"


def offer(seconds: int = USUAL_S) -> list[Header]:
    """What we put into an INVITE that opens a call: we leave open who refreshes. More than usual: what a 422 has asked for."""
    return [("Session-Expires", str(seconds)), LEAST if seconds <= USUAL_S else ("Min-SE", str(seconds))]


def answer_headers(interval: Interval | None) -> list[Header]:
    """What our 2xx says about it."""
    if interval is None:
        return []
    expires = ("Session-Expires", f"{interval.seconds};refresher={'uas' if interval.ours else 'uac'}")
    return [expires, ("Require", "timer")] if interval.required and not interval.ours else [expires]


def from_request(request: Request) -> Interval | None:
    """What we answer to a request of theirs; None: no timer. Raises `TooShort`."""
    asked = _read(request)
    knows = request.supports("timer")
    least = max(LEAST_S, _number(request.get("min-se")))
    if asked is None:
        return Interval(max(USUAL_S, least), ours=False, required=True) if knows else None
    seconds, refresher = asked
    if seconds < LEAST_S:
        if knows:
            raise TooShort
        seconds = least  # a proxy asks; its caller could do nothing with a 422
    return Interval(seconds, ours=not knows or refresher == "uas", required=knows)


def from_response(response: Response) -> Interval | None:
    """What the other side's answer to our request says; None: it does not want a timer."""
    answered = _read(response)
    return Interval(max(answered[0], LEAST_S), ours=answered[1] != "uas", required=True) if answered else None


def longer(response: Response) -> int | None:
    """What a 422 asks for; None when it does not say, or wants more than a day."""
    least = _number(response.get("min-se"))
    return least if LEAST_S <= least <= 86400 else None


def _read(message: Message) -> tuple[int, str | None] | None:
    match = _EXPIRES.match(message.get("session-expires") or "")
    return (int(match[1]), match[2].lower() if match[2] else None) if match else None


def _number(value: str | None) -> int:
    text = (value or "").partition(";")[0].strip()
    return int(text) if text.isdigit() and len(text) < 10 else 0


class SessionTimer:
    """Refreshes when that is ours to do, and gives the call up when it was theirs and they did not."""

    def __init__(self, refresh: Callable[[], None], expired: Callable[[], None]) -> None:
        """Both are called on the loop."""
        self.interval: Interval | None = None
        self._refresh = refresh
        self._expired = expired
        self._timers: list[asyncio.TimerHandle] = []

    def run(self, interval: Interval | None) -> None:
        """From now on; None: without a timer. Every refresh of either side begins it anew."""
        self.stop()
        self.interval = interval
        if interval is None:
            return
        loop = asyncio.get_running_loop()
        if interval.ours:
            self._timers.append(loop.call_later(interval.seconds / 2, self._refresh))
            self._timers.append(loop.call_later(interval.seconds, self._expired))
        else:  # the other side may be a little late, the end must come before theirs (RFC 4028 10)
            self._timers.append(loop.call_later(interval.seconds - min(32, interval.seconds / 3), self._expired))

    def stop(self) -> None:
        """The call is over."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
