"""Test sounds and how to measure what became of them. Pure Python: a second of telephone audio is 8,000 samples."""

from __future__ import annotations

import asyncio
import audioop
import math
import struct

RATE_HZ = 8000
FRAME_BYTES = 320


def tone(hertz: float, seconds: float, amplitude: int = 10000) -> bytes:
    """A sine as 8 kHz PCM16."""
    step = 2 * math.pi * hertz / RATE_HZ
    return struct.pack(f"<{int(seconds * RATE_HZ)}h", *(int(amplitude * math.sin(step * n)) for n in range(int(seconds * RATE_HZ))))


def signal_to_noise(pcm16: bytes, hertz: float) -> float:
    """How far the tone stands above everything else, in dB. Any gap, click or wrong codec shows here."""
    samples = struct.unpack(f"<{len(pcm16) // 2}h", pcm16)
    step = 2 * math.pi * hertz / RATE_HZ
    cosine = sum(sample * math.cos(step * n) for n, sample in enumerate(samples)) * 2 / len(samples)
    sine = sum(sample * math.sin(step * n) for n, sample in enumerate(samples)) * 2 / len(samples)
    power = sum(sample * sample for sample in samples) / len(samples)
    signal = (cosine * cosine + sine * sine) / 2
    return 10 * math.log10(max(signal, 1e-9) / max(power - signal, 1e-9))


def loud_part(pcm16: bytes) -> bytes:
    """From the first loud frame to the last, without a frame at each end (they are partly silent).

    Frames of digital silence in between are left out: a busy machine may hold up the sender, and the receiver then fills
    the time line with such frames. Anything else that does not belong there stays and is measured.
    """
    frames = [pcm16[start : start + FRAME_BYTES] for start in range(0, len(pcm16), FRAME_BYTES)]
    loud = [number for number, frame in enumerate(frames) if audioop.rms(frame, 2) > 1000]
    return b"".join(frame for frame in frames[loud[0] + 1 : loud[-1]] if any(frame)) if loud else b""


def best_stretch(pcm16: bytes, hertz: float, seconds: float = 0.2) -> float:
    """The best signal-to-noise ratio of any stretch so long: for sound that a busy machine may have torn in one place."""
    length = int(seconds * RATE_HZ) * 2
    starts = range(0, len(pcm16) - length + 1, FRAME_BYTES)
    return max((signal_to_noise(pcm16[start : start + length], hertz) for start in starts), default=-math.inf)


async def heard_cleanly(heard: bytearray, hertz: float, within_s: float = 15.0) -> None:
    """Until a fifth of a second of this tone stands 35 dB above everything else in what was heard during the last two seconds."""
    async with asyncio.timeout(within_s):
        while best_stretch(loud_part(bytes(heard[-32000:])), hertz) <= 35:
            await asyncio.sleep(0.2)


def levels(pcm16: bytes, *hertz: float) -> dict[float, float]:
    """How loud each of these tones is, as the amplitude of its sine; a Hann window keeps neighbours out."""
    samples = struct.unpack(f"<{len(pcm16) // 2}h", pcm16)
    window = [sample * (1 - math.cos(2 * math.pi * n / len(samples))) for n, sample in enumerate(samples)]
    found = {}
    for each in hertz:
        step = 2 * math.pi * each / RATE_HZ
        cosine = sum(value * math.cos(step * n) for n, value in enumerate(window)) * 2 / len(samples)
        sine = sum(value * math.sin(step * n) for n, value in enumerate(window)) * 2 / len(samples)
        found[each] = math.hypot(cosine, sine)
    return found
