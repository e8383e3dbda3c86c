"""Audio on its way to the other side."""

from __future__ import annotations

import asyncio
from collections import deque

from telephony.leg import FRAME_BYTES
from telephony.media.inbox import LoopInbox


class QueuedPlayback:
    """Implements `telephony.leg.Playback`. Made and awaited on the loop, consumed by the media thread."""

    def __init__(self, pcm16: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """`pcm16`: what to play; an odd last byte is dropped."""
        self._pcm = pcm16[: len(pcm16) // 2 * 2]
        self._position = 0
        self._over: asyncio.Future[bool] = loop.create_future()
        self.stopped = False

    async def wait(self) -> bool:
        """True: played to the end; False: stopped, or the call ended."""
        return await asyncio.shield(self._over)

    def stop(self) -> None:
        """Cut it off now."""
        self.stopped = True
        self.finish(False)

    def finish(self, to_the_end: bool) -> None:
        """Mark it as over (loop thread)."""
        if not self._over.done():
            self._over.set_result(to_the_end)

    def take(self, length: int) -> bytes:
        """The next `length` bytes, fewer at the end (media thread)."""
        piece = self._pcm[self._position : self._position + length]
        self._position += len(piece)
        return piece

    @property
    def exhausted(self) -> bool:
        """Whether everything was taken (media thread)."""
        return self.stopped or self._position >= len(self._pcm)


class PlayQueue:
    """Playbacks one after the other, without a gap between them."""

    def __init__(self, inbox: LoopInbox) -> None:
        """`inbox` tells the loop when one is over."""
        self._inbox = inbox
        self._items: deque[QueuedPlayback] = deque()

    def add(self, playback: QueuedPlayback) -> None:
        """Queue it (loop thread)."""
        self._items.append(playback)

    def next_frame(self) -> bytes | None:
        """The next 20 ms, filled up with silence at the end; None when there is nothing to play (media thread)."""
        frame = b""
        while self._items and len(frame) < FRAME_BYTES:
            head = self._items[0]
            if not head.stopped:
                frame += head.take(FRAME_BYTES - len(frame))
            if head.exhausted:
                self._items.popleft()
                self._inbox.post(head.finish, not head.stopped)
        return frame.ljust(FRAME_BYTES, b"\0") if frame else None

    def stop_all(self) -> None:
        """The call is over (loop thread). Only the media thread takes items out, so they are just marked."""
        for playback in list(self._items):
            playback.stop()
