"""The platform's signature: who sent this push, and is it fresh."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

MAX_AGE = timedelta(minutes=5)
"""A push older than this is refused. The platform's own repeats come within 15 s; the rest is room for clocks that differ."""


class Signed(NamedTuple):
    """What the address line says about the sender. The platform makes a new one for every push."""

    timestamp: str
    nonce: str
    signature: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read from the address line; missing parts are empty."""
        return cls(query.get("timestamp", ""), query.get("nonce", ""), query.get("signature", ""))


def sign(*parts: str) -> str:
    """SHA-1 over the sorted parts, as the platform documents it. The token is one of the parts and the only secret."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def matches(given: str, *parts: str) -> bool:
    """Whether `given` is the signature of `parts`, compared in constant time."""
    return hmac.compare_digest(sign(*parts).encode(), given.encode(errors="replace"))


_SECONDS = re.compile(r"[1-9][0-9]{9}")
"""Seconds since 1970 from 2001 to 2286, written in one way only: the signature runs over the parts without a border between
them, so `nonce=00120, timestamp=17…` and `nonce=0012, timestamp=017…` have the same one."""


def is_fresh(timestamp: str, now: datetime) -> bool:
    """Whether the push's own time is within `MAX_AGE` of `now`, before or after."""
    if not _SECONDS.fullmatch(timestamp):
        return False
    return abs(now.timestamp() - int(timestamp)) <= MAX_AGE.total_seconds()
