"""Announcement and recording at load: our phone and stock pyVoIP, one after the other in the same run, both called by SIPp.

    python -m benchmarks.telephony_media --calls 200 [--stock 25] [--seconds 15] [--nice -15]

SIPp sends real G.711 (its rtp_stream) for every call. Ours plays an announcement, hands every frame of the caller to a listener and
records both sides, sealed. Stock pyVoIP answers, writes audio and reads what comes (it records nothing: it has no stereo recording).
Packets are stamped by the kernel as they leave (every fourth call is looked at), so neither SIPp's nor Python's delays count.
CPU time is that of the process alone; SIPp's stands apart. Needs SIPp 3.6 with RTPSTREAM, and the right to read raw packets (root).
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import ctypes
import json
import math
import multiprocessing
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

GAP_S = 0.040
_RATE = 25
_OURS, _STOCK, _SIPP = "127.10.1.1", "127.10.1.2", "127.10.1.3"
_SO_TIMESTAMP, _SO_ATTACH_FILTER, _ETH_IP = 29, 26, 0x0800
_TICKS = os.sysconf("SC_CLK_TCK")

SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:12345@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:13800000000@[local_ip]:[local_port]>;tag=[call_number]x[pid]
To: <sip:12345@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:13800000000@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=u 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15

]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:13800000000@[local_ip]:[local_port]>;tag=[call_number]x[pid]
To: <sip:12345@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<nop><action><exec rtp_stream="@TONE@,-1,0"/></action></nop>
<pause milliseconds="@HOLD@"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:13800000000@[local_ip]:[local_port]>;tag=[call_number]x[pid]
To: <sip:12345@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 9 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""


def tone(seconds: float) -> bytes:
    count = int(seconds * 8000)
    return struct.pack(f"<{count}h", *(int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(count)))


class Sniffer(threading.Thread):
    """Times at which the packets of every fourth call left a host, by the kernel's clock."""

    def __init__(self, host: str, low: int, high: int) -> None:
        super().__init__(daemon=True)
        self._low, self._high = low, high
        self.streams: dict[int, list[float]] = {}
        self._over = threading.Event()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        address = struct.unpack("!I", socket.inet_aton(host))[0]
        code = [
            (0x30, 0, 0, 9),  # protocol
            (0x15, 0, 5, 17),
            (0x20, 0, 0, 12),  # source address
            (0x15, 0, 3, address),
            (0x28, 0, 0, 20),  # source port: every fourth even one
            (0x45, 1, 0, 6),
            (0x06, 0, 0, 64),
            (0x06, 0, 0, 0),
        ]
        program = b"".join(struct.pack("HBBI", *step) for step in code)
        buffer = ctypes.create_string_buffer(program)
        pointer = ctypes.addressof(buffer)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(code), pointer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMP, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.settimeout(0.2)
        self._socket.bind(("lo", _ETH_IP))

    def run(self) -> None:
        while not self._over.is_set():
            try:
                data, ancillary, _flags, _address = self._socket.recvmsg(64, 64)
            except TimeoutError:
                continue
            port = int.from_bytes(data[20:22], "big")
            if self._low <= port <= self._high:
                seconds, micros = struct.unpack("qq", ancillary[0][2][:16])
                self.streams.setdefault(port, []).append(seconds + micros / 1e6)

    def stop(self) -> list[float]:
        self._over.set()
        self.join()
        self._socket.close()
        return sorted(later - earlier for times in self.streams.values() for earlier, later in pairwise(times))


def be_nice(value: int) -> None:
    """For this process and all it starts. Linux groups processes by session and shares between the groups first, so the group too."""
    if value:
        if os.getpid() != os.getsid(0):
            if os.fork():
                sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
            os.setsid()
        os.nice(value)
        group = Path("/proc/self/autogroup")
        if group.exists():
            group.write_text(str(value))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def ours(pipe: Connection, count: int) -> None:
    asyncio.run(_ours(pipe, count))


async def _ours(pipe: Connection, count: int) -> None:
    from cryptography.fernet import Fernet

    from hotline import logs
    from hotline.security import Vault
    from telephony.leg import HungUp, Leg
    from telephony.phone import Phone

    logs.configure("benchmark", level="ERROR", json=False)
    folder = Path(tempfile.mkdtemp(prefix="telephony-media-"))
    sound = tone(10)
    heard = 0

    def listen(_frame: bytes) -> None:
        nonlocal heard
        heard += 1

    async def answer(leg: Leg) -> None:
        await leg.answer()
        leg.listen(listen)
        leg.record(folder / f"{leg.id}.rec")
        while leg.live:
            await leg.play(sound).wait()
        while not isinstance(await leg.events.get(), HungUp):
            pass
        await leg.stop_recording()

    vault = Vault([Fernet.generate_key().decode()], "lookup")
    phone = Phone(answer, host=_OURS, port=5060, rtp_ports=(20000, 29998), max_calls=count + 10, vault=vault)
    await phone.start()
    pipe.send("ready")
    while (question := await asyncio.to_thread(pipe.recv)) != "stop":
        if question == "figures":
            pipe.send({**phone.counters(), "heard": heard, "bytes": sum(path.stat().st_size for path in folder.iterdir())})
    await phone.stop()
    shutil.rmtree(folder)


