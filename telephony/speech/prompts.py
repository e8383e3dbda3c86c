"""Fixed prompts: rendered once, kept as 8 kHz A-law files, played without a voice or a database.

A file's name is the hash of text, voice and version, so a changed text is a new file. The apology is also shipped with
the program: it must be there when nothing else is.
"""

from __future__ import annotations

import asyncio
import audioop
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from hotline.errors import Unavailable
from hotline.logs import get
from hotline.settings import Settings
from telephony.speech.voice import EspeakVoice, Voice

log = get(__name__)
FLOW = Path(__file__).parent.parent / "flow"
TEXTS = FLOW / "prompts.yaml"
SHIPPED = FLOW / "sounds" / "apology.alaw"
APOLOGY = "apology"


class PromptError(Exception):
    """The file of prompts is wrong; the text says where."""


def read_texts(path: Path = TEXTS, **values: str) -> tuple[int, dict[str, str]]:
    """Version and texts of the prompts, with `values` filled in. Raises PromptError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        version, prompts = int(data["version"]), dict(data["prompts"])
        texts = {str(key): str(text).format(**values).strip() for key, text in prompts.items()}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise PromptError(f"{path.name}: {type(error).__name__}: {error}") from error
    empty = [key for key, text in texts.items() if not text]
    if empty or APOLOGY not in texts:
        raise PromptError(f"{path.name}: no text for {', '.join(empty) or APOLOGY}")
    return version, texts


class PromptStore:
    """The fixed prompts of one installation."""

    def __init__(self, texts: Mapping[str, str], version: int, folder: Path, voice: Voice) -> None:
        """`folder` holds the cached files; it is made when the first is written."""
        self.texts = dict(texts)
        self._version = version
        self._folder = folder
        self._voice = voice
        self._ready: dict[str, bytes] = {}

    @classmethod
    def of(cls, settings: Settings, voice: Voice) -> PromptStore:
        """The store of an installation; raises PromptError."""
        version, texts = read_texts(city=settings.city_name, line=settings.line_number)
        return cls(texts, version, settings.data_dir / "prompts", voice)

    def path(self, key: str) -> Path:
        """Where the prompt's sound is kept."""
        name = hashlib.sha256(f"{self.texts[key]}\n{self._voice.name}\n{self._version}".encode()).hexdigest()
        return self._folder / f"{name}.alaw"

    async def pcm(self, key: str) -> bytes:
        """The prompt as 8 kHz PCM16, rendered now if need be.

        Raises Unavailable when it is not cached and the voice fails, KeyError for an unknown key. The apology always works.
        """
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = await self._load(key)
        return found

    async def _load(self, key: str) -> bytes:
        path = self.path(key)
        try:
            return audioop.alaw2lin(path.read_bytes(), 2)
        except OSError:
            pass  # not rendered yet, or the folder was emptied: render it again
        try:
            pcm = await self._voice.say(self.texts[key])
            if not pcm:
                raise Unavailable(f"the voice says nothing for prompt {key}")
        except Unavailable:
            if key == APOLOGY:
                return audioop.alaw2lin(SHIPPED.read_bytes(), 2)
            raise
        self._keep(path, audioop.lin2alaw(pcm, 2))
        return audioop.alaw2lin(audioop.lin2alaw(pcm, 2), 2)

    def _keep(self, path: Path, alaw: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(alaw)
            part.replace(path)
        except OSError as error:  # the prompt is played all the same
            log.warning("prompt_not_cached", reason=str(error))

    async def warm(self, progress: Callable[[str], None] | None = None) -> int:
        """Have every prompt ready; returns how many could not be rendered. Never raises for a voice that fails."""
        missing = 0
        for number, key in enumerate(self.texts, 1):
            try:
                await self.pcm(key)
            except Unavailable as error:
                missing += 1
                log.warning("prompt_missing", prompt=key, reason=str(error))
            if progress:
                progress(f"语音提示 {number}/{len(self.texts)}：{key}")
        return missing


def prepare(settings: Settings, progress: Callable[[str], None]) -> int:
    """Render every prompt at set-up; returns how many are missing. Starts and ends a voice of its own."""

    async def work() -> int:
        voice = EspeakVoice(timeout_s=settings.tts_timeout_s)
        try:
            return await PromptStore.of(settings, voice).warm(progress)
        finally:
            await voice.close()

    return asyncio.run(work())


def ship() -> None:
    """Render the apology that comes with the program: run this after its text was changed."""

    async def work() -> bytes:
        voice = EspeakVoice()
        try:
            return await voice.say(read_texts(city="", line="")[1][APOLOGY])
        finally:
            await voice.close()

    SHIPPED.parent.mkdir(exist_ok=True)
    SHIPPED.write_bytes(audioop.lin2alaw(asyncio.run(work()), 2))


if __name__ == "__main__":
    ship()
