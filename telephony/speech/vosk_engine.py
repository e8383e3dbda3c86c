"""Vosk behind `telephony.speech.engine.Engine`: one shared model, one recogniser per stream."""

from __future__ import annotations

import audioop
import json
from pathlib import Path
from typing import Any

import vosk

from telephony.speech.domain_words import DomainWords
from telephony.speech.engine import ModelError, is_vosk
from telephony.speech.transcriber import Heard, tidy

_BYTES_PER_SAMPLE = 2
_RECYCLED_AFTER_S = 120.0
"""At the end of a sentence a recogniser that is older than this is replaced: its memory grows with what it has heard."""

_PAUSE_S = 0.5
"""So long a pause of the voice ends a sentence, as it does for the models; but they notice it a quarter of a second later."""
_FRAME_BYTES = 320
_QUIET = 150
"""Root mean square below which a frame is a pause on any line (of 32,767)."""
_QUIET_SHARE = 0.06
"""And below this part of the loudest frame of the sentence (24 dB): the line's own noise."""


class _Pause:
    """How long the voice has been silent."""

    def __init__(self) -> None:
        self._loudest = 0
        self._quiet_bytes = 0

    def hear(self, pcm16: bytes) -> None:
        """The next audio."""
        for start in range(0, len(pcm16), _FRAME_BYTES):
            frame = pcm16[start : start + _FRAME_BYTES]
            level = audioop.rms(frame, _BYTES_PER_SAMPLE)
            self._loudest = max(self._loudest, level)
            quiet = level < max(_QUIET, _QUIET_SHARE * self._loudest)
            self._quiet_bytes = self._quiet_bytes + len(frame) if quiet else 0

    def seconds(self, rate_hz: int) -> float:
        """Up to now."""
        return self._quiet_bytes / _BYTES_PER_SAMPLE / rate_hz


class VoskEngine:
    """A Vosk model in memory: large, and safe to share between threads."""

    def __init__(self, folder: Path, name: str, words: DomainWords | None = None, *, recycled_after_s: float = _RECYCLED_AFTER_S) -> None:
        """Load the model (seconds for a large one). `words`: names that are mended in what it hears. Raises ModelError."""
        vosk.SetLogLevel(-1)
        if not is_vosk(folder):
            raise ModelError(f"{folder} holds no acoustic model (am/final.mdl)")
        try:
            self._model = vosk.Model(model_path=str(folder))
        except Exception as error:  # the library raises plain Exception for every failure
            raise ModelError(f"Vosk cannot load {folder}: {error}") from error
        self.name = name
        self._words = DomainWords() if words is None else words
        self._recycled_after_s = recycled_after_s

    def recogniser(self, rate_hz: int) -> VoskRecogniser:
        """For a new stream."""
        return VoskRecogniser(self._model, rate_hz, self._words, self._recycled_after_s)


class VoskRecogniser:
    """One stream. `AcceptWaveform` releases the GIL, so several decode in parallel threads."""

    def __init__(self, model: Any, rate_hz: int, words: DomainWords, recycled_after_s: float) -> None:
        """Made by `VoskEngine.recogniser`."""
        self._model = model
        self._words = words
        self._rate = rate_hz
        self._recycled_after_s = recycled_after_s
        self._seconds = 0.0
        self._final_until = 0.0
        self._partial = ""
        self._pause = _Pause()
        self._renew()

    def _renew(self) -> None:
        self._recogniser = vosk.KaldiRecognizer(self._model, self._rate)
        self._recogniser.SetWords(True)
        self._offset = self._seconds
        """Seconds of the stream before this recogniser: its own clock begins at 0."""

    def accept(self, pcm16: bytes) -> list[Heard]:
        """Decode the next audio."""
        is_final = self._recogniser.AcceptWaveform(pcm16)
        self._seconds += len(pcm16) / _BYTES_PER_SAMPLE / self._rate
        self._pause.hear(pcm16)
        if not is_final:
            changed = self._changed_partial(self._recogniser.PartialResult())
            if changed or not self._partial or self._pause.seconds(self._rate) < _PAUSE_S:
                return changed
        heard = self._final(self._recogniser.Result())
        if self._seconds - self._offset > self._recycled_after_s:
            self._renew()
        return heard

    def finish(self) -> list[Heard]:
        """The rest of the transcript."""
        return self._final(self._recogniser.FinalResult())

    def _final(self, raw: str) -> list[Heard]:
        result = json.loads(raw)
        self._partial, self._pause = "", _Pause()
        text = self._text(result.get("text", ""))
        words = result.get("result") or []
        start = self._offset + float(words[0]["start"]) if words else self._final_until
        end = self._offset + float(words[-1]["end"]) if words else self._seconds
        self._final_until = end
        if not text:
            return []
        confidence = sum(float(word.get("conf", 0)) for word in words) / len(words) if words else None
        return [Heard("final", text, round(start, 2), round(end, 2), None if confidence is None else round(confidence, 3))]

    def _changed_partial(self, raw: str) -> list[Heard]:
        text = self._text(json.loads(raw).get("partial", ""))
        if text == self._partial:
            return []
        self._partial = text
        return [Heard("partial", text, round(self._final_until, 2), round(self._seconds, 2))] if text else []

    def _text(self, raw: str) -> str:
        """The model puts blanks between its words: names are looked for between these."""
        return tidy(self._words.correct(raw.split()))
