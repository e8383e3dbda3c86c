"""One answered call of the robot: listening, speaking, recording, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

from hotline.errors import HotlineError, Unavailable
from hotline.logs import get
from telephony.flow.call import Call
from telephony.flow.parts import CallerGone, Parts
from telephony.leg import Leg, LegGone
from telephony.robot.interview import Interview, Result
from telephony.robot.live import to_person
from telephony.robot.script import Script
from ticketing.callback import rules
from ticketing.callback.robot import RobotTask
from ticketing.conversation.calls import end_call, get_call
from ticketing.conversation.outgoing import keep_lines, start_outgoing

log = get(__name__)
_CALL_S = 360.0
"""Questions that take longer are ended: the lease of the task is ten minutes."""
PURPOSE = "callback"

OnTaken = Callable[[int, dict[str, str]], Awaitable[None]]
"""Told of the account that took the call over, and of what was answered before."""


class RobotCall:
    """The interview, and the way to a person."""

    def __init__(self, parts: Parts, leg: Leg, task: RobotTask, received: date, on_taken: OnTaken) -> None:
        """`received`: the day on which the citizen reported the matter."""
        self._parts, self._leg, self._task, self._on_taken = parts, leg, task, on_taken
        found = rules.load()
        self._script = Script(parts.settings.city_name, parts.settings.line_number, task, received, found.scales[found.scale])
        self._call = Call(parts, leg)
        self._interview = Interview(self._script, self._call.ear, self._call.mouth, patience_s=parts.settings.silence_s)
        self._opened = False
        self._reason = "error"

    @property
    def answers(self) -> dict[str, str]:
        """What was answered so far, by the questions' keys."""
        return self._interview.answers

    async def talk(self) -> Result:
        """The interview. Who hangs up half-way has not answered."""
        self._call.ear.start()
        self._call.record.start_recording()
        await self._open()
        try:
            async with asyncio.timeout(_CALL_S):
                result = await self._interview.run()
        except (CallerGone, LegGone):
            self._reason = "caller_hung_up"
            return self._interview.so_far()
        except TimeoutError:
            self._reason = "silence"
            return self._interview.so_far()
        self._reason = "finished"
        return await self._person(result) if result.outcome == "person" else result

    async def _person(self, asked: Result) -> Result:
        """To an agent on this call; to the clerks' list when nobody is there, or the citizen does not wait."""
        handed_over = Result("handed_over", asked.answers)
        taken: list[int] = []

        async def on_taken(user_id: int) -> None:
            taken.append(user_id)
            await self._on_taken(user_id, asked.answers)

        try:
            await self._keep_lines()  # the agent reads what was asked and answered
            ended = await to_person(self._call, self._script.line_of("transfer"), on_taken)
        except (CallerGone, LegGone):
            self._reason = "caller_hung_up"
            return handed_over if taken else asked
        except Unavailable as error:
            log.warning("robot_without_person", call=str(self._leg.id), reason=str(error))
            ended = None
        if ended is not None:
            self._reason = ended
            return handed_over if taken else asked
        try:
            await self._interview.say_line("person")
        except (CallerGone, LegGone):
            self._reason = "caller_hung_up"
        return asked

    async def wind_up(self) -> None:
        """Hang up; transcript, recording and the end of the call's row."""
        call, record = self._call, self._call.record
        rest = [*call.unanswered, *(record.name(heard) for heard in await call.ear.finish())]
        seconds = await self._leg.stop_recording()
        await self._leg.hang_up()
        if not self._opened:
            return
        core, path = self._parts.core, record.recording_path if seconds else None
        try:
            await self._keep_lines()
            for said in rest if record.person_has_it else []:  # what the robot heard stands in its own lines
                await record.said(said)
            async with self._parts.database.transaction() as session:
                length = round(seconds, 2) or None
                await end_call(core, session, self._leg.id, reason=self._reason, recording_path=path, recording_seconds=length)
        except HotlineError:  # `end_abandoned` ends the row after the next start; the result is stored on its own
            log.exception("robot_call_not_wound_up", call=str(self._leg.id))

    async def _open(self) -> None:
        transcriber, call = self._parts.transcriber, self._call
        try:
            async with self._parts.database.transaction() as session:
                row = await start_outgoing(
                    self._parts.core, session, number=self._task.number, call_id=self._leg.id, sip_call_id=self._leg.sip_call_id,
                    codec=self._leg.codec, worker=self._parts.worker, purpose=PURPOSE,
                    transcriber=transcriber.name if transcriber and call.transcribed else None,
                )  # fmt: skip
            self._opened = True
            await call.record.adopt(row.conversation_id, self._task.number.partition("-")[0])
        except Unavailable as error:  # the citizen is on the line: ask all the same
            log.warning("robot_call_without_row", call=str(self._leg.id), reason=str(error))

    async def _keep_lines(self) -> None:
        if self._opened:
            async with self._parts.database.transaction() as session:
                row = await get_call(session, self._leg.id)
                await keep_lines(self._parts.core, session, row, self._interview.said)
