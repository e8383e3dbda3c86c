"""How many calls one telephony process carries: N simultaneous loopback calls, each sending and receiving 50 packets a second.

The phone under test runs in this process, with nothing else; the callers run in another one (two cores or more are needed
for an honest number). Every call plays a tone, listens and, with --record, records to a file.

    python benchmarks/telephony_calls.py --calls 100 --seconds 20 [--record] [--busy] [--json]

--busy adds a thread that computes all the time in the same process (as a recogniser or a template engine would).

Published is what a call costs and how regular the packets leave, as the callers see them arrive: 20 ms apart, the worst
percentile, and gaps above 40 ms (that is what a caller hears).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import resource
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from telephony.leg import CallFailed, HungUp, Leg
from telephony.media.session import MediaSession
from telephony.phone import Phone

GAP_S = 0.040


def tone(seconds: float) -> bytes:
    return struct.pack(
        f"<{int(seconds * 8000)}h", *(int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(int(seconds * 8000)))
    )


class Arrivals:
    """Times at which packets of each call came in, by the kernel's own clock, so that the caller's delays do not count."""

    def __init__(self) -> None:
        self.times: dict[int, list[float]] = {}

    def wrap(self, session: MediaSession) -> None:
        times = self.times.setdefault(id(session), [])
        session.socket.setsockopt(socket.SOL_SOCKET, 29, 1)  # SO_TIMESTAMP
        original = session.socket

        class Stamped:
            def recvfrom(self, size: int) -> tuple[bytes, Any]:
                data, ancillary, _flags, address = original.recvmsg(size, 64)
                for level, kind, value in ancillary:
                    if level == socket.SOL_SOCKET and kind == 29:
                        seconds, micros = struct.unpack("qq", value[:16])
                        times.append(seconds + micros / 1e6)
                return data, address

            def __getattr__(self, name: str) -> Any:
                return getattr(original, name)

        session.socket = Stamped()  # type: ignore[assignment]

    def intervals(self) -> list[float]:
        return [later - earlier for times in self.times.values() for earlier, later in pairwise(times[25:])]


async def callers(port: int, count: int, seconds: float, pipe: Connection) -> None:
    phone = Phone(None, port=0, rtp_ports=(0, 0), max_calls=count)
    await phone.start()
    arrivals = Arrivals()
    legs = []
    failed = 0
    sound = tone(seconds)
    for _ in range(count):
        try:
            leg = await phone.dial(f"sip:12345@127.0.0.1:{port}", ring_s=20)
        except CallFailed:
            failed += 1
            continue
        leg.play(sound)
        legs.append(leg)
    for call in phone.endpoint.calls.values():
        arrivals.wrap(call.media)
    pipe.send("steady")
    await asyncio.sleep(seconds)
    pipe.send("ending")
    received = {name: value for name, value in phone.counters().items() if name.startswith("media_")}
    for leg in legs:
        await leg.hang_up()
    await phone.stop()
    pipe.send({"failed": failed, "intervals": arrivals.intervals(), "counters": received})


def call_from_elsewhere(port: int, count: int, seconds: float, pipe: Connection) -> None:
    asyncio.run(callers(port, count, seconds, pipe))


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(count: int, seconds: float, record: bool) -> dict[str, Any]:
    sound = tone(10)
    folder = Path(tempfile.mkdtemp(prefix="telephony-benchmark-"))
    frames = 0

    def listen(_frame: bytes) -> None:
        nonlocal frames
        frames += 1

    async def answer(leg: Leg) -> None:
        await leg.answer()
        leg.listen(listen)
        if record:
            leg.record(folder / f"{leg.id}.wav")
        while leg.live:
            playback = leg.play(sound)
            await playback.wait()
        while not isinstance(await leg.events.get(), HungUp):
            pass

    phone = Phone(answer, port=0, rtp_ports=(0, 0), max_calls=count)
    await phone.start()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=call_from_elsewhere, args=(phone.port, count, seconds, theirs))
    child.start()
    assert await asyncio.to_thread(ours.recv) == "steady"
    began, cpu, counters, frames_before = time.monotonic(), cpu_seconds(), phone.counters(), frames
    assert await asyncio.to_thread(ours.recv) == "ending"
    wall, used, after = time.monotonic() - began, cpu_seconds() - cpu, phone.counters()
    heard = frames - frames_before
    report = await asyncio.to_thread(ours.recv)
    await asyncio.to_thread(child.join)
    await phone.stop()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    intervals = sorted(report["intervals"])
    return {
        "calls": count,
        "failed": report["failed"],
        "recorded": record,
        "seconds": round(wall, 1),
        "cpu_percent_of_a_core": round(100 * used / wall, 1),
        "cpu_percent_per_call": round(100 * used / wall / count, 3),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "packets_per_second_and_call": round((after["media_sent"] - counters["media_sent"]) / wall / count, 2),
        "frames_heard_per_second_and_call": round(heard / wall / count, 2),
        "interval_p50_ms": round(1000 * statistics.median(intervals), 2),
        "interval_p99_ms": round(1000 * intervals[int(len(intervals) * 0.99)], 2),
        "interval_max_ms": round(1000 * intervals[-1], 2),
        "gaps_above_40_ms_percent": round(100 * sum(item > GAP_S for item in intervals) / len(intervals), 4),
        "late_clock_ticks": after["clock_late"] - counters["clock_late"],
        "lost": after["media_lost"] - counters["media_lost"],
    }


def compute() -> None:
    number = 0
    while True:
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.busy:
        threading.Thread(target=compute, daemon=True).start()
    result = asyncio.run(measure(options.calls, options.seconds, options.record))
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        for name, value in result.items():
            sys.stdout.write(f"{name:36} {value}\n")


if __name__ == "__main__":
    main()
