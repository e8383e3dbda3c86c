"""Speaking on a call: prompts, answers, tones, and being interrupted (打断)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from hotline.errors import Unavailable
from hotline.logs import get
from telephony.flow.tones import beep
from telephony.leg import Leg, Playback
from telephony.speech.prompts import PromptStore
from telephony.speech.voice import Voice

log = get(__name__)


class Mouth:
    """What we say on one call."""

    def __init__(self, leg: Leg, prompts: PromptStore, voice: Voice, on_quiet: Callable[[], None]) -> None:
        """`on_quiet` is called each time when nothing is left to say."""
        self._leg = leg
        self._prompts = prompts
        self._voice = voice
        self._on_quiet = on_quiet
        self._playing: list[Playback] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._firm = 0
        self._cuts = 0
        """Times that we were cut off: what was being made then is not played any more."""
        self.last = b""
        """The last answer, for those who want it again."""
        self.began_at = 0.0
        """When something was last queued, by the monotonic clock, after nothing had been."""

    @property
    def talking(self) -> bool:
        """Whether something is being played."""
        return bool(self._playing)

    async def prompt(self, key: str, *, firm: bool = False) -> str:
        """Queue a fixed prompt; returns its text. When it cannot be had, a tone is heard, so that the line is never dead."""
        try:
            pcm = await self._prompts.pcm(key)
        except Unavailable as error:
            log.warning("prompt_not_played", prompt=key, reason=str(error))
            pcm = beep()
        self.play(pcm, firm=firm)
        return self._prompts.texts[key]

    async def offer(self, text: str) -> bool:
        """Queue a text for which there is something else to say; False when the voice fails and nothing was queued."""
        try:
            self.play(await self._voice.say(text))
        except Unavailable as error:
            log.warning("text_not_played", reason=str(error))
            return False
        return True

    async def say(self, text: str, *, firm: bool = False) -> None:
        """Queue a text, its first sentence as soon as it is made. When the voice fails, the caller is told that something is missing."""
        cuts, made = self._cuts, b""
        try:
            async for piece in self._voice.pieces(text):
                made += piece
                if cuts == self._cuts:
                    self.play(piece, firm=firm)
        except Unavailable as error:
            log.warning("answer_not_played", reason=str(error))
            await self.prompt("speech_failed")
            return
        self.last = made

    def play(self, pcm16: bytes, *, firm: bool = False) -> None:
        """Queue sound. `firm`: the caller's voice does not cut it off (a key still does)."""
        if not self._playing:
            self.began_at = time.monotonic()
        playback = self._leg.play(pcm16)
        self._playing.append(playback)
        self._firm += firm
        watcher = asyncio.create_task(self._watch(playback, firm))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    def hush(self, *, even_firm: bool = False) -> None:
        """Stop speaking: the caller does."""
        if self._firm and not even_firm:
            return
        self._cuts += 1
        for playback in list(self._playing):
            playback.stop()

    async def finished(self) -> None:
        """Until everything was said or cut off."""
        while self._watchers:
            await asyncio.wait(self._watchers)

    async def _watch(self, playback: Playback, firm: bool) -> None:
        await playback.wait()
        self._playing.remove(playback)
        self._firm -= firm
        if not self._playing:
            self._on_quiet()
