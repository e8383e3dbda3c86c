"""The RTP ports of one phone."""

from __future__ import annotations

import errno
import random
import socket
import threading
from collections import deque


class NoFreePort(OSError):
    """All RTP ports are in use; a caller should hear busy, and who dials meets it like any other failure of the network."""


class PortPool:
    """Even ports, handed out in a ring: a port rests as long as possible before another call gets it.

    A late packet of a finished call then meets a closed port instead of the next caller.
    """

    def __init__(self, host: str, low: int, high: int) -> None:
        """`low` to `high`, both included; `low` = 0 lets the operating system choose (tests, the test client)."""
        self._host = host
        self._any = low == 0
        ports = [port for port in range(low + low % 2, high + 1, 2) if port + 1 <= 65535]
        start = random.randrange(len(ports)) if ports else 0
        self._free = deque(ports[start:] + ports[:start])
        self._used: set[int] = set()
        self._lock = threading.Lock()  # the media thread gives back, the loop takes

    @property
    def used(self) -> int:
        """How many ports are in use."""
        return len(self._used)

    def take(self) -> socket.socket:
        """A bound, non-blocking UDP socket; raises `NoFreePort`."""
        with self._lock:
            return self._take()

    def _take(self) -> socket.socket:
        for _ in range(1 if self._any else len(self._free)):
            port = 0 if self._any else self._free.popleft()
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                bound.bind((self._host, port))
            except OSError as error:
                bound.close()
                if not self._any:
                    self._free.append(port)
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            bound.setblocking(False)
            self._used.add(bound.getsockname()[1])
            return bound
        raise NoFreePort("no free RTP port")

    def give_back(self, bound: socket.socket) -> None:
        """Close the socket and let its port rest at the end of the ring. Twice is harmless."""
        with self._lock:
            if bound.fileno() < 0:
                return
            port = bound.getsockname()[1]
            bound.close()
            self._used.discard(port)
            if not self._any:
                self._free.append(port)
