"""Against floods of made-up appeals: off when it is quiet, a piece of reckoning for the browser when it is not (0198).

Three proofs are as good as each other: the reckoning (a second on a phone, by a worker of the page), a code by text
message, or an agent who looks first. Neither of the last two needs JavaScript, none a picture.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from aiohttp import web

from channels.api.limits import Limiter
from channels.web.address import address_of
from hotline.clock import Clock

PIECES, BITS = 8, 13
"""So many small riddles of so many zero bits: 65,000 hashes on average, and hardly ever twice as many."""
_STAYS = timedelta(minutes=5)
"""Once there were too many, a proof is asked for so long."""


class Gate:
    """Counts the appeals of this process: of all addresses together, and of each."""

    def __init__(self, clock: Clock, quiet: int) -> None:
        """`quiet`: so many appeals in a minute are usual; 0: a proof is always asked for."""
        self._clock, self._quiet = clock, quiet
        self._all = Limiter(clock, per_minute=max(quiet, 1), burst=max(quiet, 1) * 2)
        self._each = Limiter(clock, per_minute=1 / 2, burst=6)
        self._until: datetime | None = None

    def is_shut(self, address: str) -> bool:
        """Whether the next appeal from `address` needs a proof. Counts nothing."""
        if self._quiet == 0 or (self._until is not None and self._clock.now() < self._until):
            return True
        if self._each.wait_seconds(address):
            return True
        self._each.give_back(address)
        return False

    def count(self, address: str) -> None:
        """One appeal went through."""
        self._each.wait_seconds(address)
        if self._all.wait_seconds("all"):
            self._until = self._clock.now() + _STAYS


GATE = web.AppKey("portal_gate", Gate)


def wanted(request: web.Request) -> bool:
    """Whether this browser has to prove something before its appeal is taken."""
    return request.app[GATE].is_shut(address_of(request))


def is_reckoned(token: str, proof: str) -> bool:
    """Whether `proof` solves the riddles of this form: for each, SHA-256 of `token:number:nonce` begins with `BITS` zero bits."""
    nonces = proof.split(".")[: PIECES + 1]
    if len(nonces) != PIECES or not all(nonce.isascii() and nonce.isdigit() and len(nonce) < 11 for nonce in nonces):
        return False
    return all(_begins_with_zeros(f"{token}:{number}:{int(nonce)}") for number, nonce in enumerate(nonces))


def _begins_with_zeros(text: str) -> bool:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> (32 - BITS) == 0


__all__ = ["BITS", "GATE", "PIECES", "Gate", "is_reckoned", "wanted"]
