"""Sound that comes when the network likes and is taken every 20 ms."""

from __future__ import annotations

from collections import deque

_READY = 2
"""Frames that must be there before the first is given (again): 20 to 40 ms against the jitter of one network."""
_MOST = 6
"""More than this and the oldest are dropped: two clocks drift, delay must not grow with the call."""


class LiveSource:
    """A small buffer between the page's clock and ours. `push` on the loop, `take` on the media thread; deques are safe for that."""

    def __init__(self) -> None:
        """Empty: gives nothing until two frames are there."""
        self._frames: deque[bytes] = deque()
        self._ready = False
        self.dropped = 0
        """Frames that came too many."""
        self.starved = 0
        """Times it ran empty."""

    def push(self, frame: bytes) -> None:
        """20 ms arrived."""
        self._frames.append(frame)
        while len(self._frames) > _MOST:
            self._frames.popleft()
            self.dropped += 1

    def take(self) -> bytes | None:
        """The next 20 ms; None while it fills up."""
        if not self._ready:
            self._ready = len(self._frames) >= _READY
        if not self._ready:
            return None
        try:
            return self._frames.popleft()
        except IndexError:
            self._ready = False
            self.starved += 1
            return None
