"""How irregularly packets come (RFC 3550 section 6.4.1)."""

from __future__ import annotations

_RATE_HZ = 8000
_JUMP_S = 1.0
"""A difference beyond this is a jump of the sender's clock, not jitter."""


class Jitter:
    """The smoothed difference between the packets' times of arrival and their time stamps."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._transit: float | None = None
        self._value_s = 0.0

    @property
    def milliseconds(self) -> float:
        """The jitter now."""
        return self._value_s * 1000

    def reset(self) -> None:
        """A new stream: its time stamps have nothing to do with the old ones."""
        self._transit = None

    def packet(self, timestamp: int, now: float) -> None:
        """A packet came; `now` in seconds of any monotonic clock."""
        transit = now - timestamp / _RATE_HZ
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < _JUMP_S:
                self._value_s += (difference - self._value_s) / 16
        self._transit = transit
