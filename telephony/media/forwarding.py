"""Frames of a source that has a clock of its own (a browser's page): they go out as they come, not at the next tick."""

from __future__ import annotations

from collections import deque

from telephony.media.playout import SILENT_FRAME

_MOST = 8
"""Frames that may wait for the media thread: what is older than 160 ms is of no use in a talk."""
_PER_S = 55.0
"""A source whose clock is right sends 50 frames a second. One that sends without end must not fill the wire."""
_PAUSE_S = 0.1
"""So long without a frame and the call's own clock sends again."""


class Forwarding:
    """What waits, and how much of it may go."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._waiting: deque[bytes] = deque(maxlen=_MOST)
        self._allowed = float(_MOST)
        self._looked_at = 0.0
        self._sent_at = 0.0
        self.last = SILENT_FRAME
        """What the other side heard last."""

    def add(self, pcm16: bytes) -> None:
        """One frame came (loop thread)."""
        self._waiting.append(pcm16)

    def goes_on(self, now: float) -> bool:
        """Whether frames come: then nothing else is sent (media thread)."""
        return now - self._sent_at < _PAUSE_S

    def take(self, now: float) -> list[bytes]:
        """What is to be sent now; what is too much is dropped (media thread)."""
        self._allowed = min(_MOST, self._allowed + (now - self._looked_at) * _PER_S)
        self._looked_at = now
        frames = []
        while self._waiting:
            frame = self._waiting.popleft()
            if self._allowed >= 1:
                self._allowed -= 1
                frames.append(frame)
        if frames:
            self.last, self._sent_at = frames[-1], now
        return frames
