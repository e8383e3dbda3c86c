"""sherpa-onnx behind `telephony.speech.engine.Engine` (optional: `pip install hotline[sherpa]`).

For streaming models of the icefall family: a transducer (encoder, decoder and joiner), a zipformer CTC model, or a Paraformer
(encoder and decoder), each with its `tokens.txt`. The city's own words are hot words where the model allows it (transducers).
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hotline.logs import get
from telephony.speech.engine import ModelError
from telephony.speech.transcriber import Heard, tidy

log = get(__name__)
_RATE_HZ = 16000
_HOTWORD_SCORE = 2.0
_SILENCE_S = 0.8
"""A pause by which the end of a sentence is known."""
_TAIL = bytes(_RATE_HZ)
"""Half a second of silence: the model looks ahead, and the last word must be behind it."""


class SherpaEngine:
    """A model in memory. Decoding needs one thread at a time for each stream; streams are independent."""

    def __init__(self, folder: Path, name: str, words: Sequence[str] = ()) -> None:
        """Load it (seconds). Raises ModelError when the package is not installed or the files are no model."""
        try:
            sherpa = importlib.import_module("sherpa_onnx")
        except ImportError as error:
            raise ModelError("sherpa-onnx is not installed: pip install 'hotline[sherpa]'") from error
        self._numpy = importlib.import_module("numpy")
        self.name = name
        try:
            self._recogniser = _make(sherpa.OnlineRecognizer, folder, words)
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"sherpa-onnx cannot load {folder}: {error}") from error

    def recogniser(self, rate_hz: int) -> SherpaRecogniser:
        """For a new stream."""
        return SherpaRecogniser(self._recogniser, rate_hz, self._numpy)


class SherpaRecogniser:
    """One stream."""

    def __init__(self, recogniser: Any, rate_hz: int, numpy: Any) -> None:
        """Made by `SherpaEngine.recogniser`."""
        self._recogniser = recogniser
        self._rate = rate_hz
        self._numpy = numpy
        self._stream = recogniser.create_stream()
        self._seconds = 0.0
        self._final_until = 0.0
        self._partial = ""

    def accept(self, pcm16: bytes) -> list[Heard]:
        """Decode the next audio."""
        samples = self._numpy.frombuffer(pcm16, dtype="<i2").astype("float32") / 32768
        self._stream.accept_waveform(self._rate, samples)
        self._seconds += len(pcm16) / 2 / self._rate
        self._decode()
        if self._recogniser.is_endpoint(self._stream):
            heard = self._final()
            self._recogniser.reset(self._stream)
            return heard
        text = tidy(self._recogniser.get_result(self._stream))
        if text in ("", self._partial):
            return []
        self._partial = text
        return [Heard("partial", text, round(self._final_until, 2), round(self._seconds, 2))]

    def finish(self) -> list[Heard]:
        """The rest of the transcript."""
        silence = self._numpy.zeros(len(_TAIL) // 2, dtype="float32")
        self._stream.accept_waveform(_RATE_HZ, silence)
        self._stream.input_finished()
        self._decode()
        return self._final()

    def _decode(self) -> None:
        while self._recogniser.is_ready(self._stream):
            self._recogniser.decode_stream(self._stream)

    def _final(self) -> list[Heard]:
        """These models tell no confidence; a token's time counts from the last sentence."""
        text = tidy(self._recogniser.get_result(self._stream))
        times = self._recogniser.timestamps(self._stream) if text else []
        start = self._final_until + (times[0] if times else 0.0)
        self._partial, self._final_until = "", self._seconds
        return [Heard("final", text, round(start, 2), round(self._seconds, 2))] if text else []


def _make(factory: Any, folder: Path, words: Sequence[str]) -> Any:
    """The recogniser for the files that are there. Raises ValueError when they make no model, or what the library raises."""
    common: dict[str, Any] = {
        "tokens": str(folder / "tokens.txt"),
        "num_threads": 1,
        "sample_rate": _RATE_HZ,
        "feature_dim": 80,
        "enable_endpoint_detection": True,
        "rule1_min_trailing_silence": 2.4,
        "rule2_min_trailing_silence": _SILENCE_S,
        "rule3_min_utterance_length": 20.0,
    }
    encoder, decoder, joiner = (_one(folder, part) for part in ("encoder", "decoder", "joiner"))
    if encoder and decoder and joiner:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
            if words:
                file.write("".join(f"{word}\n" for word in words))
                file.flush()
                common |= {"hotwords_file": file.name, "hotwords_score": _HOTWORD_SCORE, "modeling_unit": "cjkchar"}
            method = "modified_beam_search" if words else "greedy_search"
            return factory.from_transducer(encoder=encoder, decoder=decoder, joiner=joiner, decoding_method=method, **common)
    if words:
        log.info("speech_words_not_used", model=folder.name, reason="only transducers take hot words")
    if encoder and decoder:
        return factory.from_paraformer(encoder=encoder, decoder=decoder, **common)
    model = _one(folder, "")
    if model is None:
        raise ValueError("no .onnx file")
    return factory.from_zipformer2_ctc(model=model, **common)


def _one(folder: Path, part: str) -> str | None:
    """The file of this part, quantised (int8) if there is one: half the time, hardly worse."""
    found = sorted(folder.glob(f"{part}*.onnx"))
    quantised = [path for path in found if ".int8." in path.name]
    return str((quantised or found)[0]) if found else None
