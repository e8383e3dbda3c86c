"""The few sounds that are no speech: the tone before a message, ringing, and what is heard while waiting. All made here."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache

from telephony.leg import RATE_HZ

_NOTES = (261.63, 329.63, 392.00, 493.88, 440.00, 392.00, 349.23, 329.63, 293.66, 349.23, 440.00, 523.25, 493.88, 392.00, 329.63, 293.66)
"""C major, slowly up and down: neutral, and free of anybody's rights."""
_NOTE_S = 0.9
_LEVEL = 0.06
"""Music lies well below a voice: who waits also speaks, and is heard."""


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
def ringing() -> bytes:
    """回铃音: 450 Hz, one second, then four of silence (GB/T 3380)."""
    return _tone(450, 1.0, 0.1).tobytes() + bytes(4 * RATE_HZ * 2)


@lru_cache(maxsize=1)
def busy() -> bytes:
    """忙音: 450 Hz, 0.35 s on and off (GB/T 3380)."""
    return _tone(450, 0.35, 0.1).tobytes() + bytes(int(0.35 * RATE_HZ) * 2)


@lru_cache(maxsize=1)
def music() -> bytes:
    """A quarter of a minute of soft notes, each ringing on into the next, like a slow glockenspiel; its end fits its beginning.

    Takes 0.2 s of a core, once: the process has it made in a thread before the first call.
    """
    step, ring = int(_NOTE_S * RATE_HZ), int(2.4 * RATE_HZ)
    length = step * len(_NOTES)
    sound = [0.0] * length
    decay, swell = math.exp(-3.0 / ring), RATE_HZ // 100
    for number, hertz in enumerate(_NOTES):
        turn, level = 2 * math.pi * hertz / RATE_HZ, _LEVEL
        for i in range(ring):
            tone = math.sin(turn * i) + 0.3 * math.sin(2 * turn * i)
            sound[(number * step + i) % length] += level * tone * min(1.0, i / swell)
            level *= decay
    return array("h", (int(32767 * max(-0.9, min(0.9, value))) for value in sound)).tobytes()
