"""From espeak-ng's 22,050 samples per second to the telephone's 8,000, without numpy.

A windowed-sinc low-pass at 3.4 kHz (the telephone band), then linear interpolation. Every tap is one C-speed pass of
`audioop` over the whole sound at 32 bits, so three seconds take a few milliseconds.
"""

from __future__ import annotations

import audioop
import math
from functools import lru_cache

TELEPHONE_HZ = 8000
_CUTOFF_HZ = 3400
_TAPS = 61
_LEVEL = 0.7
"""espeak-ng fills the whole scale; a telephone prompt leaves room."""
_WIDE = 4
"""Bytes per sample inside the filter, so that 61 roundings are not heard."""


@lru_cache(maxsize=4)
def _low_pass(rate_hz: int) -> tuple[float, ...]:
    middle, cut = _TAPS // 2, 2 * _CUTOFF_HZ / rate_hz
    taps = []
    for i in range(_TAPS):
        x = i - middle
        sinc = cut if x == 0 else math.sin(math.pi * cut * x) / (math.pi * x)
        taps.append(sinc * (0.54 + 0.46 * math.cos(math.pi * x / middle)))
    whole = sum(taps)
    return tuple(tap / whole for tap in taps)


def to_telephone(pcm16: bytes, rate_hz: int) -> bytes:
    """The same mono sound at 8 kHz, limited to the telephone band. Raises ValueError below 8 kHz."""
    if rate_hz < TELEPHONE_HZ:
        raise ValueError(f"{rate_hz} Hz is less than the telephone's rate")
    if not pcm16:
        return b""
    edge = bytes(_TAPS // 2 * _WIDE)
    wide = edge + audioop.mul(audioop.lin2lin(pcm16, 2, _WIDE), _WIDE, 0.5) + edge  # half: room for the filter's overshoot
    length = len(pcm16) // 2 * _WIDE
    filtered = bytes(length)
    for i, tap in enumerate(_low_pass(rate_hz)):
        filtered = audioop.add(filtered, audioop.mul(wide[i * _WIDE : i * _WIDE + length], _WIDE, tap), _WIDE)
    slow, _state = audioop.ratecv(filtered, _WIDE, 1, rate_hz, TELEPHONE_HZ, None)
    return audioop.lin2lin(audioop.mul(slow, _WIDE, 2 * _LEVEL), _WIDE, 2)
