from __future__ import annotations

from channels.api.limits import Limiter
from hotline.clock import ManualClock


def test_burst_then_one_by_one(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=60, burst=3)
    assert [limiter.wait_seconds("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    clock.advance(seconds=1)
    assert [limiter.wait_seconds("a"), limiter.wait_seconds("a")] == [0, 1]
    clock.advance(seconds=3600)
    assert [limiter.wait_seconds("a") for _ in range(4)] == [0, 0, 0, 1], "time gone by gives no more than the burst"


def test_keys_do_not_disturb_each_other(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=1, burst=1)
    assert (limiter.wait_seconds("a"), limiter.wait_seconds("b"), limiter.wait_seconds("a")) == (0, 0, 60)


def test_a_clock_that_steps_back_takes_nothing_away(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=60, burst=2)
    limiter.wait_seconds("a")
    clock.advance(hours=-1)
    assert limiter.wait_seconds("a") == 0


def test_many_addresses_do_not_fill_the_memory(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=60, burst=2, max_keys=100)
    for number in range(1000):
        limiter.wait_seconds(str(number))
    assert len(limiter._buckets) <= 100
    clock.advance(seconds=60)
    limiter.wait_seconds("new")
    assert set(limiter._buckets) == {"new"}, "full buckets say nothing and are dropped first"


def test_a_request_that_is_given_back_does_not_count_and_never_makes_more_than_the_burst(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=60, burst=2)
    for _ in range(5):
        assert limiter.wait_seconds("a") == 0
        limiter.give_back("a")
    limiter.give_back("a")
    limiter.give_back("nobody")
    assert [limiter.wait_seconds("a") for _ in range(3)] == [0, 0, 1]
    assert limiter.wait_seconds("b") == 0  # other addresses have their own bucket


def test_a_request_may_cost_more_than_one(clock: ManualClock) -> None:
    limiter = Limiter(clock, per_minute=60, burst=10)
    assert [limiter.wait_seconds("a", 6), limiter.wait_seconds("a", 6), limiter.wait_seconds("a", 4)] == [0, 2, 0]
