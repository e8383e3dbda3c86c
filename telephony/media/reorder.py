"""Puts packets back into their order and says which were lost."""

from __future__ import annotations

_MAX_DROPOUT = 3000
"""A forward jump beyond this is a new stream, not loss (RFC 3550 A.1)."""
_MAX_MISORDER = 100
"""A packet further behind than this is a new stream too."""


class ReorderBuffer:
    """Waits for up to `depth` packets when one is missing, then gives it up.

    `push` and `release` return what can be delivered now, in order; None stands for a lost packet.
    """

    def __init__(self, depth: int = 3, *, longest_gap: int = 25) -> None:
        """`longest_gap`: at most so many None are returned for one hole, however long it was."""
        self._depth = depth
        self._longest_gap = longest_gap
        self._expected: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._jumped_to: int | None = None
        self.lost = 0
        self.late = 0
        self.reordered = 0

    @property
    def waiting(self) -> bool:
        """Whether packets are held back because one before them is missing."""
        return bool(self._waiting)

    def reset(self) -> None:
        """Forget the order: the next packet begins a new stream."""
        self._expected = None
        self._waiting.clear()
        self._jumped_to = None

    def push(self, sequence: int, payload: bytes) -> list[bytes | None]:
        """A packet came."""
        if self._expected is None:
            self._expected = sequence
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead == 0:
            self._jumped_to = None
            self._expected = (sequence + 1) & 0xFFFF
            return [payload, *self._ready()]
        if ahead < _MAX_DROPOUT:
            self._jumped_to = None
            if sequence not in self._waiting:
                self._waiting[sequence] = payload
                self.reordered += 1
            return self.release() if len(self._waiting) >= self._depth else []
        if ahead >= 0x10000 - _MAX_MISORDER:
            self.late += 1
            return []
        return self._jump(sequence, payload)

    def release(self) -> list[bytes | None]:
        """Give up on what is missing before the packets held back, and return those."""
        ready: list[bytes | None] = []
        while self._waiting and self._expected is not None:
            expected = self._expected
            following = min(self._waiting, key=lambda number: (number - expected) & 0xFFFF)
            gap = (following - expected) & 0xFFFF
            self.lost += gap
            ready.extend([None] * min(gap, self._longest_gap))
            self._expected = following
            ready.extend(self._ready())
            if len(self._waiting) < self._depth:
                break
        return ready

    def _ready(self) -> list[bytes | None]:
        ready: list[bytes | None] = []
        while self._expected is not None and self._expected in self._waiting:
            ready.append(self._waiting.pop(self._expected))
            self._expected = (self._expected + 1) & 0xFFFF
        return ready

    def _jump(self, sequence: int, payload: bytes) -> list[bytes | None]:
        """Two packets in a row far away begin a new count; a single one is a stray."""
        if self._jumped_to == sequence:
            self.reset()
            self._expected = (sequence + 1) & 0xFFFF
            return [payload]
        self._jumped_to = (sequence + 1) & 0xFFFF
        self.late += 1
        return []
