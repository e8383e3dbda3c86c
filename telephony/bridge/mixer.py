"""Who hears whom: frames from party to party, mixed where several speak.

`Port.frame` and `Port.next_frame` run on the media thread, everything else on the loop. They meet in tuples that are replaced as
a whole and in deques, both of which are safe for one writer and one reader.
"""

from __future__ import annotations

import audioop
from collections import deque
from collections.abc import Callable, Collection, Mapping

from telephony.bridge.agent_leg import BridgeLeg
from telephony.leg import FRAME_BYTES

Source = Callable[[], bytes | None]
"""A sound that no party makes: music, a ringing tone."""
_MOST = 3
"""Frames that may wait (60 ms): two clocks drift, delay must not grow with the call."""
_LOOK = 100
"""Ticks (2 s) after which a buffer that was never empty gives one frame away."""


class Stream:
    """One party's sound on its way to another one: as short as the network's jitter allows."""

    def __init__(self) -> None:
        """Empty."""
        self._frames: deque[bytes] = deque()
        self._ticks = 0
        self._lowest = _MOST
        self.dropped = 0
        self.starved = 0

    def push(self, frame: bytes) -> None:
        """20 ms arrived."""
        self._frames.append(frame)
        if len(self._frames) > _MOST:
            self._frames.popleft()
            self.dropped += 1

    def pop(self) -> bytes | None:
        """The next 20 ms. A buffer in which a frame was always left over is made shorter: that frame was only delay."""
        waiting = len(self._frames)
        self._lowest = min(self._lowest, waiting)
        self._ticks += 1
        if self._ticks >= _LOOK:
            if self._lowest > 1:
                self._take()
                self.dropped += 1
            self._ticks, self._lowest = 0, _MOST
        return self._take()

    def _take(self) -> bytes | None:
        try:
            return self._frames.popleft()
        except IndexError:
            self.starved += 1
            return None


class Port:
    """One party of a bridge."""

    def __init__(self, leg: BridgeLeg) -> None:
        """Connected to nobody."""
        self.leg = leg
        self._to: tuple[Stream, ...] = ()
        self._from: tuple[Source, ...] = ()

    def frame(self, pcm16: bytes) -> None:
        """The party said this."""
        for stream in self._to:
            stream.push(pcm16)

    def next_frame(self) -> bytes | None:
        """What the party hears next; one voice goes through untouched."""
        mixed: bytes | None = None
        for source in self._from:
            frame = source()
            if frame is None:
                continue
            mixed = frame if mixed is None else audioop.add(mixed, frame, 2)  # saturates instead of wrapping round
        return mixed

    def connect(self, to: tuple[Stream, ...], sources: tuple[Source, ...]) -> None:
        """From now on these hear it, and it hears those."""
        self._to, self._from = to, sources


class Bridge:
    """The parties of one conversation."""

    def __init__(self) -> None:
        """Nobody is there."""
        self._ports: list[Port] = []
        self._streams: dict[tuple[Port, Port], Stream] = {}

    @property
    def ports(self) -> tuple[Port, ...]:
        """Who is there."""
        return tuple(self._ports)

    def join(self, leg: BridgeLeg) -> Port:
        """Take a leg in; it hears nothing before `patch`."""
        port = Port(leg)
        self._ports.append(port)
        leg.feed(port.next_frame)
        leg.relay(port.frame)
        return port

    def leave(self, port: Port) -> None:
        """Let a leg go; it goes on living, in silence."""
        if port not in self._ports:
            return
        self._ports.remove(port)
        port.leg.relay(None)
        port.leg.feed(None)
        port.connect((), ())
        self._streams = {pair: stream for pair, stream in self._streams.items() if port not in pair}

    def patch(self, hears: Mapping[Port, Collection[Port | Source]]) -> None:
        """Who hears whom (or which sound) from now on; who is not named hears nothing. Streams that stay are not interrupted."""
        wanted = {(source, listener) for listener, sources in hears.items() for source in sources if isinstance(source, Port)}
        self._streams = {pair: self._streams.get(pair) or Stream() for pair in wanted}
        for port in self._ports:
            to = tuple(stream for (source, _listener), stream in self._streams.items() if source is port)
            sounds = tuple(source for source in hears.get(port, ()) if not isinstance(source, Port))
            voices = tuple(stream.pop for (_source, listener), stream in self._streams.items() if listener is port)
            port.connect(to, voices + sounds)

    def close(self) -> None:
        """Let everybody go."""
        for port in self.ports:
            self.leave(port)


class Loop:
    """A sound over and over, each listener with its own place in it."""

    def __init__(self, pcm16: bytes) -> None:
        """`pcm16`: at least one frame; what is left over at the end is not played."""
        self._pcm = pcm16[: len(pcm16) // FRAME_BYTES * FRAME_BYTES]
        self._at = 0
        if not self._pcm:
            raise ValueError("a loop needs at least one frame of sound")

    def __call__(self) -> bytes:
        """The next 20 ms."""
        frame = self._pcm[self._at : self._at + FRAME_BYTES]
        self._at = (self._at + FRAME_BYTES) % len(self._pcm)
        return frame