def stock(pipe: Connection, _count: int) -> None:
    """pyVoIP as it comes. It must register first; the registrar then leaves its address to SIPp."""
    from pyVoIP.VoIP import CallState, InvalidStateError, VoIPCall, VoIPPhone

    registrar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    registrar.bind((_SIPP, 5070))

    def register() -> None:
        data, address = registrar.recvfrom(4096)
        head = [line for line in data.decode().split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq", "Contact")]
        registrar.sendto(("\r\n".join(["SIP/2.0 200 OK", *head, "Expires: 3600", "Content-Length: 0"]) + "\r\n\r\n").encode(), address)

    sound = bytes(128 + int(60 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(8000))
    live = [0]

    def serve(call: VoIPCall) -> None:
        call.answer()
        live[0] += 1
        try:
            while call.state == CallState.ANSWERED:
                call.write_audio(sound)
                for _ in range(50):
                    call.read_audio(160, blocking=True)
        except InvalidStateError:
            pass
        live[0] -= 1

    threading.Thread(target=register, daemon=True).start()
    phone = VoIPPhone(_SIPP, 5070, "bench", "x", myIP=_STOCK, callCallback=serve, sipPort=5060, rtpPortLow=20000, rtpPortHigh=29998)
    phone.start()
    registrar.close()
    pipe.send("ready")
    while (question := pipe.recv()) != "stop":
        if question == "figures":
            pipe.send({"calls_live": live[0]})
    os._exit(0)  # its threads do not end by themselves


def measure(role: str, count: int, seconds: float) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="sipp-"))
    ramp = count / _RATE
    (folder / "tone.ul").write_bytes(audioop.lin2ulaw(tone(4), 2))
    hold = int(1000 * (ramp + seconds + 8))
    (folder / "caller.xml").write_text(SCENARIO.replace("@TONE@", "tone.ul").replace("@HOLD@", str(hold)))
    pipe, theirs = multiprocessing.Pipe()
    target, host = (ours, _OURS) if role == "ours" else (stock, _STOCK)
    child = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, count))
    child.start()
    assert pipe.recv() == "ready"
    assert child.pid
    arguments = ["sipp", f"{host}:5060", "-sf", "caller.xml", "-m", str(count), "-l", str(count), "-r", str(_RATE)]
    arguments += [
        "-i",
        _SIPP,
        "-mi",
        _SIPP,
        "-p",
        "5070",
        "-mp",
        "30000",
        "-nostdin",
        "-timeout",
        f"{hold // 1000 + 60}s",
        "-buff_size",
        "1048576",
    ]
    sipp = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + ramp + 6
        while time.monotonic() < deadline and _figures(pipe)["calls_live"] < count:
            time.sleep(0.2)
        time.sleep(1.0)
        before, sniffer = _figures(pipe), Sniffer(host, 20000, 29998)
        began, cpu, theirs_cpu = time.monotonic(), cpu_seconds(child.pid), cpu_seconds(sipp.pid)
        threads = len(list(Path(f"/proc/{child.pid}/task").iterdir()))
        sniffer.start()
        time.sleep(seconds)
        intervals = sniffer.stop()
        wall = time.monotonic() - began
        used, generator = cpu_seconds(child.pid) - cpu, cpu_seconds(sipp.pid) - theirs_cpu
        after = _figures(pipe)
        status = Path(f"/proc/{child.pid}/status").read_text()
        failed = sipp.wait(timeout=hold / 1000 + 70)
    finally:
        if sipp.poll() is None:
            sipp.kill()
            sipp.wait()
        pipe.send("stop")
        child.join(20)
        if child.is_alive():
            child.kill()
        shutil.rmtree(folder)
    return _result(role, count, wall, used, generator, intervals, len(sniffer.streams), threads, status, failed, before, after)


def _figures(pipe: Connection) -> dict[str, float]:
    pipe.send("figures")
    found: dict[str, float] = pipe.recv()
    return found


def _result(
    role: str, count: int, wall: float, used: float, generator: float, intervals: list[float], looked_at: int, threads: int, status: str,
    failed: int, before: dict[str, float], after: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    packets = len(intervals) / wall / max(1, looked_at)
    extra = {name: after[name] - before[name] for name in ("media_lost", "media_send_gaps", "media_concealed", "bytes") if name in after}
    return {
        "role": role,
        "calls": count,
        "live": before["calls_live"],
        "sipp_status": failed,
        "seconds": round(wall, 1),
        "cpu_percent_of_a_core": round(100 * used / wall, 1),
        "cpu_percent_per_call": round(100 * used / wall / count, 3),
        "generator_cpu_percent": round(100 * generator / wall, 1),
        "threads": threads,
        "memory_mb": int(status.partition("VmRSS:")[2].split()[0]) // 1024,
        "streams_looked_at": looked_at,
        "packets_per_second_and_call": round(packets, 2),
        "interval_p50_ms": round(1000 * intervals[len(intervals) // 2], 2),
        "interval_p99_ms": round(1000 * intervals[int(len(intervals) * 0.99)], 2),
        "interval_max_ms": round(1000 * intervals[-1], 2),
        "gaps_above_40_ms_percent": round(100 * sum(item > GAP_S for item in intervals) / len(intervals), 4),
        "load_average": os.getloadavg()[0],
        **extra,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--stock", type=int, default=25, help="calls for stock pyVoIP; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument(
        "--nice", type=int, default=0, help="for every process of the run, e.g. -15 on a machine that others use too (root)"
    )
    options = parser.parse_args()
    be_nice(options.nice)
    for role, count in (("stock", options.stock), ("ours", options.calls)):
        if count:
            sys.stdout.write(json.dumps(measure(role, count, options.seconds)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
