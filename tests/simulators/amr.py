"""Makes AMR-NB voice messages as a phone does: 4.75 kbit/s, with comfort-noise frames in the pauses (DTX).

Needs a PyAV whose FFmpeg has libopencore's encoder (PyAV 18 on Python 3.11). `python -m tests.simulators.amr TEXT FILE`
speaks TEXT with the project's voice; tests/channels/wechat/complaint.amr was made by it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame

RATE_HZ = 8000
_SAMPLES = 160


def encode(pcm16: bytes) -> bytes:
    """8 kHz mono PCM16 as an AMR file; the last piece of less than 20 ms is left out."""
    context: Any = av.codec.CodecContext.create("libopencore_amrnb", "w")
    context.sample_rate, context.layout, context.format = RATE_HZ, "mono", "s16"
    context.bit_rate, context.options = 4750, {"dtx": "1"}
    context.open()
    out = bytearray(b"#!AMR\n")
    for at in range(0, len(pcm16) - 2 * _SAMPLES + 1, 2 * _SAMPLES):
        frame = AudioFrame("s16", "mono", _SAMPLES)
        frame.sample_rate, frame.pts = RATE_HZ, at // 2
        frame.planes[0].update(pcm16[at : at + 2 * _SAMPLES])
        for packet in context.encode(frame):
            out += bytes(packet)
    for packet in context.encode(None):
        out += bytes(packet)
    return bytes(out)


async def spoken(text: str) -> bytes:
    """`text` said twice with a pause between, so that there is silence for the encoder to leave out."""
    from telephony.speech.voice import EspeakVoice

    voice = EspeakVoice()
    try:
        pcm = await voice.say(text)
    finally:
        await voice.close()
    return encode(pcm + bytes(RATE_HZ * 2) + pcm)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(asyncio.run(spoken(sys.argv[1])))
