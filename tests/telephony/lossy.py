"""A network that loses packets: put between a phone and its sockets."""

from __future__ import annotations

import random
import socket
from typing import Any

from telephony.phone import Phone


class LossySocket:
    """Sends through the real socket, except for what the network loses."""

    def __init__(self, real: socket.socket, share: float, seed: int) -> None:
        self._real = real
        self._share = share
        self._rng = random.Random(seed)
        self.lost = 0

    def sendto(self, data: bytes, address: Any) -> int:
        if self._rng.random() < self._share:
            self.lost += 1
            return len(data)
        return self._real.sendto(data, address)

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        while True:
            data, address = self._real.recvfrom(size)
            if self._rng.random() >= self._share:
                return data, address
            self.lost += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def lose_media(phone: Phone, share: float, seed: int = 1) -> LossySocket:
    """From now on the sound of the phone's one call is lost in both directions."""
    (call,) = phone.endpoint.calls.values()
    lossy = LossySocket(call.media.socket, share, seed)
    call.media.socket = lossy  # type: ignore[assignment]
    return lossy


def lose_signalling(phone: Phone, share: float, seed: int = 2) -> LossySocket:
    """From now on what the phone sends by SIP is lost."""
    agent = phone.endpoint.agent
    lossy = LossySocket(agent.s, share, seed)
    agent.s = lossy
    return lossy
