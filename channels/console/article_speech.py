"""How an answer sounds on the telephone: the project's own voice, for the ear of who writes articles or the call flow."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator

from aiohttp import web

from channels.api.limits import Limiter
from channels.console.session import require_may
from channels.web.keys import CORE, SETTINGS
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _
from telephony.speech.voice import RATE_HZ, EspeakVoice

LONGEST = 300
VOICE: web.AppKey[EspeakVoice] = web.AppKey("article_voice")
TURNS: web.AppKey[Limiter] = web.AppKey("article_voice_turns")


def setup(app: web.Application) -> None:
    """One voice for the editors' pages; it starts its process with the first sentence and ends it with the application."""
    app[VOICE] = EspeakVoice(timeout_s=app[SETTINGS].tts_timeout_s)
    app[TURNS] = Limiter(app[CORE].clock, per_minute=30, burst=15)
    app.cleanup_ctx.append(_voice)


async def _voice(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[VOICE].close()


async def speak(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/speech?text=…: the sound as the telephone has it (8 kHz). Nothing is kept."""
    person = require_may(request, "knowledge.read", "call_flow.manage")
    text = request.query.get("text", "").strip()
    if not 1 <= len(text) <= LONGEST:
        raise InvalidInput(_("请写1到{n}个字再听").format(n=LONGEST), field="text")
    if wait := request.app[TURNS].wait_seconds(str(person.actor.user_id)):
        raise Unavailable(_("试听太频繁，请过几秒再听"), seconds=wait)
    pcm = await request.app[VOICE].say(text)
    if not pcm:
        raise InvalidInput(_("这里没有可以读出来的字"), field="text")
    return web.Response(body=_wav(pcm), content_type="audio/wav", headers={"Cache-Control": "private, max-age=300"})


def _wav(pcm: bytes) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(pcm)
    return out.getvalue()
