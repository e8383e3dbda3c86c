"""When an agent's voice was on a call's recording: what the citizen heard besides is our music, ringing tone and prompts.

Read from the events of the call (`ticketing.conversation.calls`, telephony.bridge.ledger), so that nobody transcribes music on hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Event
from ticketing.conversation.models import Call

_NAMES = ("call.taken", "call.standing", "call.transferred", "call.agent_lost")
_MUSIC = frozenset({"held", "dialling", "consulting"})
"""Modes (`telephony.bridge.seating.Mode`) in which the citizen hears music."""


@dataclass(frozen=True)
class Span:
    """A part of the recording, seconds from its beginning."""

    from_s: float
    until_s: float | None
    """None: to the end."""


@dataclass(frozen=True)
class Happened:
    """An event of a call, as far as it matters here."""

    at_s: float
    name: str
    mode: str = ""


def spans(events: Iterable[Happened]) -> tuple[Span, ...]:
    """The parts in which an agent, or whom the citizen was transferred to, was heard. A pure function."""
    found: list[Span] = []
    began: float | None = None
    handed_over = False
    for event in events:
        speaks, handed_over = _after(event, handed_over)
        if speaks and began is None:
            began = event.at_s
        elif not speaks and began is not None:
            found.append(Span(began, event.at_s))
            began = None
    if began is not None:
        found.append(Span(began, None))
    return tuple(span for span in found if span.until_s is None or span.until_s > span.from_s)


def _after(event: Happened, handed_over: bool) -> tuple[bool, bool]:
    """Whether somebody speaks with the citizen from here on, and whether a number outside has the citizen."""
    match event.name:
        case "call.agent_lost":
            return False, False
        case "call.transferred":
            return True, True
        case "call.standing" if event.mode == "transferred":
            return handed_over, handed_over  # blind: the far end still rings
        case "call.standing":
            return event.mode not in _MUSIC, False
        case _:
            return True, handed_over


async def agent_spans(session: AsyncSession, call: Call) -> tuple[Span, ...]:
    """Of this call; empty when no agent spoke."""
    began = call.answered_at or call.started_at
    mine = select(Event.at, Event.name, Event.data).where(Event.subject == "call", Event.subject_id == str(call.id), Event.name.in_(_NAMES))
    rows = await session.execute(mine.order_by(Event.id))
    return spans(Happened(_seconds(began, row.at), row.name, row.data.get("mode", "")) for row in rows)


def _seconds(began: datetime, at: datetime) -> float:
    return round(max(0.0, (at - began).total_seconds()), 2)


__all__ = ["Happened", "Span", "agent_spans", "spans"]
