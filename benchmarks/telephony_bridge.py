"""How much delay a bridge adds: both ends in a process of their own, each frame known by its content, stamped where it crosses a socket.

    python -m benchmarks.telephony_bridge [--pairs 10] [--seconds 15] [--browser] [--nice -10]

A frame is stamped when its sender's packet leaves and, by the kernel, when the bridge's packet with the same content arrives: all
that lies between is the bridge's (waiting in its socket, reordering, mixing, its clock). --browser: the agents are pages; the gateway is a
process of its own as in a service, and a page's frames are stamped where aiortc gives and takes them, encryption included.
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import json
import multiprocessing
import os
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.telephony_media import be_nice
from telephony.bridge.mixer import Bridge
from telephony.leg import HungUp, Leg
from telephony.phone import CallLeg, Phone
from telephony.webrtc.gateway import Gateway
from telephony.webrtc.leg import offer_only
from telephony.webrtc.messages import Accept
from telephony.webrtc.messages import read as read_message
from tests.telephony.webrtc.page import Page

_FRAME = 160
_CODES = [code for code in range(256) if code not in (0xD5, 0x55)]
"""A-law values that mark a frame, each frame one value throughout; 0xD5 and 0x55 are silence. They come again after five seconds."""
_SO_TIMESTAMPNS, _SCM_TIMESTAMPNS = 35, 35
MARKED = b"".join(audioop.alaw2lin(bytes([code]) * _FRAME, 2) for code in _CODES)
Stamps = dict[int, float]


class Marks:
    """When each frame went in on one side and came out on the other."""

    def __init__(self) -> None:
        self._sent: Stamps = {}
        self.delays: list[float] = []
        self.frames = 0

    def sent(self, payload: bytes, at: float) -> None:
        """It left its sender."""
        if (code := _mark(payload)) is not None:
            self._sent[code] = at
            self.frames += 1

    def came(self, payload: bytes, at: float) -> None:
        """It arrived at the other end; what was concealed carries no mark, or one that is known to have come."""
        if (code := _mark(payload)) is not None and code in self._sent:
            self.delays.append(at - self._sent.pop(code))


def _mark(payload: bytes) -> int | None:
    return payload[0] if len(payload) == _FRAME and payload[0] in _CODES and payload.count(payload[:1]) == _FRAME else None


class StampedSocket:
    """An RTP socket that tells what crosses it, and when."""

    def __init__(self, real: socket.socket, out: Marks, back: Marks) -> None:
        self._real, self._out, self._back = real, out, back
        real.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def sendto(self, data: bytes, address: Any) -> int:
        """Stamped by our clock: the kernel's of a packet on loopback is the same moment."""
        self._out.sent(data[12:], time.time())
        return self._real.sendto(data, address)

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        """Stamped by the kernel: how long our own end takes to look is not the bridge's delay."""
        data, ancillary, _flags, address = self._real.recvmsg(size, 64)
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SCM_TIMESTAMPNS:
                seconds, nanos = struct.unpack("qq", value[:16])
                self._back.came(data[12:], seconds + nanos / 1e9)
        return data, address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def stamp(leg: CallLeg, out: Marks, back: Marks) -> None:
    """Look at what this leg sends and gets, and let it send marked frames."""
    media: Any = leg._call.media
    media.socket = StampedSocket(media.socket, out, back)
    leg.play(MARKED * 40)


class StampedPage(Page):
    """A page that tells what it sends and gets."""

    def __init__(self, out: Marks, back: Marks) -> None:
        super().__init__(MARKED)
        self._back = back
        push = self._track.push

        def stamped(payload: bytes) -> None:
            out.sent(payload, time.time())
            push(payload)

        self._track.push = stamped  # type: ignore[method-assign]

    async def _receive(self, packet: Any, arrival_time_ms: int) -> None:
        self._back.came(packet.payload, time.time())


def bridge_process(pipe: Connection) -> None:
    """The telephony process: answers, dials the agent it is told, and bridges."""
    be_nice(pipe.recv())

    async def run() -> None:
        agents: list[str] = await asyncio.to_thread(pipe.recv)

        async def on_call(leg: Leg) -> None:
            await leg.answer()
            agent = await phone.dial(agents.pop())
            bridge = Bridge()
            a, b = bridge.join(leg), bridge.join(agent)
            bridge.patch({a: (b,), b: (a,)})
            while not isinstance(await leg.events.get(), HungUp):
                pass
            await agent.hang_up()

        phone = Phone(on_call, port=0, rtp_ports=(0, 0), max_calls=200)
        await phone.start()
        pipe.send(phone.port)
        while await asyncio.to_thread(pipe.recv) == "cpu":
            pipe.send(time.process_time())
        await phone.stop()

    asyncio.run(run())


