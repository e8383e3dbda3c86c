"""The beat of the media clock: absolute deadlines, every 5 ms, counted from the first one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

BEAT_S = 0.005
_LATE_S = 0.010
_SUSPENDED_S = 0.5
"""Later than this the machine stood still: what was missed is not made up, or a burst would follow."""


@dataclass
class ClockCounters:
    """How well the clock keeps its deadlines."""

    ticks: int = 0
    late: int = 0
    """Deadlines missed by more than 10 ms."""
    worst_s: float = 0.0


class Metronome:
    """`wait` for the deadline, then `beat`. A late beat does not move the next one: beats that were missed follow without a pause."""

    def __init__(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        """`now`, `sleep`: the time, in seconds; a test brings its own."""
        self.now = now
        self.counters = ClockCounters()
        self._sleep = sleep
        self._deadline = now()

    def restart(self) -> None:
        """The next beat is due now: after a rest."""
        self._deadline = self.now()

    def wait(self) -> None:
        """Until the next beat is due."""
        self._sleep(max(0.0, self._deadline - self.now()))

    def beat(self) -> float:
        """Count this beat and set the next deadline; the time now."""
        now = self.now()
        lateness = now - self._deadline
        self.counters.ticks += 1
        self.counters.worst_s = max(self.counters.worst_s, lateness)
        self.counters.late += lateness > _LATE_S
        self._deadline = now if lateness > _SUSPENDED_S else self._deadline + BEAT_S
        return now
