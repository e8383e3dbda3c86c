"""Vosk behind `Transcriber`: one shared model, one recogniser per stream, decoding in worker threads.

`AcceptWaveform` releases the GIL (cffi), so threads decode in parallel and the event loop goes on. A recogniser is used
by one thread at a time: its calls are queued by a lock.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import vosk

from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.logs import get
from telephony.speech.transcriber import Heard, tidy

log = get(__name__)
_BYTES_PER_SAMPLE = 2


class ModelError(Exception):
    """The folder is not a model that Vosk can load; the text says what is missing."""


class VoskTranscriber:
    """A model in memory. Make one per process: it is large and safe to share."""

    def __init__(self, folder: Path, name: str, *, max_sessions: int = 60, threads: int | None = None) -> None:
        """Load the model (seconds for a large one). Raises ModelError.

        Args:
            folder: an unpacked Vosk model.
            name: what is stored with each transcript.
            max_sessions: streams at once; each takes up to 40 MB with a small real model.
            threads: decoding threads, default one per processor.
        """
        vosk.SetLogLevel(-1)
        if not (folder / "am" / "final.mdl").is_file() and not (folder / "final.mdl").is_file():
            raise ModelError(f"{folder} holds no acoustic model (am/final.mdl)")
        try:
            self._model = vosk.Model(model_path=str(folder))
        except Exception as error:  # the library raises plain Exception for every failure
            raise ModelError(f"Vosk cannot load {folder}: {error}") from error
        self.name = name
        self._max = max_sessions
        self._open = 0
        self._count = threading.Lock()
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="vosk")

    @property
    def sessions(self) -> int:
        """Streams that are open now."""
        return self._open

    def open(self, rate_hz: int) -> VoskSession:
        """Start a transcript. Raises Unavailable when `max_sessions` are open, ValueError for a senseless rate."""
        if not 4_000 <= rate_hz <= 96_000:
            raise ValueError(f"no speech has {rate_hz} samples per second")
        with self._count:
            if self._open >= self._max:
                raise Unavailable(_("语音识别忙，请稍后再试"))
            self._open += 1
        try:
            recogniser = vosk.KaldiRecognizer(self._model, rate_hz)
            recogniser.SetWords(True)
        except BaseException:
            self._release()
            raise
        return VoskSession(recogniser, rate_hz, self._pool, self._release)

    def _release(self) -> None:
        with self._count:
            self._open -= 1

    def close(self) -> None:
        """Stop the worker threads after what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class VoskSession:
    """One stream. See `TranscriptSession`."""

    def __init__(self, recogniser: Any, rate_hz: int, pool: ThreadPoolExecutor, release: Callable[[], None]) -> None:
        """Made by `VoskTranscriber.open`."""
        self._recogniser: Any | None = recogniser
        self._rate = rate_hz
        self._pool = pool
        self._release = release
        self._turn = asyncio.Lock()
        self._odd = b""
        self._seconds = 0.0
        self._final_until = 0.0
        self._partial = ""
        self._finished = False

    async def accept(self, pcm16: bytes) -> list[Heard]:
        """Decode the next audio in a worker thread. Raises ValueError after `finish` or `close`."""
        async with self._turn:
            recogniser = self._usable()
            audio = self._odd + pcm16
            whole = len(audio) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE
            audio, self._odd = audio[:whole], audio[whole:]
            if not audio:
                return []
            raw, is_final = await asyncio.get_running_loop().run_in_executor(self._pool, _decode, recogniser, audio)
            self._seconds += len(audio) / _BYTES_PER_SAMPLE / self._rate
            return self._final(raw) if is_final else self._changed_partial(raw)

    async def finish(self) -> list[Heard]:
        """The rest of the transcript. Raises ValueError when it was finished or closed before."""
        async with self._turn:
            recogniser = self._usable()
            self._finished = True
            raw = await asyncio.get_running_loop().run_in_executor(self._pool, recogniser.FinalResult)
            return self._final(raw)

    def close(self) -> None:
        """Free the recogniser; one that is decoding is freed when its thread is through."""
        if self._recogniser is not None:
            self._recogniser = None
            self._release()

    def _usable(self) -> Any:
        if self._recogniser is None or self._finished:
            raise ValueError("the transcript is finished")
        return self._recogniser

    def _final(self, raw: str) -> list[Heard]:
        result = json.loads(raw)
        self._partial = ""
        text = tidy(result.get("text", ""))
        words = result.get("result") or []
        start = float(words[0]["start"]) if words else self._final_until
        end = float(words[-1]["end"]) if words else self._seconds
        self._final_until = end
        if not text:
            return []
        confidence = sum(float(word.get("conf", 0)) for word in words) / len(words) if words else None
        return [Heard("final", text, round(start, 2), round(end, 2), None if confidence is None else round(confidence, 3))]

    def _changed_partial(self, raw: str) -> list[Heard]:
        text = tidy(json.loads(raw).get("partial", ""))
        if text == self._partial:
            return []
        self._partial = text
        return [Heard("partial", text, round(self._final_until, 2), round(self._seconds, 2))] if text else []


def _decode(recogniser: Any, audio: bytes) -> tuple[str, bool]:
    """In a worker thread: the raw JSON and whether it is a final result."""
    if recogniser.AcceptWaveform(audio):
        return recogniser.Result(), True
    return recogniser.PartialResult(), False
