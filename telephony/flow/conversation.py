"""The talk between caller and assistant: words, keys, silence, interrupting, and the offer to connect an emergency line."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.logs import get
from telephony.flow.ear import Key, Quiet, Silence
from telephony.flow.pending import Said
from telephony.flow.person import reach_person, reachable
from telephony.speech.numerals import slowly
from telephony.speech.transcriber import Heard
from ticketing.call_flow.document import Talk as Options
from ticketing.call_flow.document import Unheard
from ticketing.call_flow.tongue import asked_for

if TYPE_CHECKING:
    from chatbot.reply import Turn
    from telephony.flow.call import Call

log = get(__name__)

_BARGE_IN = 2
"""Characters of a partial result at which we stop speaking; one may be a cough."""
_KEYS_S = 2.0
"""After the last key a typed number counts as complete; # says so at once."""
_RETRIES = 4
_RETRY_S = 2.0
"""A database that was restarted is back after a moment; the caller is asked to wait that long."""
_SPOKE_S = 0.8
"""So much sound without a word that was understood: the caller spoke, and was not understood."""


def listen_for_voice(call: Call, options: Options) -> None:
    """From now on the caller's voice stops what we say, also before a word of it is understood."""
    if options.barge_in_ms:
        call.ear.voice_ms = options.barge_in_ms
        call.ear.on_voice = call.mouth.hush


