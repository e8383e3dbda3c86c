"""One call from ring to the last row: which way it goes, and that nothing is lost whichever way it ends."""

from __future__ import annotations

import asyncio
from functools import partial

from hotline.errors import HotlineError, Unavailable
from hotline.logs import get
from telephony.flow import steps, winding_up
from telephony.flow.captions import CaptionWriter
from telephony.flow.conversation import Talk
from telephony.flow.ear import Ear, Quiet
from telephony.flow.emergency import EmergencyOffer
from telephony.flow.message import take_message
from telephony.flow.mouth import Mouth
from telephony.flow.parts import CallerGone, Parts, open_transcript
from telephony.flow.pending import Said
from telephony.flow.record import CallRecord
from telephony.leg import Leg, LegGone
from telephony.speech.transcriber import Heard
from ticketing.call_flow.document import Document, Flow
from ticketing.call_flow.tongue import Tongue

log = get(__name__)


class CallFlow:
    """What the hotline does with a call. `run` is given to the phone as `on_call`."""

    def __init__(self, parts: Parts) -> None:
        """`parts`: shared by all calls of the process."""
        self._parts = parts
        self.live: set[str] = set()
        """Ids of the calls that are going on."""

    async def run(self, leg: Leg) -> None:
        """Answer and serve one call; returns when it is over and written down."""
        try:
            await leg.answer()
        except LegGone:
            return  # rang and gave up: nothing was said, nothing is owed
        self.live.add(str(leg.id))
        try:
            await self._serve(leg)
        finally:
            self.live.discard(str(leg.id))

    async def _serve(self, leg: Leg) -> None:
        call = _Call(self._parts, leg)
        reason = "error"
        try:
            reason = await call.serve()
        except CallerGone as gone:
            reason = gone.reason
        except LegGone:
            reason = "caller_hung_up"
        except asyncio.CancelledError:
            reason = "shutdown"
            raise
        except Exception:  # a fault of ours: logged, and whoever had said something is called back
            log.exception("call_failed", call=str(leg.id))
        finally:
            # shielded: a process that is told to stop still writes down what was said
            await asyncio.shield(asyncio.ensure_future(call.wind_up(reason)))


class _Call:
    """One call and what belongs to it."""

    def __init__(self, parts: Parts, leg: Leg) -> None:
        self.parts = parts
        self.leg = leg
        session = open_transcript(parts.transcriber, "call_without_transcript")
        self.ear = Ear(leg, session)
        self.mouth = Mouth(leg, parts.prompts, parts.voice, lambda: self.ear.put(Quiet()))
        self.record = CallRecord(parts, leg, parts.transcriber.name if parts.transcriber and session else None)
        self.transcribed = session is not None
        if parts.captions is not None:
            self.ear.on_heard = partial(self._caption, parts.captions)
        self.emergency = EmergencyOffer(self)
        self.tongue = Tongue()
        """Language or dialect that the caller has asked for on this call."""
        self.talk: Talk | None = None
        self.waiting = False
        """Whether the caller waits for a person."""
        self.owed_unless_registered = ""
        """Why a return call is owed when no ticket comes of the call; empty: none is."""
        self.unanswered: list[Said] = []
        """What was heard and not yet stored: never lost, whatever breaks."""

    @property
    def document(self) -> Document:
        """The call flow that was in force when the call began."""
        return self.record.document

    @property
    def flow(self) -> Flow:
        """What callers of the dialled number go through."""
        return self.document.flow_of(self.leg.called)

    def _caption(self, writer: CaptionWriter, heard: Heard) -> None:
        writer.heard(self.leg.id, self.record.conversation_id, "citizen", heard)

    async def serve(self) -> str:
        """The way of the call; returns its end reason, raises CallerGone when the caller ends it."""
        self.ear.start()
        self.record.start_recording()
        try:
            await self.record.open()
            return await steps.go_through(self)
        except Unavailable as error:
            log.warning("call_in_outage", call=str(self.leg.id), reason=str(error))
            self.record.keep(*self.unanswered, owed="outage")  # the apology promises a return call
            return await take_message(self, "apology")

    async def prompt(self, key: str, *, firm: bool = False) -> None:
        """Say a fixed prompt and keep it in the transcript."""
        await self.keep(await self.mouth.prompt(key, firm=firm), key)

    async def say(self, text: str, key: str, *, firm: bool = False) -> None:
        """Say a text of the flow's document and keep it in the transcript under `key`."""
        await self.mouth.say(text, firm=firm)
        await self.keep(text, key)

    async def keep(self, text: str, key: str) -> None:
        """What we said belongs to the transcript, but a sentence more or less in it is not worth the call."""
        try:
            await self.record.we_said(text, self.ear.seconds, key)
        except Unavailable as error:
            log.warning("prompt_not_stored", prompt=key, reason=str(error))

    async def store(self, heard: Heard) -> None:
        """What the caller said while the assistant is not asked: in the queue, to an agent."""
        said = self.record.name(heard)
        self.unanswered.append(said)
        await self.record.said(said)
        self.unanswered.remove(said)

    async def wind_up(self, reason: str) -> None:
        """After the call: the last words, the recording, the rows."""
        try:
            rest = [self.record.name(heard) for heard in await self.ear.finish()]
            seconds = await self.leg.stop_recording()
            await self.leg.hang_up()
            await winding_up.wind_up(self, reason, rest, seconds)
        except HotlineError:
            log.exception("call_not_wound_up", call=str(self.leg.id))


Call = _Call
