"""From the end of the caller's sentence to the start of the answer, with the bot, beside as many other calls that talk too.

    python -m benchmarks.telephony_answer sip:12345@127.0.0.1:5060 [--calls 30] [--turns 4] [--nice -10] [--control-port 8083]

Needs a running service (script/demo): SIP, jitter buffer, recogniser, database, Rasa and voice are its own. This process only calls,
speaks and listens. Measured from the last loud frame that a caller sends to the first loud frame behind its jitter buffer (40 ms are
the caller's own). Every caller waits until the service has finished, thinks for a moment, and says the next sentence.
Where the time goes is asked of the telephony process itself (`hotline_answer_seconds` at its control port): means of this run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

import aiohttp

from benchmarks.telephony_media import be_nice
from telephony.leg import FRAME_BYTES
from telephony.media.codec import loudness
from telephony.phone import CallLeg, Phone
from telephony.speech.voice import EspeakVoice

SENTENCES = ("身份证丢了怎么补办", "营业执照怎么办理", "公积金怎么提取", "护照怎么办理", "居住证需要什么材料")
"""Questions: each is answered from the knowledge base, and no form is opened."""
_LOUD = 250
_FRAME_S = 0.02
_ALL_SAID_S = 1.5
"""So long without sound, and the service has finished."""
_LONGEST_S = 60.0


@dataclass
class Line:
    """What comes back on one call."""

    last_loud: float = 0.0
    asked_at: float = 0.0
    answered: asyncio.Future[float] | None = None
    waits: list[float] = field(default_factory=list)

    def frame(self, pcm16: bytes) -> None:
        """On the loop, 20 ms of the service."""
        if loudness(pcm16) <= _LOUD:
            return
        self.last_loud = time.monotonic()
        if self.answered is not None and not self.answered.done() and self.asked_at:
            self.answered.set_result(self.last_loud - self.asked_at)

    async def until_quiet(self) -> None:
        """Until the service has said what it had to say."""
        began = time.monotonic()
        while (now := time.monotonic()) - max(self.last_loud, began) < _ALL_SAID_S and now - began < _LONGEST_S:  # noqa: ASYNC110 - silence has no event
            await asyncio.sleep(0.05)


def spoken(pcm16: bytes) -> bytes:
    """Without the silence at its end: the sentence ends with its last frame."""
    frames = [pcm16[start : start + FRAME_BYTES] for start in range(0, len(pcm16), FRAME_BYTES)]
    last = max(number for number, frame in enumerate(frames) if loudness(frame) > _LOUD)
    return b"".join(frames[: last + 1])


async def talk(phone: Phone, to: str, sounds: list[bytes], turns: int, pause_s: float) -> list[float | None]:
    """One call; the waits of its turns, None where no answer came within ten seconds."""
    await asyncio.sleep(pause_s)
    leg: CallLeg = await phone.dial(to)
    line, waits = Line(), list[float | None]()
    leg.listen(line.frame)
    try:
        await line.until_quiet()
        for _turn in range(turns):
            await asyncio.sleep(random.uniform(0.2, 1.2))
            line.asked_at, line.answered = 0.0, asyncio.get_running_loop().create_future()
            await leg.play(random.choice(sounds)).wait()
            line.asked_at = time.monotonic()
            try:
                async with asyncio.timeout(10):
                    waits.append(await line.answered)
            except TimeoutError:
                waits.append(None)
            await line.until_quiet()
    finally:
        await leg.hang_up()
    return waits


async def shares(port: int) -> dict[str, tuple[float, float]]:
    """Seconds and answers by part, as the telephony process counts them."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    found = re.findall(r'hotline_answer_seconds_(sum|count)\{part="(\w+)"\} (\S+)', text)
    values = {(kind, part): float(value) for kind, part, value in found}
    return {part: (values["sum", part], values["count", part]) for kind, part in values if kind == "sum"}


def means(before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Of what happened between the two looks."""
    found = {}
    for part, (seconds, count) in after.items():
        old_seconds, old_count = before.get(part, (0.0, 0.0))
        if count > old_count:
            found[f"{part}_mean_s"] = round((seconds - old_seconds) / (count - old_count), 3)
    return found


async def measure(to: str, calls: int, turns: int, control_port: int) -> dict[str, float | int]:
    """All calls, begun one after the other within ten seconds."""
    voice = EspeakVoice()
    sounds = [spoken(await voice.say(text)) for text in SENTENCES]
    await voice.close()
    phone = Phone(None, port=0, rtp_ports=(0, 0), max_calls=calls, user="13800000000")
    await phone.start()
    before = await shares(control_port)
    cpu, began = time.process_time(), time.monotonic()
    found = await asyncio.gather(*(talk(phone, to, sounds, turns, 10 * number / calls) for number in range(calls)))
    seconds = time.monotonic() - began
    share = (time.process_time() - cpu) / seconds
    await phone.stop()
    waits = sorted(wait for one in found for wait in one if wait is not None)
    asked = sum(map(len, found))
    return {
        "calls": calls,
        "turns": asked,
        "without_answer": asked - len(waits),
        "p50_s": round(statistics.median(waits), 2),
        "p95_s": round(waits[int(0.95 * (len(waits) - 1))], 2),
        "worst_s": round(waits[-1], 2),
        "turns_per_second": round(asked / seconds, 1),
        "callers_cpu_percent": round(100 * share, 1),
        "load_average": os.getloadavg()[0],
    } | means(before, await shares(control_port))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("to")
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--control-port", type=int, default=8083)
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    be_nice(options.nice)
    sys.stdout.write(json.dumps(asyncio.run(measure(options.to, options.calls, options.turns, options.control_port))) + "\n")


if __name__ == "__main__":
    main()
