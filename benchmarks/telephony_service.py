"""Thirty calls a second, and INVITE to first sound, of the whole service: SIP, sound, call flow, recogniser, recording and database.

    python -m benchmarks.telephony_service rate [--rate 30] [--seconds 60]      every call answered, greeted, recorded and written down
    python -m benchmarks.telephony_service first [--calls 30] [--samples 100]   beside so many callers who talk with the assistant

Needs a running service (script/demo) and its HOTLINE_* settings in the environment: the port of SIP, the control port and the database
are taken from there. Callers are SIPp's (`rate`; each with a number of their own) and those of benchmarks.telephony_answer (`first`). The
telephone front alone, without flow and database, is benchmarks.telephony_sip. CPU is that of the telephony process and of PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks._measure import cpu_of, cpu_of_server
from benchmarks.telephony_sip import Stopwatch, outcome, sipp
from hotline.assembly import make_database
from hotline.clock import SystemClock
from hotline.commands.environment import find_settings
from hotline.settings import Settings
from ticketing.conversation.models import Call

_WRITTEN_S = 60.0
"""So long after the last call its row may still be open."""
_ALL_TALK_S = 15.0
"""The talking callers begin within ten seconds."""


def telephony_pid(port: int) -> int:
    """The process that listens for SIP on this port. Raises SystemExit when there is none."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(path.readlink()) in sockets:
                return int(path.parts[2])
        except OSError:
            continue  # ended meanwhile, or not ours
    raise SystemExit(f"nobody listens on UDP port {port}: start script/demo, and give its HOTLINE_* settings")


def postmaster_pid(settings: Settings) -> int | None:
    """The private PostgreSQL of the data folder; None when the database is elsewhere."""
    note = next(settings.data_dir.glob("**/postmaster.pid"), None)
    return int(note.read_text().split()[0]) if note else None


class Cpu:
    """Milliseconds of CPU since it was made."""

    def __init__(self, settings: Settings) -> None:
        self._phone, self._server = telephony_pid(settings.sip_port), postmaster_pid(settings)
        self._before, self._began = self._now(), time.monotonic()

    def _now(self) -> tuple[float, float]:
        return cpu_of(self._phone), cpu_of_server(self._server) if self._server else 0.0

    def spent(self, calls: int) -> dict[str, float]:
        """By each process: percent of a core, and milliseconds for each call."""
        wall = (time.monotonic() - self._began) * 1000
        used = [after - before for after, before in zip(self._now(), self._before, strict=True)]
        named = zip(("telephony", "database"), used, strict=True)
        return {key: value for name, ms in named for key, value in _shares(name, ms, wall, calls).items()}


def _shares(name: str, ms: float, wall: float, calls: int) -> dict[str, float]:
    return {f"{name}_cpu_percent": round(100 * ms / wall, 1), f"{name}_cpu_ms_per_call": round(ms / calls, 1)}


async def rows_since(settings: Settings, began: datetime) -> list[Call]:
    """The calls that the service has written down since then."""
    database = make_database(settings)
    try:
        async with database.transaction() as session:
            return list(await session.scalars(select(Call).where(Call.started_at >= began, Call.direction == "in")))
    finally:
        await database.close()


async def written(settings: Settings, began: datetime, calls: int) -> list[Call]:
    """All of them, as soon as each has ended; what there is after a minute."""
    until = time.monotonic() + _WRITTEN_S
    while True:
        found = await rows_since(settings, began)
        if (len(found) >= calls and all(call.ended_at for call in found)) or time.monotonic() > until:
            return found
        await asyncio.sleep(1)


def rate(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """Answered, and written down with a recording: anything less is a failed call."""
    calls, began = int(options.rate * options.seconds), SystemClock().now()
    cpu = Cpu(settings)
    with sipp(settings.sip_port, calls=calls, rate=options.rate, seconds=1.0, numbers=True) as callers:
        callers.wait()
        good, failed = outcome(callers)
    found = asyncio.run(written(settings, began, calls))
    return {
        "calls": calls, "rate": options.rate, "answered": good, "failed": failed, "rows": len(found),
        "ended_as": dict(Counter(call.end_reason for call in found)), "recorded": sum(call.recording_path is not None for call in found),
        "live_transcripts": sum(bool(call.transcriber) for call in found), **cpu.spent(calls),
    }  # fmt: skip


def first(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """One caller more, again and again, beside those who talk."""
    to = f"sip:12345@127.0.0.1:{settings.sip_port}"
    command = [sys.executable, "-m", "benchmarks.telephony_answer", to, "--calls", str(options.calls), "--turns", "6"]
    beside = subprocess.Popen([*command, "--control-port", str(settings.control_port)], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(_ALL_TALK_S)
        watch, cpu, times = Stopwatch(settings.sip_port), Cpu(settings), []
        for number in range(options.samples):
            times.append(watch.once(number))
            time.sleep(0.05)
        if beside.poll() is not None:
            raise SystemExit("the others have finished talking: fewer --samples")
        spent = cpu.spent(options.samples)
        talk, _ = beside.communicate(timeout=300)
    finally:
        beside.kill()
    times.sort()
    at = {name: round(1000 * times[int(len(times) * share)], 1) for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))}
    own = {key: value for key, value in spent.items() if key.endswith("percent")}
    answers = {key: re.search(rf'"{key}": ([\d.]+)', talk) for key in ("turns", "without_answer", "p50_s", "p95_s")}
    said = {f"beside_{key}": float(found[1]) for key, found in answers.items() if found}
    return {"calls_beside": options.calls, "samples": len(times), **at, "worst_ms": round(1000 * times[-1], 1), **own, **said}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("rate", "first"))
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--samples", type=int, default=100)
    options = parser.parse_args()
    result = {"rate": rate, "first": first}[options.what](options, find_settings())
    result["load_average"] = round(os.getloadavg()[0], 1)
    for name, value in result.items():
        sys.stdout.write(f"{name:28} {value}\n")


if __name__ == "__main__":
    main()
