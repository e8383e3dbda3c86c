"""espeak-ng 1.52 in a process of its own: `python -m telephony.speech.espeak_worker`.

The library keeps its state in globals and can crash on harmless text, so it never runs inside the service. The parent
writes requests to stdin, the answers go to stdout, each a 4-byte big-endian length and that many bytes:

    request   JSON {"text", "voice", "rate", "pitch"}
    answer    JSON {"ok": true} or {"ok": false, "error"}, then (a second frame) 8 kHz PCM16, empty after an error

The first answer is sent unasked: {"ok": true, "version"} and no audio. End of stdin ends the process.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from typing import Any, BinaryIO

import espeakng_loader

from telephony.speech.resample import to_telephone

_SYNCHRONOUS, _DONT_EXIT, _UTF8 = 2, 0x8000, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
MAX_REQUEST = 64 * 1024
HEADER = struct.Struct(">I")


class Engine:
    """libespeak-ng, once per process."""

    def __init__(self) -> None:
        """Load the library of the wheel; raises OSError or RuntimeError."""
        lib = ctypes.CDLL(espeakng_loader.get_library_path())
        lib.espeak_Info.restype = ctypes.c_char_p
        lib.espeak_Info.argtypes = [ctypes.c_void_p]
        lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self.rate_hz: int = lib.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _DONT_EXIT)
        if self.rate_hz <= 0:
            raise RuntimeError("espeak_Initialize failed")
        self.version: str = lib.espeak_Info(None).decode()
        self._lib = lib
        self._chunks: list[bytes] = []
        self._callback = _CALLBACK(self._collect)  # must outlive every call, or the library calls freed memory
        lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, wav: Any, count: int, _events: Any) -> int:
        if wav and count > 0:
            self._chunks.append(ctypes.string_at(wav, 2 * count))  # the library reuses its buffer
        return 0

    def speak(self, text: str, voice: str, rate: int, pitch: int) -> bytes:
        """PCM16 at `rate_hz`; raises ValueError for an unknown voice."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((_RATE, rate), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, 50)):  # the voice has reset them
            self._lib.espeak_SetParameter(parameter, value, 0)
        raw = text.encode()
        self._chunks = []
        if self._lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None) != 0:
            raise RuntimeError("espeak_Synth failed")
        self._lib.espeak_Synchronize()
        pcm, self._chunks = b"".join(self._chunks), []
        return pcm


def _send(out: BinaryIO, head: dict[str, Any], audio: bytes = b"") -> None:
    body = json.dumps(head).encode()
    out.write(HEADER.pack(len(body)) + body + HEADER.pack(len(audio)) + audio)
    out.flush()


def _receive(source: BinaryIO) -> dict[str, Any] | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    if length > MAX_REQUEST:
        return None
    body = source.read(length)
    if len(body) < length:
        return None
    request: dict[str, Any] = json.loads(body)
    return request


def main() -> None:
    """Serve until stdin ends."""
    source = sys.stdin.buffer
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not get between the frames
    engine = Engine()
    _send(out, {"ok": True, "version": engine.version})
    while (request := _receive(source)) is not None:
        try:
            pcm = engine.speak(str(request["text"]), str(request["voice"]), int(request["rate"]), int(request["pitch"]))
        except (KeyError, ValueError, RuntimeError) as error:
            _send(out, {"ok": False, "error": str(error)})
        else:
            _send(out, {"ok": True}, to_telephone(pcm, engine.rate_hz))


if __name__ == "__main__":
    main()
