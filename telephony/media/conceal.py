"""Concealing lost sound: the last pitch period goes on, fading, until the sound is back (the idea of G.711 Appendix I).

`audioop` does the arithmetic in C; it costs something only where a packet is missing.
"""

from __future__ import annotations

import audioop

from telephony.leg import FRAME_BYTES

_SHORTEST, _LONGEST = 40, 240
"""Pitch periods that are looked for, in bytes of PCM16: 2.5 to 15 ms, 400 down to 66 Hz."""
_TEMPLATE = 160
"""The last 10 ms: what went before is searched for them."""
_KEPT = _LONGEST + _TEMPLATE
_FADE = (1.0, 0.75, 0.5, 0.2)
"""How loud each concealed 20 ms are; after 80 ms nothing is made up any more."""
_SEAM = 80
"""5 ms in which the real sound takes over from what was made up."""
_STEPS = 8


class Concealer:
    """Knows the last sound of one stream."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self._history = b""
        self._period = b""
        self._position = 0
        self._made = 0

    def sound(self, pcm16: bytes) -> bytes:
        """Real sound came; returns it, joined smoothly to what was made up before it."""
        if self._made:
            pcm16 = self._join(pcm16)
            self._made, self._period = 0, b""
        self._history = (self._history + pcm16)[-_KEPT:]
        return pcm16

    def missing(self, length: int = FRAME_BYTES) -> bytes:
        """So many bytes that stand in for what is missing."""
        loud = self._loudness()
        self._made += length
        if not loud or not any(self._history):
            return bytes(length)
        if not self._period:
            self._period, self._position = self._find_period(), 0
        return audioop.mul(self._next(length), 2, loud)

    def _loudness(self) -> float:
        """Of what is made up now."""
        number = self._made // FRAME_BYTES
        return _FADE[number] if number < len(_FADE) else 0.0

    def _find_period(self) -> bytes:
        """The stretch at the end whose repetition goes on best."""
        history = self._history
        if len(history) < _KEPT:
            return history
        template = history[-_TEMPLATE:]
        offset, _factor = audioop.findfit(history[:-_SHORTEST], template)
        return history[offset * 2 + _TEMPLATE :]

    def _next(self, length: int) -> bytes:
        out = bytearray()
        while len(out) < length:
            piece = self._period[self._position : self._position + length - len(out)]
            out += piece
            self._position = (self._position + len(piece)) % len(self._period)
        return bytes(out)

    def _join(self, pcm16: bytes) -> bytes:
        loud = self._loudness()
        if not loud or not self._period or len(pcm16) < _SEAM:
            return pcm16
        made = audioop.mul(self._next(_SEAM), 2, loud)
        step = _SEAM // _STEPS
        seam = bytearray()
        for number in range(_STEPS):
            share = (number + 1) / (_STEPS + 1)
            part = slice(number * step, (number + 1) * step)
            seam += audioop.add(audioop.mul(pcm16[part], 2, share), audioop.mul(made[part], 2, 1 - share), 2)
        return bytes(seam) + pcm16[_SEAM:]
