"""The telephone front under SIPp, another SIP implementation, with real G.711 sound on loopback.

    python -m benchmarks.telephony_sip rate        30 calls a second for a minute: how many failed
    python -m benchmarks.telephony_sip first       INVITE to the first sound, beside calls at half load
    python -m benchmarks.telephony_sip soak        10,000 short calls: memory, threads, descriptors after each thousand
    python -m benchmarks.telephony_sip cost        CPU of a call of 24 s, ours and stock pyVoIP's, one after the other
    python -m benchmarks.telephony_sip flood       what a datagram of a stranger costs

The phone runs in a process of its own, so its CPU time (/proc) is nobody else's; SIPp's is not counted. Other numbers of
calls: --rate, --calls, --seconds. Needs sipp (Debian package sip-tester). Results: benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmarks import _stock
from benchmarks.telephony_calls import tone
from telephony.leg import HungUp, Leg
from telephony.media.codec import PCMU
from telephony.phone import Phone

SCENARIO = Path(__file__).parents[1] / "tests" / "telephony" / "sip" / "scenarios" / "pcmu.xml"
TICKS = os.sysconf("SC_CLK_TCK")
_COUNTERS = "TELEPHONY_BENCHMARK_COUNTERS"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# the phone


def counters_file(port: int) -> Path:
    """Where the phone's process tells its counters to the one that started it: a folder that is theirs alone."""
    return Path(os.environ[_COUNTERS]) / f"{port}.json"


async def _serve(port: int, peers: tuple[str, ...]) -> None:
    sound = tone(2)

    async def answer(leg: Leg) -> None:
        await leg.answer()
        leg.listen(lambda _frame: None)
        while leg.live:
            await leg.play(sound).wait()
        while not isinstance(await leg.events.get(), HungUp):
            pass

    phone = Phone(answer, port=port, peers=peers, rtp_ports=(40000, 59999), max_calls=300)
    await phone.start()
    while True:
        await asyncio.sleep(1)
        counters_file(port).write_text(json.dumps(phone.counters()))


def serve(port: int, peers: tuple[str, ...] = ("127.0.0.0/8",)) -> None:
    asyncio.run(_serve(port, peers))


@dataclass
class Server:
    """A process that answers calls."""

    process: BaseProcess
    port: int

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def standing(self) -> dict[str, int]:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        values = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("VmRSS", "Threads"))}
        return {
            "memory_kb": int(values["VmRSS"]),
            "threads": int(values["Threads"]),
            "descriptors": len(list(Path(f"/proc/{self.process.pid}/fd").iterdir())),
        }

    def counters(self) -> dict[str, float]:
        time.sleep(1.5)  # it writes them every second
        found: dict[str, float] = json.loads(counters_file(self.port).read_text())
        return found


@contextlib.contextmanager
def server(work: Callable[..., None] = serve, *arguments: Any, port: int = 0) -> Iterator[Server]:
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_COUNTERS] = folder  # inherited by the process
        process = multiprocessing.get_context("spawn").Process(target=work, args=(port, *arguments), daemon=True)
        process.start()
        try:
            deadline = time.monotonic() + 30
            while f":{port:04X} " not in Path("/proc/net/udp").read_text():
                if not process.is_alive() or time.monotonic() > deadline:
                    raise SystemExit("the phone did not start")
                time.sleep(0.05)
            yield Server(process, port)
        finally:
            process.kill()
            process.join()


# the callers