class Talk:
    """Questions and answers, until the caller leaves, is done, or speaks with a person."""

    def __init__(self, call: Call, options: Options) -> None:
        """`call`: its ear, mouth and record. `options`: of the step."""
        self._call = call
        self._options = options
        self._ear, self._mouth, self._record = call.ear, call.mouth, call.record
        self._settings = call.parts.settings
        self._keys = ""
        self._unheard = 0
        """Times in a row that nothing was heard, or nothing understood."""
        self._voiced_before = 0.0
        self._form_open = False
        self._answered = False
        self._person_tried = False
        self._emergency = call.emergency

    async def run(self) -> str:
        """The end reason. Raises CallerGone, or Unavailable when the database stays away."""
        listen_for_voice(self._call, self._options)
        while True:
            ended = await self._take(await self._ear.next(self._patience()))
            if ended:
                self._ear.on_voice = None
                return ended

    async def _take(self, event: object) -> str | None:
        match event:
            case Heard(kind="partial"):
                if len(event.text) >= _BARGE_IN:
                    self._mouth.hush()
            case Heard():
                self._understood()
                return await self._heard(event)
            case Key():
                self._understood()
                return await self._key(event.digit)
            case Silence() if self._keys:
                return await self._typed()
            case Silence():
                return await self._silent()
            case Quiet():
                pass  # from now on silence is counted
        return None

    def _patience(self) -> float | None:
        if self._keys:
            return _KEYS_S
        return None if self._mouth.talking else self._settings.silence_s

    def _understood(self) -> None:
        self._unheard, self._voiced_before = 0, self._ear.voiced_seconds

    async def _heard(self, heard: Heard) -> str | None:
        said = self._record.name(heard)
        if self._emergency.accepted(heard.text):
            await self._store(said)
            return await self._emergency.connect()
        wish = asked_for(heard.text, self._call.document.tongues)
        if wish and wish != self._call.tongue:
            self._call.tongue = wish
            if wish.foreign and await reachable(self._call):
                await self._store(said)
                return await self._person("language")
        return await self._reply(said, max(0.0, self._ear.seconds - heard.end_s))

    async def _store(self, said: Said) -> None:
        """Keep what is not for the assistant."""
        self._call.unanswered.append(said)
        await self._record.said(said)
        self._call.unanswered.remove(said)

    async def _key(self, digit: str) -> str | None:
        self._mouth.hush(even_firm=True)
        if not self._keys and self._emergency.accepted(digit):
            return await self._emergency.connect()
        if digit == "#":
            return await self._typed()
        if digit == "*":
            self._keys = ""
            if self._mouth.last:
                self._mouth.play(self._mouth.last)
            return None
        self._keys += digit
        if self._keys == "0" and not self._form_open:
            return await self._typed()
        return await self._typed() if len(self._keys) >= 30 else None

    async def _typed(self) -> str | None:
        """A number typed on the keys: 0 alone calls a person, everything else is an answer."""
        keys, self._keys = self._keys, ""
        if keys == "0":
            return await self._person("dtmf")
        if not keys:
            return None
        at = self._ear.seconds
        return await self._reply(self._record.name(Heard("final", keys, round(at, 2), round(at, 2))))

    async def _silent(self) -> str | None:
        """Ask again, more gently each time; after the last time the way out."""
        spoke = self._ear.voiced_seconds - self._voiced_before >= _SPOKE_S
        self._voiced_before = self._ear.voiced_seconds
        wanted: Unheard = self._options.no_match if spoke else self._options.silence
        if self._unheard >= len(wanted.say):
            return await self._way_out(wanted, "no_match" if spoke else "silence")
        self._unheard += 1
        if not spoke and self._unheard == 1 and self._form_open and self._mouth.last:
            self._mouth.play(self._mouth.last)  # the question is still open
        elif not spoke and self._unheard == 1 and self._answered:
            await self._call.prompt("anything_else")
        else:
            await self._call.say(wanted.say[self._unheard - 1], "no_match" if spoke else "silence")
        return None

    async def _way_out(self, wanted: Unheard, reason: str) -> str | None:
        served = reason == "silence" and self._answered and not self._form_open  # has put the telephone aside: no agent is kept from others
        if wanted.then == "person" and not served and not self._person_tried:
            self._person_tried = True
            return await self._person(reason)  # None: nobody is there, and the caller was invited to speak; the next silence ends it
        await self._call.prompt("silent_goodbye", firm=True)
        await self._mouth.finished()
        return "silence"

    async def _reply(self, said: Said, hearing_s: float | None = None) -> str | None:
        """One turn; the end reason when it ended the call. `hearing_s`: since the caller's last word, when it was spoken."""
        self._mouth.hush()
        began = time.monotonic()
        unanswered = self._call.unanswered
        unanswered.append(said)
        try:
            turn = await self._turn(said)
        except Unavailable:
            raise
        except Exception:  # whatever is wrong with the bot, the caller gets a person (lesson 25b)
            log.exception("bot_failed", call=str(self._call.leg.id))
            await self._record.said(said)
            unanswered.remove(said)
            return await self._person("failed")
        unanswered.remove(said)
        self._form_open, self._answered = turn.form_open, True
        thought = time.monotonic()
        await self._speak(turn)
        if hearing_s is not None and turn.answers:
            voice_s = max(0.0, self._mouth.began_at - thought)
            self._call.parts.answer_times.observe(hearing_s=hearing_s, bot_s=thought - began, voice_s=voice_s)
        await self._emergency.offer(said.text)
        if turn.handover:
            return await self._person(turn.handover_reason or "asked", told=True)
        if turn.finished:
            await self._mouth.finished()
            return "finished"
        return None

    async def _person(self, reason: str, *, told: bool = False) -> str | None:
        """To the queue; None when nobody can be reached and the talk goes on."""
        if self._emergency.heard:
            reason = "emergency"
        ended = await reach_person(self._call, reason, told=told)
        if ended is None:
            listen_for_voice(self._call, self._options)
        return ended

    async def _turn(self, said: Said) -> Turn:
        assert self._record.conversation_id is not None  # noqa: S101 - the call was opened
        for attempt in range(_RETRIES):
            try:
                return await self._call.parts.bot.turn(
                    self._record.conversation_id, said.text, external_id=said.external_id, data=said.data
                )
            except Unavailable as error:
                log.warning("turn_failed", call=str(self._call.leg.id), attempt=attempt + 1, reason=str(error))
                if attempt == _RETRIES - 1 or not self._call.leg.live:
                    raise
                if attempt == 0:
                    await self._mouth.prompt("one_moment")
                await asyncio.sleep(_RETRY_S)
        raise AssertionError("unreachable")

    async def _speak(self, turn: Turn) -> None:
        """Say the answers; a new ticket's number and code are dictated instead of read once."""
        for answer in turn.answers:
            if turn.ticket is not None and turn.ticket.number in answer.text:
                await self._dictate(turn.ticket.number, turn.ticket.query_code)
            else:
                await self._mouth.say(answer.spoken or answer.text)

    async def _dictate(self, number: str, query_code: str) -> None:
        words = _("工单编号，{number}。查询码，{code}。").format(number=slowly(number), code=slowly(query_code))
        await self._mouth.say(_("已经为您登记，请您记一下。{words}我再说一遍。{words}").format(words=words), firm=True)
        await self._mouth.say(_("用这个电话打来，就能查到办理进度。请问还有别的事吗？"))