def gateway_process(pipe: Connection) -> None:
    """The gateway; the pipe stands for the pages' WebSockets."""
    be_nice(pipe.recv())
    offer_only(("127.0.0.1",))

    async def run() -> None:
        loop, gateway, over = asyncio.get_running_loop(), Gateway(), asyncio.Event()
        phone = Phone(gateway.take, port=0, rtp_ports=(0, 0), max_calls=200)
        await phone.start()
        pipe.send(phone.port)

        def sender(number: int) -> Callable[[str], Any]:
            async def send(text: str) -> None:
                pipe.send((number, text))

            return send

        def listen() -> None:
            while (message := pipe.recv()) is not None:
                number, text = message
                asyncio.run_coroutine_threadsafe(gateway.seat(number).hear(read_message(text)), loop)
            loop.call_soon_threadsafe(over.set)

        for number in range(1, 101):
            gateway.seat(number).sit(sender(number), session_id=number)
        threading.Thread(target=listen, daemon=True).start()
        await over.wait()
        await phone.stop()

    asyncio.run(run())


async def _desks(pairs: list[tuple[Marks, Marks]]) -> Phone:
    """Agents' telephones: call number n is stamped into pair n."""

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        assert isinstance(leg, CallLeg)
        inward, outward = pairs[int(leg.called.removeprefix("desk-"))]
        stamp(leg, outward, inward)
        while not isinstance(await leg.events.get(), HungUp):
            pass

    phone = Phone(on_call, port=0, rtp_ports=(0, 0), max_calls=200)
    await phone.start()
    return phone


def _pages(pipe: Connection, pairs: list[tuple[Marks, Marks]], loop: asyncio.AbstractEventLoop) -> None:
    """Agents' pages, in a thread that reads the gateway's words: each accepts when it rings."""
    pages: dict[int, StampedPage] = {}

    async def heard(number: int, message: dict[str, Any]) -> None:
        if message["type"] == "ring" and number not in pages:
            inward, outward = pairs[number - 1]
            pages[number] = StampedPage(outward, inward)
            accept = Accept(type="accept", call=message["call"], sdp=await pages[number].offer())
            pipe.send((number, accept.model_dump_json()))
        elif message["type"] == "answer":
            await pages[number].connect(message["sdp"])

    while True:
        try:
            number, text = pipe.recv()
        except (EOFError, OSError):
            return
        asyncio.run_coroutine_threadsafe(heard(number, json.loads(text)), loop)


async def measure(options: argparse.Namespace, bridge: Connection, gateway: Connection | None) -> dict[str, Any]:
    """Both ends of every pair; the delays each way."""
    pairs = [(Marks(), Marks()) for _ in range(options.pairs)]
    caller = Phone(None, port=0, rtp_ports=(0, 0), max_calls=200)
    await caller.start()
    desk: Phone | None = None
    if gateway is None:
        desk = await _desks(pairs)
        agents = [f"sip:desk-{number}@127.0.0.1:{desk.port}" for number in range(options.pairs)]
    else:
        port = await asyncio.to_thread(gateway.recv)
        threading.Thread(target=_pages, args=(gateway, pairs, asyncio.get_running_loop()), daemon=True).start()
        agents = [f"sip:seat-{number + 1}@127.0.0.1:{port}" for number in range(options.pairs)]
    bridge.send(agents[::-1])
    service = await asyncio.to_thread(bridge.recv)
    legs = []
    for inward, outward in pairs:
        legs.append(await caller.dial(f"sip:12345@127.0.0.1:{service}"))
        stamp(legs[-1], inward, outward)
    await asyncio.sleep(5)  # what builds up at the beginning has been taken away by then
    for both in pairs:
        for marks in both:
            marks.delays.clear()
            marks.frames = 0
    cpu, began = await _cpu(bridge), time.monotonic()
    await asyncio.sleep(options.seconds)
    used = 100 * (await _cpu(bridge) - cpu) / (time.monotonic() - began)
    found = {"to_agent": summary([one for one, _other in pairs]), "to_citizen": summary([other for _one, other in pairs])}
    for leg in legs:
        await leg.hang_up()
    await caller.stop()
    if desk is not None:
        await desk.stop()
    return found | {"bridge_cpu_percent_of_a_core": round(used, 1)}


async def _cpu(bridge: Connection) -> float:
    bridge.send("cpu")
    return float(await asyncio.to_thread(bridge.recv))


def summary(ways: list[Marks]) -> dict[str, float]:
    """Of all pairs, one way."""
    delays = sorted(1000 * delay for marks in ways for delay in marks.delays)
    frames = sum(marks.frames for marks in ways)
    share = {"p50_ms": statistics.median(delays), "p95_ms": delays[int(0.95 * len(delays))], "p99_ms": delays[int(0.99 * len(delays))]}
    return {name: round(value, 1) for name, value in (share | {"worst_ms": delays[-1]}).items()} | {
        "frames": frames,
        "not_arrived_percent": round(100 * (1 - len(delays) / frames), 2),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    be_nice(options.nice)
    offer_only(("127.0.0.1",))
    spawn = multiprocessing.get_context("spawn")
    ends, children = [], []
    for target in (bridge_process, gateway_process)[: 1 + options.browser]:
        ours, theirs = spawn.Pipe()
        child = spawn.Process(target=target, args=(theirs,), daemon=True)
        child.start()
        ours.send(options.nice)
        ends.append(ours)
        children.append(child)
    found = asyncio.run(measure(options, ends[0], ends[1] if options.browser else None))
    ends[0].send("end")
    if options.browser:
        ends[1].send(None)
    for child in children:
        child.join(10)
    found |= {"pairs": options.pairs, "agents": "pages" if options.browser else "telephones", "load_average": os.getloadavg()[0]}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
