"""Understanding voice messages: fetch, decode, transcribe. WeChat's own recognition is being withdrawn and not relied on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from channels.wechat import voice
from channels.wechat.api import Client
from channels.wechat.errors import PlatformRefused
from hotline import logs
from hotline.errors import Unavailable
from telephony.speech import Transcriber, transcribe_pcm

log = logs.get(__name__)
RATE_HZ = 8_000
"""AMR-NB's own rate, and the one that the telephone's transcriber works at."""


class NotHeard(Exception):
    """The message was not understood for good: trying again would not help. The cause is the text."""


@dataclass(frozen=True)
class Heard:
    """A voice message."""

    text: str
    """Empty when nothing was understood."""
    audio: bytes
    transcriber: str


class Ears:
    """One per process."""

    def __init__(self, client: Client | None, transcriber: Callable[[], Transcriber | None]) -> None:
        """`transcriber` may take seconds the first time; it is called in a thread."""
        self._client, self._transcriber = client, transcriber
        self._loading = asyncio.Lock()

    @property
    def can_fetch(self) -> bool:
        """Whether files of citizens can be fetched at all."""
        return self._client is not None

    async def listen(self, media_id: str) -> Heard:
        """Fetch and transcribe; raises `NotHeard` for good, any other `PlatformError` or `Unavailable` for now."""
        if self._client is None:
            raise NotHeard("the account has no AppSecret, so that voice messages cannot be fetched")
        async with self._loading:  # only one thread loads the model
            transcriber = await asyncio.to_thread(self._transcriber)
        if transcriber is None:
            raise NotHeard("no speech model")
        try:
            audio = await self._client.media(media_id)
        except PlatformRefused as error:
            if error.may_work_later:
                raise Unavailable("platform busy") from error
            raise NotHeard(f"the platform refuses the file: {error.code}") from None
        try:
            pcm = await asyncio.to_thread(voice.decode, audio, RATE_HZ)
        except voice.VoiceError as error:
            raise NotHeard(str(error)) from None
        text = await transcribe_pcm(transcriber, pcm, RATE_HZ)
        log.info("voice message transcribed", seconds=round(len(pcm) / 2 / RATE_HZ, 1), model=transcriber.name, understood=bool(text))
        return Heard(text, audio, transcriber.name)
