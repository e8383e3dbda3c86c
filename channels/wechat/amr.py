"""Frames of the voice formats that WeChat uses, taken apart without a decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FRAME_S = 0.02
"""Every frame of these formats lasts 20 ms."""

# Bytes of a frame after its first byte, by frame type (RFC 4867, storage format); -1: the type is not valid.
_NARROW = (12, 13, 15, 17, 19, 20, 26, 31, 5, -1, -1, -1, -1, -1, -1, 0)
_WIDE = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, -1, -1, -1, -1, 0, 0)


@dataclass(frozen=True)
class Stream:
    """A voice message taken apart."""

    codec: str
    """FFmpeg's name of the decoder."""
    rate_hz: int
    frames: Iterator[bytes | None]
    """None stands for 20 ms without speech: comfort noise, a lost frame, no data."""


def split(data: bytes, content_type: str = "") -> Stream | None:
    """Recognise AMR-NB, AMR-WB or (only by `content_type`, it has no mark) the JS-SDK's speex; None for anything else."""
    if data.startswith(b"#!AMR-WB\n"):
        return Stream("amrwb", 16_000, _amr(data[9:], _WIDE, last_speech=8))
    if data.startswith(b"#!AMR\n"):
        return Stream("amrnb", 8_000, _amr(data[6:], _NARROW, last_speech=7))
    if "speex" in content_type:
        return Stream("speex", 16_000, _speex(data))
    return None


def _amr(data: bytes, sizes: tuple[int, ...], *, last_speech: int) -> Iterator[bytes | None]:
    at = 0
    while at < len(data):
        kind = data[at] >> 3 & 15
        size = sizes[kind]
        if size < 0 or at + 1 + size > len(data):
            return  # cut or damaged: what was good is kept
        yield data[at : at + 1 + size] if kind <= last_speech else None
        at += 1 + size


def _speex(data: bytes) -> Iterator[bytes | None]:
    """Each frame has one byte with its length in front."""
    at = 0
    while at < len(data) and at + 1 + data[at] <= len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
