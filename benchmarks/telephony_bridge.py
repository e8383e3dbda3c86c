"""How much delay a bridge adds: real RTP on loopback, one citizen and one agent, every frame stamped where it comes in and goes out.

    .venv/bin/python -m benchmarks.telephony_bridge [seconds] [pairs]

Prints p50, p95, p99 and the worst of the time between a frame leaving one leg and being sent by the other, and what was lost.
"""

from __future__ import annotations

import asyncio
import sys
import time

from telephony.bridge import mixer
from telephony.leg import HungUp, Leg
from telephony.phone import CallLeg, Phone
from tests.telephony.sounds import tone

_delays: list[float] = []


class StampedStream(mixer.Stream):
    """A stream that notes how long each frame waited in it: all that the bridge adds, up to the tick that sends it."""

    def push(self, frame: bytes) -> None:
        """Stamp it."""
        super().push(_Stamped(frame))

    def pop(self) -> bytes | None:
        """Note its age."""
        frame = super().pop()
        if isinstance(frame, _Stamped):
            _delays.append(time.monotonic() - frame.at)
        return frame


class _Stamped(bytes):
    """A frame that knows when it came."""

    at: float

    def __new__(cls, frame: bytes) -> _Stamped:
        made = super().__new__(cls, frame)
        made.at = time.monotonic()
        return made


async def run(seconds: float, pairs: int) -> None:
    """Place the calls, let them talk, report."""
    mixer.Stream = StampedStream  # type: ignore[misc]
    citizens: asyncio.Queue[Leg] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        citizens.put_nowait(leg)
        while not isinstance(await leg.events.get(), HungUp):
            pass

    async def talks(leg: Leg) -> None:
        await leg.answer()
        leg.play(tone(700, seconds))
        while not isinstance(await leg.events.get(), HungUp):
            pass

    service, desk, caller = (
        Phone(on_call, port=0, rtp_ports=(0, 0)),
        Phone(talks, port=0, rtp_ports=(0, 0)),
        Phone(None, port=0, rtp_ports=(0, 0)),
    )
    for phone in (service, desk, caller):
        await phone.start()
    streams, legs = [], list[CallLeg]()
    for _ in range(pairs):
        leg = await caller.dial(f"sip:12345@127.0.0.1:{service.port}")
        leg.play(tone(440, seconds))
        citizen, agent = await citizens.get(), await service.dial(f"sip:desk@127.0.0.1:{desk.port}")
        bridge = mixer.Bridge()
        a, b = bridge.join(citizen), bridge.join(agent)
        bridge.patch({a: (b,), b: (a,)})
        streams += list(bridge._streams.values())
        legs += [leg, agent]
    before = time.process_time()
    _delays.clear()
    await asyncio.sleep(seconds)
    used = time.process_time() - before
    found = sorted(delay * 1000 for delay in _delays)
    starved, dropped = sum(stream.starved for stream in streams), sum(stream.dropped for stream in streams)
    for leg in legs:
        await leg.hang_up()
    for phone in (caller, desk, service):
        await phone.stop()
    share = {name: found[min(len(found) - 1, int(len(found) * part))] for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    print(
        f"{pairs} bridged pairs, {seconds:.0f} s, {len(found)} frames: "
        + ", ".join(f"{name} {value:.1f} ms" for name, value in share.items()),
        end="",
    )
    print(f", worst {found[-1]:.1f} ms; starved {starved}, dropped {dropped}; CPU of all four ends {100 * used / seconds:.1f} % of a core")


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
