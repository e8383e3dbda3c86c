"""The few sounds that are no speech: the tone before a message, and what is heard while waiting."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache

from telephony.leg import RATE_HZ

_NOTES = (523.25, 659.25, 783.99, 659.25, 587.33, 698.46, 880.00, 698.46)
"""C major and its second, quietly: neutral, and free of anybody's rights."""
_NOTE_S = 0.75


def _tone(hertz: float, seconds: float, level: float) -> array[int]:
    """A sine that swells and fades, so that it does not click."""
    count = int(seconds * RATE_HZ)
    fade = RATE_HZ // 50
    return array(
        "h",
        (int(32767 * level * min(1.0, i / fade, (count - i) / fade) * math.sin(2 * math.pi * hertz * i / RATE_HZ)) for i in range(count)),
    )


@lru_cache(maxsize=1)
def beep() -> bytes:
    """Half a second at 1 kHz: speak after it."""
    return _tone(1000, 0.5, 0.25).tobytes()


@lru_cache(maxsize=1)
def music() -> bytes:
    """Twelve seconds of soft notes for those who wait."""
    phrase = b"".join(_tone(hertz, _NOTE_S, 0.08).tobytes() for hertz in _NOTES)
    return phrase * 2
