"""What the rest of the service sees of speech recognition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol

_CHUNK_S = 0.4
_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")


@dataclass(frozen=True)
class Heard:
    """A piece of what was said.

    A `partial` replaces the partial before it; a `final` never changes. Times are seconds since the session was opened.
    """

    kind: Literal["partial", "final"]
    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    """0 to 1, mean over the words; None for partials and when the model gives none."""


class TranscriptSession(Protocol):
    """The transcript of one stream of audio. Calls are made one after the other, never two at once."""

    async def accept(self, pcm16: bytes) -> list[Heard]:
        """Take the next audio; returns what is newly known. Never blocks the event loop."""
        ...

    async def finish(self) -> list[Heard]:
        """The audio is over: what was still open. Nothing can be accepted afterwards."""
        ...

    def close(self) -> None:
        """Give the recogniser back. Harmless when it is closed already."""
        ...


class Transcriber(Protocol):
    """A loaded speech model."""

    name: str
    """Which model writes the transcript; stored with every call."""

    def open(self, rate_hz: int) -> TranscriptSession:
        """Start a transcript. Raises `hotline.errors.Unavailable` when as many as allowed are open."""
        ...


class Samples:
    """Cuts what comes in any length into whole 16-bit samples."""

    def __init__(self) -> None:
        """Nothing is left over."""
        self._odd = b""

    def whole(self, pcm16: bytes) -> bytes:
        """What can be decoded now; half a sample is kept for the next time."""
        audio = self._odd + pcm16
        end = len(audio) // 2 * 2
        self._odd = audio[end:]
        return audio[:end]


def check_rate(rate_hz: int) -> None:
    """Raises ValueError for a rate at which nobody records speech."""
    if not 4_000 <= rate_hz <= 96_000:
        raise ValueError(f"no speech has {rate_hz} samples per second")


def tidy(text: str) -> str:
    """What Chinese models put between words is not part of the text: 今天 天气 -> 今天天气."""
    return _BETWEEN_CJK.sub("", text.replace("<unk>", " ").replace("[FIL]", " ").strip())


async def transcribe_pcm(transcriber: Transcriber, pcm16: bytes, rate_hz: int) -> str:
    """The text of a whole recording (a voice message): its sentences one after the other, empty when nothing was understood.

    Raises `hotline.errors.Unavailable` when as many transcripts as allowed are open.
    """
    session = transcriber.open(rate_hz)
    step = int(_CHUNK_S * rate_hz) * 2
    heard: list[Heard] = []
    try:
        for start in range(0, len(pcm16), step):
            heard += await session.accept(pcm16[start : start + step])
        heard += await session.finish()
    finally:
        session.close()
    return "，".join(h.text for h in heard if h.kind == "final" and h.text)
