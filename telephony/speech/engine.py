"""The interface behind which a speech engine (语音识别引擎) stands, and finding the engine that a model folder needs.

An engine is plain, blocking code: it knows neither calls nor the event loop. `telephony.speech.in_process` runs one in threads,
`telephony.speech.processes` in worker processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from telephony.speech.transcriber import Heard


class ModelError(Exception):
    """The folder is not a model that can be loaded; the text says what is missing."""


class Recogniser(Protocol):
    """Hears one stream. Used by one thread at a time."""

    def accept(self, pcm16: bytes) -> list[Heard]:
        """Take the next audio (whole samples); what is newly known, times in seconds since the stream began."""
        ...

    def finish(self) -> list[Heard]:
        """The audio is over: what was still open."""
        ...


class Engine(Protocol):
    """A model in memory, shared by its recognisers."""

    name: str
    """Which model it is; stored with every transcript."""

    def recogniser(self, rate_hz: int) -> Recogniser:
        """For a new stream of so many samples a second. Safe to call from any thread."""
        ...


def is_model(folder: Path) -> bool:
    """Whether one of the engines may be able to load this folder."""
    return is_vosk(folder) or is_sherpa(folder)


def is_vosk(folder: Path) -> bool:
    """Whether it is a Vosk model (Kaldi's acoustic model is there)."""
    return (folder / "am" / "final.mdl").is_file() or (folder / "final.mdl").is_file()


def is_sherpa(folder: Path) -> bool:
    """Whether it is a streaming model for sherpa-onnx (a token table and ONNX files)."""
    return (folder / "tokens.txt").is_file() and any(folder.glob("*.onnx"))


def load_engine(folder: Path, name: str, words: Sequence[str] = ()) -> Engine:
    """Load the model (seconds for a large one).

    `words`: names of the city that should be heard rather than what sounds like them: hot words for sherpa-onnx's transducers,
    mended afterwards in what Vosk heard. Raises ModelError.
    """
    if is_sherpa(folder):
        from telephony.speech.sherpa_engine import SherpaEngine

        return SherpaEngine(folder, name, words)
    from telephony.speech.domain_words import DomainWords
    from telephony.speech.vosk_engine import VoskEngine

    return VoskEngine(folder, name, DomainWords(words))
