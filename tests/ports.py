"""Ports for programs that a test starts later, and which cannot be told to take any free one."""

from __future__ import annotations

import contextlib
import random
import socket

CHOICE = range(10_000, 20_000)
"""Below what the system gives out to sockets that want any port (from 32768), or one of them may have it by then. RTP begins at 20000."""
_claims: list[socket.socket] = []


def free_port(neighbours: int = 0) -> int:
    """A port of 127.0.0.1, free for UDP and TCP with so many after it: no other test gets one of them while this process lives.

    baresip takes the next port too, a second telephony process the one ten higher. Raises RuntimeError when there is none.
    """
    for first in random.sample(CHOICE, len(CHOICE)):
        if _claim(range(first, first + neighbours + 1)):
            return first
    raise RuntimeError(f"no port is free from {CHOICE.start} to {CHOICE.stop}")


def _claim(ports: range) -> bool:
    """Whether all of them could be had. Tests run in several processes that know nothing of each other: a claim is a name in
    Linux's abstract space, which is taken once and ends with its process."""
    with contextlib.ExitStack() as claims:
        for port in ports:
            claim = claims.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            try:
                claim.bind(f"\0hotline-test-port-{port}")
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port))
            except OSError:
                return False
            _claims.append(claim)
        claims.pop_all()
        return True
