"""Who may talk to us: the trunk's networks. Everybody else costs one comparison and a counter, and gets no answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache


class AccessList:
    """IPv4 networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        """For example ["127.0.0.0/8", "10.1.2.3"]; raises ValueError naming the one that is no network."""
        self._networks = tuple(ipaddress.IPv4Network(network, strict=False) for network in networks)
        self._cached = lru_cache(maxsize=4096)(self._look_up)

    def allows(self, host: str) -> bool:
        """Whether this address belongs to a peer. A name is never a peer."""
        return self._cached(host)

    def _look_up(self, host: str) -> bool:
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)
