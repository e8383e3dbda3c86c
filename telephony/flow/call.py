"""One call from ring to the last row: which way it goes, and that nothing is lost whichever way it ends."""

from __future__ import annotations

import asyncio

from hotline.errors import HotlineError, Unavailable
from hotline.logs import get
from telephony.flow import winding_up
from telephony.flow.conversation import Talk
from telephony.flow.ear import Ear, Quiet
from telephony.flow.message import take_message
from telephony.flow.mouth import Mouth
from telephony.flow.parts import CallerGone, Parts
from telephony.flow.record import CallRecord
from telephony.leg import Leg, LegGone
from telephony.speech.transcriber import TranscriptSession

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
        session = self._session()
        self.ear = Ear(leg, session)
        self.mouth = Mouth(leg, parts.prompts, parts.voice, lambda: self.ear.put(Quiet()))
        self.record = CallRecord(parts, leg, parts.transcriber.name if parts.transcriber and session else None)
        self.transcribed = session is not None
        self.talk: Talk | None = None

    def _session(self) -> TranscriptSession | None:
        if self.parts.transcriber is None:
            return None
        try:
            return self.parts.transcriber.open(8000)
        except Unavailable as error:  # as many calls as the model may serve: this one is asked for a message
            log.warning("call_without_transcript", call=str(self.leg.id), reason=str(error))
            return None

    async def serve(self) -> str:
        """The way of the call; returns its end reason, raises CallerGone when the caller ends it."""
        self.ear.start()
        self.record.start_recording()
        try:
            await self.record.open()
            if not self.transcribed:
                return await take_message(self, "leave_message")
            self.talk = Talk(self)
            return await self.talk.run()
        except Unavailable as error:
            log.warning("call_in_outage", call=str(self.leg.id), reason=str(error))
            self.record.keep(*(self.talk.unanswered if self.talk else ()), owed="outage")  # the apology promises a return call
            return await take_message(self, "apology")

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
