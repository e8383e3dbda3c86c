"""Where speech begins and ends, by loudness alone. For the test client; the hotline itself has a recogniser for that."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.leg import FRAME_MS
from telephony.media.codec import loudness

_LOUD = 300
"""Root mean square above which a frame counts as speech; line noise and comfort silence are far below."""
_LOUD_FRAMES = 3
"""A click is no speech: so many loud frames must follow each other."""


@dataclass
class Utterance:
    """Something that was said without a long pause. Times are seconds since the stream began."""

    pcm16: bytes
    start_s: float
    end_s: float
    text: str | None = None
    """What was understood; None when nobody tried."""


class EndPointer:
    """Cuts a stream of frames into utterances."""

    def __init__(self, silence_s: float = 1.2, lead_s: float = 0.3) -> None:
        """An utterance ends after `silence_s` of silence; `lead_s` before its first loud frame belong to it."""
        self._silence_frames = round(silence_s * 1000 / FRAME_MS)
        self._lead_frames = round(lead_s * 1000 / FRAME_MS)
        self._frames: list[bytes] = []
        self._count = 0
        self._loud = 0
        self._quiet = 0
        self._began: int | None = None

    @property
    def speaking(self) -> bool:
        """Whether an utterance is going on (its closing silence included)."""
        return self._began is not None

    @property
    def seconds(self) -> float:
        """Length of the stream so far."""
        return self._count * FRAME_MS / 1000

    def push(self, frame: bytes) -> Utterance | None:
        """The next 20 ms; the utterance when it has just ended."""
        self._count += 1
        self._frames.append(frame)
        if loudness(frame) > _LOUD:
            self._loud += 1
            self._quiet = 0
        else:
            self._loud = 0
            self._quiet += 1
        if self._began is None:
            if self._loud < _LOUD_FRAMES:
                del self._frames[: -self._lead_frames]
                return None
            self._began = self._count - len(self._frames)
        return self.finish() if self._quiet >= self._silence_frames else None

    def finish(self) -> Utterance | None:
        """The stream is over, or the silence long enough: what was going on."""
        if self._began is None:
            return None
        spoken = self._frames[: len(self._frames) - self._quiet] if self._quiet else self._frames
        start = self._began * FRAME_MS / 1000
        utterance = Utterance(b"".join(spoken), start, start + len(spoken) * FRAME_MS / 1000)
        self._began = None
        self._frames.clear()
        return utterance
