"""The talk between caller and bot, and the wait for a person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.logs import get
from telephony.flow.ear import Key, Quiet, Silence
from telephony.flow.pending import Said
from telephony.flow.tones import music
from telephony.leg import RATE_HZ
from telephony.speech.numerals import slowly
from telephony.speech.transcriber import Heard

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
_MOST_SILENCES = 3


class Talk:
    """Greeting, questions and answers, until the caller leaves, is done, or wants a person."""

    def __init__(self, call: Call) -> None:
        """`call`: its ear, mouth and record."""
        self._call = call
        self._ear, self._mouth, self._record = call.ear, call.mouth, call.record
        self._settings = call.parts.settings
        self._keys = ""
        self._silences = 0
        self._form_open = False
        self._answered = False
        self.waiting = False
        """Whether the caller is in the queue for a person."""
        self.unanswered: list[Said] = []
        """What was heard and not yet stored by the bot: never lost, whatever breaks."""

    async def run(self) -> str:
        """The end reason. Raises CallerGone, or Unavailable when the database stays away."""
        await self._greet()
        while True:
            event = await self._ear.next(self._patience())
            match event:
                case Heard(kind="partial"):
                    if len(event.text) >= _BARGE_IN:
                        self._mouth.hush()
                case Heard():
                    self._silences = 0
                    ended = await self._reply(self._record.name(event))
                    if ended:
                        return ended
                case Key():
                    self._silences = 0
                    ended = await self._key(event.digit)
                    if ended:
                        return ended
                case Silence() if self._keys:
                    ended = await self._typed()
                    if ended:
                        return ended
                case Silence():
                    if await self._silent():
                        return "silence"
                case Quiet():
                    pass  # from now on silence is counted

    def _patience(self) -> float | None:
        if self._keys:
            return _KEYS_S
        return None if self._mouth.talking else self._settings.silence_s

    async def _greet(self) -> None:
        """The greeting of the dialled line (A01); the city's own when the line has none or the voice fails."""
        words = self._record.greeting
        if not words or not await self._mouth.offer(words):
            await self._prompt("greeting")
            return
        await self._keep(words, "line_greeting")
        await self._prompt("recorded")

    async def _prompt(self, key: str, *, firm: bool = False) -> None:
        await self._keep(await self._mouth.prompt(key, firm=firm), key)

    async def _keep(self, text: str, key: str) -> None:
        try:
            await self._record.we_said(text, self._ear.seconds, key)
        except Unavailable as error:  # a prompt more or less in the transcript is not worth the call
            log.warning("prompt_not_stored", prompt=key, reason=str(error))

    async def _key(self, digit: str) -> str | None:
        self._mouth.hush(even_firm=True)
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
            return await self._wait_for_person("dtmf")
        if not keys:
            return None
        at = self._ear.seconds
        return await self._reply(self._record.name(Heard("final", keys, round(at, 2), round(at, 2))))

    async def _silent(self) -> bool:
        """Ask again, more gently each time; True when the call was ended."""
        self._silences += 1
        if self._silences >= _MOST_SILENCES:
            await self._prompt("silent_goodbye", firm=True)
            await self._mouth.finished()
            return True
        if self._silences == 1 and self._form_open and self._mouth.last:
            self._mouth.play(self._mouth.last)  # the question is still open
        elif self._silences == 1:
            await self._prompt("anything_else" if self._answered else "still_there")
        else:
            await self._prompt("not_heard")
        return False

    async def _reply(self, said: Said) -> str | None:
        """One turn; the end reason when it ended the call."""
        self._mouth.hush()
        self.unanswered.append(said)
        try:
            turn = await self._turn(said)
        except Unavailable:
            raise
        except Exception:  # whatever is wrong with the bot, the caller gets a person (lesson 25b)
            log.exception("bot_failed", call=str(self._call.leg.id))
            await self._store(said, again=True)
            await self._mouth.prompt("queued")
            return await self._wait_for_person("failed")
        self.unanswered.remove(said)
        self._form_open, self._answered = turn.form_open, True
        await self._speak(turn)
        if turn.handover:
            return await self._wait_for_person(turn.handover_reason or "asked")
        if turn.finished:
            await self._mouth.finished()
            return "finished"
        return None

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

    async def _wait_for_person(self, reason: str) -> str:
        """The queue: until the caller leaves (CallerGone) or nobody has come in time; the end reason."""
        await self._record.queue(reason)
        self.waiting = True
        if reason == "dtmf":  # the bot has said so already when it was asked in words
            await self._prompt("queued")
        await self._prompt("queue_invite")
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._settings.queue_wait_s
        more = loop.time()
        while (left := ends - loop.time()) > 0:
            if loop.time() >= more:
                self._mouth.play(music())
                more = loop.time() + len(music()) / 2 / RATE_HZ
                if left < self._settings.queue_wait_s / 2:
                    await self._mouth.prompt("queue_busy")
            event = await self._ear.next(min(left, max(0.0, more - loop.time())))
            if isinstance(event, Heard) and event.kind == "final":
                await self._store(self._record.name(event))
        await self._record.owe("queue_timeout")
        self._mouth.hush(even_firm=True)
        await self._prompt("return_call", firm=True)
        await self._mouth.finished()
        return "queue_timeout"

    async def _store(self, said: Said, *, again: bool = False) -> None:
        if not again:
            self.unanswered.append(said)
        await self._record.said(said)
        self.unanswered.remove(said)
