"""The media clock on a time of the test's own: deadlines are absolute, what is late is caught up, a machine that stood still is not."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise

import pytest

from telephony.media.codec import PCMA
from telephony.media.engine import MediaEngine
from telephony.media.inbox import LoopInbox
from telephony.media.metronome import BEAT_S, Metronome
from telephony.media.packet import RtpPacket, parse
from telephony.media.session import MediaPlan, MediaSession

START = 5000.0


class Time:
    """Passes when somebody sleeps, and a little more than was asked for, as on a real machine."""

    def __init__(self, oversleep: Iterator[float] | None = None) -> None:
        self.now_s = START
        self.slept: list[float] = []
        self._oversleep = oversleep

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds + (next(self._oversleep) if self._oversleep and seconds else 0.0)


def beats(metronome: Metronome, count: int) -> list[float]:
    """When they were, from the start."""
    found = []
    for _ in range(count):
        metronome.wait()
        found.append(metronome.beat() - START)
    return found


def test_ten_thousand_late_beats_do_not_add_up() -> None:
    """pyVoIP slept 20 ms and what it overslept each time: 49 packets a second instead of 50."""
    rng = random.Random(1)
    time = Time(iter(lambda: rng.uniform(0.0, 0.004), None))
    found = beats(Metronome(time.now, time.sleep), 10_000)
    assert max(at - number * BEAT_S for number, at in enumerate(found)) < 0.004
    assert found[-1] == pytest.approx(9_999 * BEAT_S, abs=0.004)


def test_what_was_missed_follows_at_once_and_then_the_old_grid_goes_on() -> None:
    time = Time()
    metronome = Metronome(time.now, time.sleep)
    beats(metronome, 3)
    time.now_s += 0.047  # the processor was somebody else's
    found = beats(metronome, 12)
    assert found[:9] == pytest.approx([0.057] * 9), "those of 15 to 55 ms"
    assert found[9:] == pytest.approx([0.060, 0.065, 0.070])
    assert metronome.counters.ticks == 15
    assert metronome.counters.late == 7, "those of 15 to 45 ms came more than 10 ms late"
    assert metronome.counters.worst_s == pytest.approx(0.042)


def test_after_a_stop_of_the_machine_there_is_no_burst() -> None:
    time = Time()
    metronome = Metronome(time.now, time.sleep)
    beats(metronome, 2)
    time.now_s += 30.0
    first, *rest = beats(metronome, 4)
    assert [at - first for at in rest] == pytest.approx([0.0, 0.005, 0.010]), "one that is due, then the pace"
    assert metronome.counters.ticks == 6


@contextmanager
def call() -> Iterator[tuple[MediaSession, socket.socket]]:
    """A session that sends silence, and the far end of its wire."""
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as far,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as near,
    ):
        for end in (far, near):
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
        session = MediaSession(near, LoopInbox(asyncio.get_running_loop()), lambda _key: None)
        session.apply(MediaPlan(PCMA, 8, 101, far.getsockname()))
        yield session, far


def received(far: socket.socket) -> list[RtpPacket]:
    found = []
    while True:
        try:
            found.append(parse(far.recv(2048)))
        except BlockingIOError:
            return found


class Until(Time):
    """Stands still after so many beats, until the clock is stopped. At one of them the processor is away for 0.2 s."""

    def __init__(self, beats: int, away_at: int) -> None:
        super().__init__()
        self.reached, self.stopped = threading.Event(), threading.Event()
        self._beats, self._away_at = beats, away_at

    def sleep(self, seconds: float) -> None:
        if len(self.slept) == self._beats:
            self.reached.set()
            self.stopped.wait(20)
        super().sleep(seconds)
        if len(self.slept) == self._away_at:
            self.now_s += 0.2


async def test_each_call_gets_a_frame_every_20_ms_and_none_is_left_out_when_the_processor_was_away() -> None:
    """The clock's own thread and real sessions: eight calls, two in each of the four phases."""
    time = Until(beats=400, away_at=100)
    engine = MediaEngine(metronome=Metronome(time.now, time.sleep))
    with ExitStack() as stack:
        calls = [stack.enter_context(call()) for _ in range(8)]
        for session, _ in calls:
            engine.add(session)
        engine.start()
        assert await asyncio.to_thread(time.reached.wait, 20), "the clock does not run"
        sent = [received(far) for _, far in calls]
        phases = Counter(session.phase for session, _ in calls)
        missed, passed_s = engine.clock.late, time.now_s - START
        time.stopped.set()
        engine.stop()
    assert phases == {0: 2, 1: 2, 2: 2, 3: 2}
    for packets in sent:
        assert len(packets) == 100, "one for four beats of 5 ms"
        steps = [
            (after.sequence - before.sequence & 0xFFFF, after.timestamp - before.timestamp & 0xFFFFFFFF)
            for before, after in pairwise(packets)
        ]
        assert set(steps) == {(1, 160)}
    assert passed_s == pytest.approx(399 * BEAT_S), "what was missed was caught up"
    assert missed == 38, "of the 41 beats in those 0.2 s the last three came within 10 ms"
