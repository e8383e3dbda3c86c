"""The jitter buffer: packets come when the network likes, the call's time line takes 20 ms every 20 ms."""

from __future__ import annotations

from collections import deque

from telephony.leg import FRAME_BYTES
from telephony.media.codec import loudness
from telephony.media.conceal import Concealer

SILENT_FRAME = bytes(FRAME_BYTES)
_LEAST = 2
"""Frames that are collected before the first is given: 20 to 40 ms."""
_MOST = 8
"""The target never grows beyond 160 ms."""
_FULL = 50
"""A second; what comes beyond it after a stall is dropped from the front."""
_BRIDGED = 4
"""Frames that are made up before the stream counts as silent."""
_JITTER = 12
"""Sound that comes back within so many frames was late; after more it is a new stretch of speech."""
_WINDOW = 50
"""The buffer's lowest level is looked at over so many frames, a second."""
_CALM_WINDOWS = 10
"""After so many seconds without a gap the target shrinks again."""
_QUIET = 200
_NEVER = 1_000_000


class PlayoutBuffer:
    """Gives one frame at every `take`: sound, something that conceals a gap, or silence.

    The delay grows when packets come too late and shrinks when they have come in time for ten seconds, preferably in the
    pauses of speech. Late sound is delayed, not thrown away: the recogniser is to have it.
    """

    def __init__(self) -> None:
        """Empty."""
        self._frames: deque[bytes] = deque()
        self._concealer = Concealer()
        self._partial = b""
        self._target = _LEAST
        self._filling = True
        self._ran_dry = False
        self._pausing = False
        self._since_push = _NEVER
        self._taken = 0
        self._level = _FULL
        self._surplus = 0
        self._calm = 0
        self.underruns = 0
        """Times it ran dry while somebody spoke."""
        self.concealed = 0
        """Frames that were made up."""
        self.dropped = 0
        """Frames that were left out so that the delay shrinks."""

    @property
    def waiting(self) -> int:
        """Frames in it."""
        return len(self._frames)

    @property
    def dry(self) -> bool:
        """Whether the next `take` has nothing to give although it should."""
        return not self._frames and not self._filling

    def push(self, pcm16: bytes) -> list[bytes]:
        """Sound in its order, of any length; returns the whole frames that it made, for who wants them without delay."""
        return self._cut(self._partial + self._concealer.sound(pcm16))

    def pause(self) -> None:
        """The other side says that it is silent (comfort noise, a key press): nothing has to be made up."""
        self._pausing = True
        self._since_push = 0

    def lose(self, length: int) -> list[bytes]:
        """A packet of `length` bytes of sound is known to be lost: something that conceals it; as `push`."""
        self.concealed += 1
        return self._cut(self._partial + self._concealer.missing(length))

    def _cut(self, sound: bytes) -> list[bytes]:
        whole = len(sound) // FRAME_BYTES * FRAME_BYTES
        self._partial = sound[whole:]
        frames = [sound[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES)]
        if self._ran_dry and self._since_push < _JITTER:
            self._target = min(self._target + 1, _MOST)  # it was no pause of the speaker: the network is late
        self._ran_dry, self._pausing, self._since_push = False, False, 0
        self._frames.extend(frames)
        while len(self._frames) > _FULL:
            self._frames.popleft()
            self.dropped += 1
        return frames

    def take(self) -> bytes:
        """The next 20 ms of the time line."""
        self._shrink()
        self._since_push += 1
        # fewer than the target and no more came: the end of a stretch of speech
        if self._filling and self._frames and (len(self._frames) >= self._target or self._since_push > self._target):
            self._filling = False
        if self._filling:
            return SILENT_FRAME
        return self._frames.popleft() if self._frames else self._without()

    def _without(self) -> bytes:
        """Nothing is there although somebody spoke: conceal for a moment, then silence."""
        if self._pausing:
            self._filling = True
            return SILENT_FRAME
        if not self._ran_dry:
            self._ran_dry, self._calm = True, 0
            self.underruns += 1
        if self._since_push > _BRIDGED + self._target:
            self._filling = True
            return SILENT_FRAME
        self.concealed += 1
        return self._concealer.missing()

    def _shrink(self) -> None:
        """Give back delay that a whole second long was not needed, preferably in a pause of speech."""
        self._taken += 1
        if not self._filling:
            self._level = min(self._level, len(self._frames))
        if self._surplus and self._frames and (self._taken % 10 == 0 or loudness(self._frames[0]) < _QUIET):
            self._frames.popleft()
            self._surplus -= 1
            self.dropped += 1
        if self._taken % _WINDOW == 0:
            self._surplus = max(0, self._level - self._target) if self._level < _FULL else 0
            self._level = _FULL
            self._calm += 1
            if self._calm >= _CALM_WINDOWS:
                self._calm, self._target = 0, max(_LEAST, self._target - 1)
