"""Measure a model folder in real Vosk: character error rates, endpoint and partial delays, speed, memory."""

# ruff: noqa: T201 - a command that prints its findings
from __future__ import annotations

import argparse
import json
import pickle
import resource
import time
from pathlib import Path

import numpy as np
import vosk

from telephony.speech.synthetic.builder.speaker import add_noise, drop_packets, speech_level

CHUNK = 1600
"""Bytes per call: 100 ms of 8 kHz PCM16."""
Item = tuple[str, str, np.ndarray]


_STEPS = np.arange(16) * 16
_EDGES = np.concatenate([_STEPS, *(((_STEPS + 256) << s) for s in range(7))])
_LEVELS = np.concatenate([_STEPS + 8, *(((_STEPS + 264) << s) for s in range(7))]).astype(np.float32)


def g711_alaw(samples: np.ndarray) -> np.ndarray:
    """G.711 A-law encoding and decoding by table (float in -1..1, float out)."""
    magnitude = np.minimum(np.abs(samples) * 32768, 32767)
    out: np.ndarray = np.sign(samples) * _LEVELS[np.searchsorted(_EDGES, magnitude, "right") - 1] / 32768
    return out


def telephone(speech: np.ndarray, effect: str, rng: np.random.Generator) -> bytes:
    """Level, silence around, A-law, optional effect; returns PCM16 bytes."""
    x = speech_level(speech.astype(np.float32), 0.5)
    x = np.concatenate([np.zeros(2400, np.float32), x, np.zeros(9600, np.float32)])
    if effect.startswith("noise"):
        x = add_noise(x, float(effect[5:]), rng)
    x = g711_alaw(x + rng.standard_normal(len(x)).astype(np.float32) * 1e-4)
    if effect.startswith("loss"):
        x = drop_packets(x, float(effect[4:]) / 100, rng)
    return (x * 32767).astype("<i2").tobytes()


def decode(model: vosk.Model, pcm: bytes) -> str:
    """What the model hears, streamed in pieces of 100 ms."""
    recogniser = vosk.KaldiRecognizer(model, 8000)
    out: list[str] = []
    for i in range(0, len(pcm), CHUNK):
        if recogniser.AcceptWaveform(pcm[i : i + CHUNK]):
            out.append(json.loads(recogniser.Result())["text"])
    out.append(json.loads(recogniser.FinalResult())["text"])
    return "".join(out).replace(" ", "")


def distance(a: str, b: str) -> int:
    """Edit distance of two texts."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def error_rate(model: vosk.Model, items: list[Item], effect: str = "", show: int = 0) -> tuple[float, float, float]:
    """Return CER %, share of exact sentences %, CPU seconds per second of audio."""
    rng, wrong, total, exact, seconds = np.random.default_rng(7), 0, 0, 0, 0.0
    cpu = 0.0
    for words, voice, speech in items:
        pcm, want = telephone(speech, effect, rng), words.replace(" ", "")
        t = time.process_time()
        got = decode(model, pcm)
        cpu += time.process_time() - t
        wrong, total, exact, seconds = wrong + distance(want, got), total + len(want), exact + (want == got), seconds + len(pcm) / 16000
        if show and want != got:
            show -= 1
            print("   ", voice, want, "|", got)
    return 100 * wrong / total, 100 * exact / len(items), cpu / seconds


def delays(model: vosk.Model, items: list[Item]) -> dict[str, float]:
    """Delays against the end of speech (audio time, in steps of 20 ms) and of the last word's partial."""
    rng, ends, partials, firsts = np.random.default_rng(7), [], [], []
    for _, _, speech in items:
        pcm = telephone(speech, "", rng)
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")[: len(pcm) // 2 - 8000]) > 600)
        onset, finish = loud[0] / 8000, loud[-1] / 8000
        recogniser, last, seen, first = vosk.KaldiRecognizer(model, 8000), None, "", None
        for i in range(0, len(pcm), 320):
            now = (i + 320) / 16000
            if recogniser.AcceptWaveform(pcm[i : i + 320]):
                if now > finish:
                    ends.append(now - finish)
                break
            text = json.loads(recogniser.PartialResult())["partial"]
            if text != seen:
                seen, last = text, now
                first = first or now
        if last:
            partials.append(last - finish)
        if first:
            firsts.append(first - onset)

    def pick(values: list[float], share: float) -> float:
        return round(float(np.quantile(values, share)), 2) if values else -1.0

    return {
        "endpoints": len(ends),
        "endpoint p50": pick(ends, 0.5),
        "endpoint p95": pick(ends, 0.95),
        "last partial p50": pick(partials, 0.5),
        "last partial p95": pick(partials, 0.95),
        "first partial p50": pick(firsts, 0.5),
    }


def resident() -> float:
    """MB of resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("kept", type=Path, help="file written by build.py --keep")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    vosk.SetLogLevel(-1)
    items: dict[str, list[Item]] = pickle.loads(args.kept.read_bytes())["items"]  # noqa: S301 - our own file
    before, t = resident(), time.monotonic()
    model = vosk.Model(model_path=str(args.model))
    print(f"load {time.monotonic() - t:.3f} s, +{resident() - before:.1f} MB")
    effects = ("",) if args.quick else ("", "loss5", "noise10", "noise5")
    cases = [(group, effect) for effect in effects for group in ("seen", "unseen")]
    for group, effect in cases:
        cer, exact, rtf = error_rate(model, items[group], effect, 0 if args.quick else 4)
        print(f"{group:7}{effect:8} CER {cer:.2f} % exact {exact:.1f} % CPU RTF {rtf:.4f}", flush=True)
    for voice in sorted({v for _, v, _ in items["unseen"]}):
        cer, exact, _ = error_rate(model, [i for i in items["unseen"] if i[1] == voice])
        print(f"  {voice:12} CER {cer:.2f} % exact {exact:.1f} %")
    if not args.quick:
        print(delays(model, items["seen"][:60]))
        before = resident()
        keep = [vosk.KaldiRecognizer(model, 8000) for _ in range(20)]
        for r in keep:
            r.AcceptWaveform(telephone(items["seen"][0][2], "", np.random.default_rng(1)))
        print(f"memory per recogniser {(resident() - before) / 20:.2f} MB")


if __name__ == "__main__":
    main()
