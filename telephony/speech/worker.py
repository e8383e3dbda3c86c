"""A process that transcribes: `python -m telephony.speech.worker FOLDER NAME THREADS`, the names of the city first on stdin.

It holds one model and any number of streams. After the names (`pack_words`) come frames in both directions (see `HEADER`): the parent
opens a stream, sends audio, and waits for the answer to each before it sends the next of the same stream; streams are served by as
many threads as there are processors. The process is a little less urgent than the one that sends the sound. End of stdin ends it.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Final

from telephony.speech.engine import Engine, ModelError, Recogniser, load_engine
from telephony.speech.transcriber import Heard

HEADER: Final = struct.Struct(">IBI")
"""Stream, what it is, length of what follows."""
OPEN, AUDIO, FINISH, CLOSE = range(4)
"""What a frame to the worker is: a rate (4 bytes), PCM16, nothing, nothing. CLOSE is not answered."""
DONE, FAILED, READY = range(3)
"""What a frame from the worker is: JSON of what was heard, a reason, nothing (once, after the model was loaded)."""
_NICER = 5


def pack_words(words: Sequence[str]) -> bytes:
    """The names of the city: a large one's are too long for a command line."""
    body = json.dumps(list(words), ensure_ascii=False).encode()
    return len(body).to_bytes(4, "big") + body


def _read_words(source: BinaryIO) -> list[str]:
    words: list[str] = json.loads(source.read(int.from_bytes(source.read(4), "big")))
    return words


def encode(heard: Sequence[Heard]) -> bytes:
    """For the parent."""
    return json.dumps([asdict(one) for one in heard], ensure_ascii=False).encode()


def decode(body: bytes) -> list[Heard]:
    """What `encode` wrote."""
    return [Heard(**one) for one in json.loads(body)] if body else []


class _Streams:
    """The open streams; each answer is written whole."""

    def __init__(self, engine: Engine, out: BinaryIO) -> None:
        self._engine = engine
        self._out = out
        self._lock = threading.Lock()
        self._open: dict[int, Recogniser] = {}
        self._gone: set[int] = set()

    def serve(self, stream: int, kind: int, body: bytes) -> None:
        """One request of the parent, in a thread of the pool."""
        try:
            self.answer(stream, DONE, self._do(stream, kind, body))
        except Exception as error:  # noqa: BLE001 - whatever the engine raises belongs to this stream; the others go on
            self.answer(stream, FAILED, f"{type(error).__name__}: {error}".encode())

    def _do(self, stream: int, kind: int, body: bytes) -> bytes:
        if kind == OPEN:
            recogniser = self._engine.recogniser(int.from_bytes(body, "big"))
            with self._lock:
                if stream in self._gone:  # closed before it was opened: whoever wanted it gave up
                    self._gone.discard(stream)
                else:
                    self._open[stream] = recogniser
            return b""
        recogniser = self._open[stream]
        return encode(recogniser.accept(body) if kind == AUDIO else recogniser.finish())

    def drop(self, stream: int) -> None:
        """Nobody listens to it any more."""
        with self._lock:
            if self._open.pop(stream, None) is None:
                self._gone.add(stream)

    def answer(self, stream: int, kind: int, body: bytes = b"") -> None:
        """Write one frame."""
        with self._lock:
            self._out.write(HEADER.pack(stream, kind, len(body)) + body)
            self._out.flush()


def main(arguments: Sequence[str]) -> int:
    """Serve until stdin ends."""
    folder, name, threads = Path(arguments[0]), arguments[1], int(arguments[2])
    words = _read_words(sys.stdin.buffer)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the frames
    os.nice(_NICER)
    try:
        streams = _Streams(load_engine(folder, name, words), out)
    except ModelError as error:
        out.write(HEADER.pack(0, FAILED, len(str(error).encode())) + str(error).encode())
        out.flush()
        return 1
    streams.answer(0, READY)
    source = sys.stdin.buffer
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        while len(header := source.read(HEADER.size)) == HEADER.size:
            stream, kind, length = HEADER.unpack(header)
            body = source.read(length)
            if kind == CLOSE:
                streams.drop(stream)
            else:
                pool.submit(streams.serve, stream, kind, body)
        pool.shutdown(cancel_futures=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
