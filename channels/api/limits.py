"""How often one address may ask: a token bucket for each, in the memory of this process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hotline.clock import Clock


@dataclass
class _Bucket:
    tokens: float
    at: datetime


class Limiter:
    """Token buckets by key. Holds at most `max_keys`, so that many addresses cannot fill the memory."""

    def __init__(self, clock: Clock, *, per_minute: float, burst: int, max_keys: int = 20_000) -> None:
        """`burst` requests at once, then `per_minute` on average."""
        self._clock = clock
        self._per_second = per_minute / 60
        self._burst = burst
        self._max_keys = max_keys
        self._buckets: dict[str, _Bucket] = {}

    def wait_seconds(self, key: str, cost: float = 1) -> int:
        """Take `cost` tokens: 0 when there were so many, else after how many seconds there will be (never, if above `burst`)."""
        now = self._clock.now()
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = _Bucket(float(self._burst), now)
        self._refill(bucket, now)
        if bucket.tokens >= cost:
            bucket.tokens -= cost
            return 0
        return max(1, round((cost - bucket.tokens) / self._per_second))

    def give_back(self, key: str) -> None:
        """The last request does not count, for example a right password: many people behind one address are no attack."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.tokens = min(float(self._burst), bucket.tokens + 1)

    def forget(self, key: str) -> None:
        """Give the key a full bucket again, for example after a right answer."""
        self._buckets.pop(key, None)

    def _refill(self, bucket: _Bucket, now: datetime) -> None:
        gone = max(0.0, (now - bucket.at).total_seconds())
        bucket.tokens, bucket.at = min(float(self._burst), bucket.tokens + gone * self._per_second), now

    def _make_room(self, now: datetime) -> None:
        if len(self._buckets) < self._max_keys:
            return
        for bucket in self._buckets.values():
            self._refill(bucket, now)
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if bucket.tokens < self._burst}
        while len(self._buckets) >= self._max_keys:  # all of them busy: the oldest gives way
            del self._buckets[next(iter(self._buckets))]