@contextlib.contextmanager
def sipp(
    port: int, *, calls: int, rate: float, seconds: float, at_once: int = 1000, local: int = 0, numbers: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """SIPp placing `calls` calls of `seconds`; ended when the block ends. `numbers`: every caller has a number of their own."""
    program = shutil.which("sipp")
    if program is None:
        raise SystemExit("sipp is not installed: apt-get install sip-tester")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tone").write_bytes(PCMU.encode(tone(seconds)))
        text = SCENARIO.read_text().replace("@FOLDER@", folder).replace('milliseconds="1300"', f'milliseconds="{int(seconds * 1000)}"')
        if numbers:
            text = text.replace("13800000000", "[field0]")
            lines = "\n".join(f"1390{n:07d}" for n in range(calls))
            (Path(folder) / "numbers.csv").write_text(f"SEQUENTIAL\n{lines}\n")
        (Path(folder) / "scenario.xml").write_text(text)
        command = [program, f"127.0.0.1:{port}", "-sf", "scenario.xml", "-s", "12345", "-i", "127.0.0.1", "-mi", "127.0.0.1"]
        command += ["-m", str(calls), "-l", str(at_once), "-r", str(rate), "-nostdin", "-trace_stat", "-stf", "stat.csv", "-fd", "1"]
        command += ["-p", str(local or free_port()), "-mp", "12000", *(["-inf", "numbers.csv"] if numbers else [])]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.statistics = Path(folder) / "stat.csv"  # type: ignore[attr-defined]
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def outcome(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """How many calls succeeded and failed so far."""
    lines = process.statistics.read_text().splitlines()  # type: ignore[attr-defined]
    names, values = lines[0].split(";"), lines[-1].split(";")
    return int(values[names.index("SuccessfulCall(C)")]), int(values[names.index("FailedCall(C)")])


# what is measured


def rate(options: argparse.Namespace) -> dict[str, Any]:
    calls = int(options.rate * options.seconds)
    with server() as phone, sipp(phone.port, calls=calls, rate=options.rate, seconds=1.0) as callers:
        began, before = time.monotonic(), phone.cpu_s()
        callers.wait()
        wall, cpu = time.monotonic() - began, phone.cpu_s() - before
        good, failed = outcome(callers)
        counters = phone.counters()
    return {
        "calls": calls, "rate": options.rate, "seconds": round(wall, 1), "succeeded": good, "failed": failed,
        "cpu_percent_of_a_core": round(100 * cpu / wall, 1), "cpu_ms_per_call": round(1000 * cpu / calls, 2),
        "busy": counters["calls_busy"], "repeated": counters["sip_repeated"], "failures_of_ours": counters["sip_failures"],
    }  # fmt: skip


class Stopwatch:
    """One caller made of two sockets: from the INVITE to the first packet of sound, by the kernel's time of arrival."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.sip, self.sound = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self.sip, self.sound):
            each.bind(("127.0.0.1", 0))
            each.settimeout(5)
            each.setsockopt(socket.SOL_SOCKET, 29, 1)  # SO_TIMESTAMP

    def request(self, method: str, number: int, cseq: int, tag: str = "", body: str = "") -> None:
        port = self.sip.getsockname()[1]
        kind = "Content-Type: application/sdp\r\n" if body else ""
        branch = f"z9hG4bK{os.getpid()}x{number}x{cseq}{method}"
        self.sip.sendto(
            f"{method} sip:12345@127.0.0.1:{self.target[1]} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch={branch}\r\n"
            f"From: <sip:1380{number:07d}@127.0.0.1>;tag=a\r\nTo: <sip:12345@127.0.0.1>{tag}\r\nCall-ID: watch-{os.getpid()}-{number}\r\n"
            f"CSeq: {cseq} {method}\r\nContact: <sip:a@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode(),
            self.target,
        )  # fmt: skip

    def once(self, number: int) -> float:
        """One call; seconds until its first sound."""
        media = self.sound.getsockname()[1]
        body = f"v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {media} RTP/AVP 8\r\n"
        began = time.time()
        self.request("INVITE", number, 1, body=body)
        while b" 200 " not in (answer := self.sip.recv(4096)).split(b"\r\n")[0]:
            pass
        tag = next(line for line in answer.decode().split("\r\n") if line.startswith("To:")).partition(";")[2]
        self.request("ACK", number, 1, f";{tag}")
        while True:
            data, ancillary, _, _ = self.sound.recvmsg(2048, 64)
            if any(byte != 0xD5 for byte in data[12:]):  # the codec's silence is no sound
                break
        seconds, micros = (int.from_bytes(ancillary[0][2][at : at + 8], "little") for at in (0, 8))
        self.request("BYE", number, 2, f";{tag}")
        while b"BYE" not in self.sip.recv(4096):
            pass
        self.sound.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.sound.recv(2048)
        self.sound.settimeout(5)
        return seconds + micros / 1e6 - began


def first(options: argparse.Namespace) -> dict[str, Any]:
    with server() as phone, sipp(phone.port, calls=options.calls, rate=options.calls / 5, seconds=60.0, at_once=options.calls):
        time.sleep(7)  # until they all talk
        watch = Stopwatch(phone.port)
        before, began = phone.cpu_s(), time.monotonic()
        times = []
        for number in range(options.samples):
            times.append(watch.once(number))
            time.sleep(0.05)
        cpu = (phone.cpu_s() - before) / (time.monotonic() - began)
    times.sort()
    at = {name: round(1000 * times[int(len(times) * share)], 1) for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))}
    return {
        "calls_beside": options.calls,
        "samples": len(times),
        **at,
        "worst_ms": round(1000 * times[-1], 1),
        "cpu_percent_of_a_core": round(100 * cpu, 1),
    }


def soak(options: argparse.Namespace) -> dict[str, Any]:
    rows: list[dict[str, int]] = []
    total, part = options.soak_calls, options.soak_calls // 10
    failed = 0
    with server() as phone:
        for number in range(11):
            time.sleep(40 if number == 10 else 2)  # at last every remembered transaction has ended
            rows.append({"calls": number * part, **phone.standing()})
            sys.stderr.write(f"{rows[-1]}\n")
            if number < 10:
                with sipp(phone.port, calls=part, rate=options.rate, seconds=0.3) as callers:
                    callers.wait()
                    failed += outcome(callers)[1]
        counters = phone.counters()
    return {
        "calls": total,
        "failed": failed,
        "rows": rows,
        "ports_used": counters["rtp_ports_used"],
        "failures_of_ours": counters["sip_failures"],
    }


def cost(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"calls": options.calls, "seconds": 24}
    for name in ("ours", "stock"):
        with contextlib.ExitStack() as stack:
            caller_port = free_port()
            if name == "ours":
                phone = stack.enter_context(server())
                target = phone.port
            else:
                target, port = free_port(), free_port()
                context = multiprocessing.get_context("spawn")
                between = context.Process(target=_stock.relay, args=(target, ("127.0.0.1", caller_port), ("127.0.0.1", port)), daemon=True)
                between.start()
                stack.callback(between.kill)
                time.sleep(1)
                phone = stack.enter_context(server(_stock.serve, target, _stock.eight_bit(tone(30)), port=port))
                time.sleep(2)
            calls = stack.enter_context(sipp(target, calls=options.calls, rate=25, seconds=24.0, local=caller_port))
            time.sleep(options.calls / 25 + 4)
            before, began = phone.cpu_s(), time.monotonic()
            time.sleep(15)
            used = 100 * (phone.cpu_s() - before) / (time.monotonic() - began)
            threads = phone.standing()["threads"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                calls.wait(30)
            good, failed = outcome(calls)
        found |= {f"{name}_cpu_percent": round(used, 1), f"{name}_cpu_percent_per_call": round(used / options.calls, 3)}
        found |= {f"{name}_threads": threads, f"{name}_succeeded": good, f"{name}_failed": failed}
    return found


def flood(options: argparse.Namespace) -> dict[str, Any]:
    """From an address off the list. The sender is slower than the phone, so nothing waits in the socket."""
    invite = b"INVITE sip:12345@127.0.0.1 SIP/2.0\r\n" + b"X-Padding: " + b"x" * 800 + b"\r\n\r\n"
    with server(serve, ("127.0.0.9/32",)) as phone, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.7", 0))
        time.sleep(2)
        before, began = phone.cpu_s(), time.monotonic()
        while time.monotonic() - began < options.seconds / 6:
            for _ in range(20):
                stranger.sendto(invite, ("127.0.0.1", phone.port))
            time.sleep(0.002)
        wall = time.monotonic() - began
        used = phone.cpu_s() - before
        counters, standing = phone.counters(), phone.standing()
    count = counters["sip_foreign"]
    return {
        "datagrams": count,
        "per_second": round(count / wall),
        "cpu_us_each": round(1e6 * used / count, 2),
        "read": counters["sip_received"] - count,
        **standing,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=("rate", "first", "soak", "cost", "flood"))
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=25)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--soak-calls", type=int, default=10_000)
    options = parser.parse_args()
    result = {"rate": rate, "first": first, "soak": soak, "cost": cost, "flood": flood}[options.what](options)
    result["load_average"] = round(os.getloadavg()[0], 1)
    for name, value in result.items():
        sys.stdout.write(f"{name:28} {value}\n")


if __name__ == "__main__":
    main()
