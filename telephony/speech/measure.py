"""How fast and how well a model hears: for `hotline models bench`."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from telephony.speech.engine import Engine

_RATE_HZ = 8000
_PIECE = _RATE_HZ // 10 * 2
"""100 ms, as in a call."""


@dataclass(frozen=True)
class Sample:
    """A recording whose words are known (or not: then only the speed is measured)."""

    name: str
    pcm16: bytes
    text: str | None


@dataclass(frozen=True)
class Measured:
    """One sample."""

    name: str
    seconds: float
    cpu_s: float
    """Processor time, so that what else the machine does counts for nothing."""
    wall_s: float
    heard: str
    errors: int | None
    """Characters to insert, delete or replace; None without a transcript."""
    characters: int
    first_partial_s: float | None
    """Seconds of sound before the first partial result."""


@dataclass(frozen=True)
class Summary:
    """All samples together."""

    real_time_factor: float
    """Processor seconds for each second of sound."""
    streams_per_cpu: float
    character_error_rate: float | None


def measure(engine: Engine, samples: Iterable[Sample]) -> list[Measured]:
    """Decode one after the other as a call would, in this thread."""
    return [_one(engine, sample) for sample in samples]


def _one(engine: Engine, sample: Sample) -> Measured:
    recogniser = engine.recogniser(_RATE_HZ)
    pcm16 = sample.pcm16 + bytes(_RATE_HZ * 2)
    heard, first = [], None
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(pcm16), _PIECE):
        found = recogniser.accept(pcm16[start : start + _PIECE])
        if found and first is None:
            first = (start + _PIECE) / 2 / _RATE_HZ
        heard += [one.text for one in found if one.kind == "final"]
    heard += [one.text for one in recogniser.finish() if one.kind == "final"]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    text = "".join(heard)
    wanted = plain(sample.text) if sample.text is not None else ""
    errors = distance(wanted, plain(text)) if sample.text is not None else None
    return Measured(sample.name, len(pcm16) / 2 / _RATE_HZ, cpu, wall, text, errors, len(wanted), first)


def summary(measured: Sequence[Measured]) -> Summary:
    """Raises ValueError without a sample."""
    seconds = sum(one.seconds for one in measured)
    if not seconds:
        raise ValueError("nothing was measured")
    factor = sum(one.cpu_s for one in measured) / seconds
    judged = [one for one in measured if one.errors is not None]
    characters = sum(one.characters for one in judged)
    errors = sum(one.errors or 0 for one in judged)
    return Summary(factor, 1 / factor if factor else float("inf"), errors / characters if characters else None)


def plain(text: str) -> str:
    """Letters, digits and characters only, in one width and case: punctuation is not heard."""
    return "".join(one for one in unicodedata.normalize("NFKC", text).casefold() if one.isalnum())


def distance(wanted: str, heard: str) -> int:
    """The fewest characters to insert, delete or replace (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, one in enumerate(wanted, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (one != other))
    return row[-1]
