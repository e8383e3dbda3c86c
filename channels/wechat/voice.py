"""WeChat voice messages to PCM. Runs in a thread: decoding a minute takes some 100 ms, and never belongs in the loop."""

from __future__ import annotations

import io
from typing import Any

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from channels.wechat.amr import FRAME_S, Stream, split

MAX_BYTES = 2 << 20
MAX_SECONDS = 120
"""WeChat lets people speak for 60 s; anything much longer is not from there."""


class VoiceError(ValueError):
    """The bytes are not a voice message that can be decoded."""


def decode(data: bytes, rate_hz: int = 16_000, content_type: str = "") -> bytes:
    """AMR-NB, AMR-WB or JS-SDK speex to little-endian 16-bit mono PCM at `rate_hz`; raises `VoiceError`.

    FFmpeg's own AMR decoder refuses comfort-noise frames (discontinuous transmission, which phones use in pauses): silence
    of the same length is put in their place, so that times stay right.
    """
    if len(data) > MAX_BYTES:
        raise VoiceError("too large")
    stream = split(data, content_type)
    if stream is None:
        raise VoiceError("not a known voice format")
    decoder = _decoder(stream)
    resampler, out, decoded_any = AudioResampler("s16", "mono", rate_hz), io.BytesIO(), False
    for number, frame in enumerate(stream.frames):
        if number * FRAME_S > MAX_SECONDS:
            raise VoiceError("too long")
        pieces = _decode_frame(decoder, frame)
        decoded_any = decoded_any or bool(pieces)
        for piece in pieces or [_silence(decoder, stream)]:
            piece.pts = None
            _write(out, resampler.resample(piece))
    _write(out, resampler.resample(None))
    if not decoded_any:
        raise VoiceError("no speech in it")
    return out.getvalue()


def _decoder(stream: Stream) -> Any:
    context: Any = av.codec.CodecContext.create(stream.codec, "r")
    context.sample_rate, context.layout = stream.rate_hz, "mono"
    context.open()
    return context


def _decode_frame(decoder: Any, frame: bytes | None) -> list[AudioFrame]:
    if frame is None:
        return []
    try:
        return list(decoder.decode(av.Packet(frame)))
    except av.error.FFmpegError:
        return []  # one damaged frame: 20 ms of silence instead


def _silence(decoder: Any, stream: Stream) -> AudioFrame:
    quiet = AudioFrame(decoder.format.name, "mono", round(stream.rate_hz * FRAME_S))
    quiet.sample_rate = stream.rate_hz
    for plane in quiet.planes:
        plane.update(bytes(plane.buffer_size))
    return quiet


def _write(out: io.BytesIO, frames: list[AudioFrame]) -> None:
    for frame in frames:
        out.write(bytes(frame.planes[0])[: frame.samples * 2])
