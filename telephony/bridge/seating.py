"""Who hears whom in each situation of a call with an agent: one pure function, so that it can be read and tested as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")


class Mode(StrEnum):
    """What the agent does with the citizen."""

    TALKING = "talking"
    HELD = "held"
    """the citizen hears music"""
    DIALLING = "dialling"
    """somebody else is rung: the citizen hears music, the agent the ringing tone"""
    CONSULTING = "consulting"
    """the agent speaks with the third party, the citizen hears music"""
    CONFERENCE = "conference"
    """三方通话"""
    TRANSFERRED = "transferred"
    """the citizen and the third party, without the agent"""


class Ear(StrEnum):
    """What a supervisor does."""

    LISTENING = "listening"
    """监听: is heard by nobody"""
    WHISPERING = "whispering"
    """耳语: is heard by the agent only"""


@dataclass(frozen=True)
class Seats(Generic[T]):
    """The parties that are there; a missing one is None."""

    citizen: T
    agent: T | None = None
    third: T | None = None
    supervisor: T | None = None


def hears(seats: Seats[T], mode: Mode, ear: Ear, music: S, ringing: S) -> Mapping[T, tuple[T | S, ...]]:
    """For each party what it hears. The citizen never hears the supervisor, and on hold hears only music."""
    citizen, agent, third, supervisor = seats.citizen, seats.agent, seats.third, seats.supervisor
    found: dict[T, tuple[T | S | None, ...]] = {citizen: (music,)}
    whisper = supervisor if ear is Ear.WHISPERING else None
    if agent is not None:
        found[agent] = {
            Mode.TALKING: (citizen, whisper),
            Mode.HELD: (whisper,),
            Mode.DIALLING: (ringing, whisper),
            Mode.CONSULTING: (third, whisper),
            Mode.CONFERENCE: (citizen, third, whisper),
            Mode.TRANSFERRED: (),
        }[mode]
    if mode is Mode.TALKING:
        found[citizen] = (agent,)
    elif mode is Mode.CONFERENCE:
        found[citizen] = (agent, third)
    elif mode is Mode.TRANSFERRED:
        found[citizen] = (third,) if third is not None else (ringing,)
    if third is not None:
        speaks_with = {Mode.CONSULTING: (agent,), Mode.CONFERENCE: (citizen, agent), Mode.TRANSFERRED: (citizen,)}
        found[third] = speaks_with.get(mode, ())
    if supervisor is not None:
        held = mode in (Mode.HELD, Mode.DIALLING, Mode.CONSULTING)
        found[supervisor] = (agent, third if mode is not Mode.DIALLING else None, None if held else citizen)
    return {who: tuple(other for other in others if other is not None) for who, others in found.items()}
