"""The two codecs of the telephone network, G.711 A-law (PCMA, China and Europe) and mu-law (PCMU)."""

from __future__ import annotations

import audioop
from collections.abc import Callable
from dataclasses import dataclass

SAMPLES_PER_FRAME = 160
"""20 ms at 8 kHz; in G.711 a sample is a byte."""


@dataclass(frozen=True)
class Codec:
    """How 16-bit samples become bytes on the line and back."""

    name: str
    static_payload_type: int
    """Its number in RFC 3551, used when the other side gives it no other."""
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    silence: bytes
    """One frame of silence."""


PCMU = Codec("PCMU", 0, lambda pcm: audioop.lin2ulaw(pcm, 2), lambda law: audioop.ulaw2lin(law, 2), b"\xff" * SAMPLES_PER_FRAME)
PCMA = Codec("PCMA", 8, lambda pcm: audioop.lin2alaw(pcm, 2), lambda law: audioop.alaw2lin(law, 2), b"\xd5" * SAMPLES_PER_FRAME)

CODECS: dict[str, Codec] = {codec.name: codec for codec in (PCMU, PCMA)}


def preferring(name: str) -> tuple[str, ...]:
    """The names of all codecs, this one first: for an offer to a leg that will be bridged with one that speaks it."""
    return tuple(sorted(CODECS, key=lambda known: known != name))


def interleave(left: bytes, right: bytes) -> bytes:
    """One stereo frame out of two mono frames of the same length."""
    return audioop.add(audioop.tostereo(left, 2, 1, 0), audioop.tostereo(right, 2, 0, 1), 2)


def loudness(pcm16: bytes) -> int:
    """Root mean square of the samples, 0 to 32767."""
    return audioop.rms(pcm16, 2)
