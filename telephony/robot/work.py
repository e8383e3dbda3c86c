"""The callback robot's work: one task after the other, some at once, never more than the city wants per minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hotline.clock import to_city
from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed, Unavailable
from hotline.logs import get
from telephony.flow.ear import Ear, Quiet
from telephony.flow.mouth import Mouth
from telephony.flow.parts import CallerGone, Parts, open_transcript
from telephony.flow.recording import start_recording
from telephony.leg import CallFailed, Leg, LegGone
from telephony.outbound import citizen_route
from telephony.robot.interview import Interview, Result
from telephony.robot.script import Script
from ticketing.callback import robot as tasks
from ticketing.callback import rules
from ticketing.callback.models import Plan
from ticketing.callback.robot import RobotTask
from ticketing.conversation.calls import end_call
from ticketing.conversation.outgoing import keep_lines, start_outgoing
from ticketing.ticket.models import Ticket

log = get(__name__)

_LOOK_S = 5.0
_CALL_S = 360.0
"""A call that lasts longer is ended: the lease of its task is ten minutes."""
_KEEP_TRYING_S = 200.0
"""So long a result waits for a database that is away; then the lease is over and the citizen is asked again another time."""
_RETRY_S = 2.0
PURPOSE = "callback"

Dial = Callable[[str], Awaitable[Leg]]

_OUTCOMES = {486: "busy", 600: "busy", 404: "wrong_number", 410: "wrong_number", 484: "wrong_number", 604: "wrong_number"}
_NOT_ANSWERED = frozenset({408, 480, 487, 603})


def outcome_of(status: int) -> str:
    """What a SIP refusal says about the citizen; what is our own line's fault does not count as an attempt."""
    return _OUTCOMES.get(status, "no_answer" if status in _NOT_ANSWERED else "failed")


class Pace:
    """At most so many calls begin in any minute."""

    def __init__(self, per_minute: int) -> None:
        """`per_minute`: calls."""
        self._per_minute = per_minute
        self._begun: deque[float] = deque()

    def allows(self, now_s: float) -> bool:
        """Whether another one may begin."""
        while self._begun and self._begun[0] <= now_s - 60:
            self._begun.popleft()
        return len(self._begun) < self._per_minute

    def begin(self, now_s: float) -> None:
        """One has begun."""
        self._begun.append(now_s)


class CallbackRobot:
    """Carries out what ticketing.callback plans for the robot. Any number of processes may run one: tasks are claimed."""

    def __init__(self, parts: Parts, dial: Dial, *, at_once: int, per_minute: int, takes_calls: Callable[[], bool] = lambda: True) -> None:
        """`dial` returns when the citizen has picked up, raises CallFailed. `at_once`: calls.

        `takes_calls`: False while the process drains: another one dials.
        """
        self._parts = parts
        self._dial = dial
        self._at_once = at_once
        self._takes_calls = takes_calls
        self._pace = Pace(per_minute)
        self._calls: set[asyncio.Task[bool]] = set()

    async def run(self) -> None:
        """Until cancelled. Without a database it waits."""
        try:
            while True:
                try:
                    await self._begin_calls()
                except (HotlineError, SQLAlchemyError, TimeoutError) as error:  # a deadlock, a claim that came too late
                    log.warning("robot_not_read", reason=type(error).__name__)
                except Exception:  # the next look tries again; calls that talk are not concerned
                    log.exception("robot_not_read")
                await asyncio.sleep(_LOOK_S)
        finally:
            for call in list(self._calls):
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    async def _begin_calls(self) -> None:
        while self._takes_calls() and len(self._calls) < self._at_once and self._pace.allows(time.monotonic()):
            task = await self._claim()
            if task is None:
                return
            self._pace.begin(time.monotonic())
            call = asyncio.create_task(self._carry_out(*task), name=f"callback-{task[0].number}")
            self._calls.add(call)
            call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[bool]) -> None:
        self._calls.discard(call)
        if not call.cancelled() and (error := call.exception()) is not None:
            log.error("robot_call_broken", exc_info=error)  # its lease ends by itself

    async def one(self) -> bool:
        """Carry out one task if one is due; whether there was one."""
        task = await self._claim()
        if task is None:
            return False
        await self._carry_out(*task)
        return True

    async def _claim(self) -> tuple[RobotTask, date] | None:
        core = self._parts.core
        try:
            async with self._parts.database.transaction() as session:
                task = await tasks.next_task(core, session, Plan.ROBOT)
                if task is None:
                    return None
                received = await session.scalar(select(Ticket.received_at).where(Ticket.number == task.number))
                await tasks.start_attempt(core, session, task.lease)
        except Unavailable as error:
            log.warning("robot_without_database", reason=str(error))
            return None
        return task, to_city(received or core.clock.now()).date()

    async def _carry_out(self, task: RobotTask, received: date) -> bool:
        """One call from dialling to the stored result. Never raises for what one call may bring."""
        try:
            uri = citizen_route(self._parts.settings, task.phone)
        except NotAllowed as error:
            log.info("robot_cannot_dial", ticket=task.number, reason=str(error))
            await self._store(task, Result("person"))
            return False
        try:
            leg = await self._dial(uri)
        except CallFailed as failed:
            log.info("robot_not_answered", ticket=task.number, status=failed.status)
            await self._give_back(task, outcome_of(failed.status))
            return False
        except (ValueError, OSError) as error:  # no address of ours, no such host, no port left
            log.warning("robot_not_dialled", ticket=task.number, reason=type(error).__name__)
            await self._give_back(task, "failed")
            return False
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(task, "failed"))
            raise
        call = RobotCall(self._parts, leg, task, received)
        try:
            result = await call.talk()
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(task, "failed"))
            raise
        except Exception:  # a fault of ours must not count against the citizen
            log.exception("robot_call_failed", ticket=task.number)
            await self._give_back(task, "failed")
            return False
        finally:
            await asyncio.shield(call.wind_up())
        await self._store(task, result)
        return result.outcome == "answered"

    async def _store(self, task: RobotTask, result: Result) -> None:
        if result.outcome == "answered":
            await self._write(task, lambda core, session: tasks.record_answers(core, session, task.lease, result.answers))
        elif result.outcome == "person":
            await self._write(task, lambda core, session: tasks.hand_to_clerk(core, session, task.lease))
        else:
            await self._give_back(task, result.outcome)

    async def _give_back(self, task: RobotTask, outcome: str) -> None:
        await self._write(task, lambda core, session: tasks.give_back(core, session, task.lease, outcome))

    async def _write(self, task: RobotTask, work: Callable[..., Awaitable[object]]) -> None:
        """Do it in one transaction; wait for a database that is away as long as the lease holds."""
        until = time.monotonic() + _KEEP_TRYING_S
        while True:
            try:
                async with self._parts.database.transaction() as session:
                    await work(self._parts.core, session)
                return
            except (Unavailable, DBAPIError):  # away, or a deadlock
                if time.monotonic() > until:
                    log.exception("robot_result_lost", ticket=task.number)
                    return
                await asyncio.sleep(_RETRY_S)
            except Conflict as error:  # the citizen has rated by link meanwhile, or the lease is over
                log.info("robot_result_late", ticket=task.number, reason=str(error))
                return
            except InvalidInput:
                log.exception("robot_answers_refused", ticket=task.number)
                return


class RobotCall:
    """One answered call: listening, speaking, recording, and what it leaves behind."""

    def __init__(self, parts: Parts, leg: Leg, task: RobotTask, received: date) -> None:
        """`received`: the day on which the citizen reported the matter."""
        self._parts, self._leg, self._task = parts, leg, task
        found = rules.load()
        scale = found.scales[found.scale]
        script = Script(parts.settings.city_name, parts.settings.line_number, task, received, scale)
        self._session = open_transcript(parts.transcriber, "robot_without_transcript")  # keys are enough: every question names them
        self._ear = Ear(leg, self._session)
        self._mouth = Mouth(leg, parts.prompts, parts.voice, lambda: self._ear.put(Quiet()))
        self._interview = Interview(script, self._ear, self._mouth, patience_s=parts.settings.silence_s)
        self._recording: Path | None = None
        self._opened = False
        self._reason = "error"

    async def talk(self) -> Result:
        """The interview. Who hangs up half-way has not answered."""
        self._ear.start()
        self._recording = start_recording(self._parts.settings, self._leg, self._parts.core.clock.now())
        await self._open()
        try:
            async with asyncio.timeout(_CALL_S):
                result = await self._interview.run()
            self._reason = "finished"
        except (CallerGone, LegGone):
            self._reason = "caller_hung_up"
            return Result("no_answer")
        except TimeoutError:
            self._reason = "silence"
            return Result("no_answer")
        return result

    async def wind_up(self) -> None:
        """Hang up; transcript, recording and the end of the call's row."""
        await self._ear.finish()
        seconds = await self._leg.stop_recording()
        await self._leg.hang_up()
        if not self._opened:
            return
        core = self._parts.core
        path = str(self._recording.relative_to(self._parts.settings.data_dir)) if self._recording and seconds else None
        try:
            async with self._parts.database.transaction() as session:
                call = await end_call(
                    core, session, self._leg.id, reason=self._reason, recording_path=path, recording_seconds=round(seconds, 2) or None
                )
                await keep_lines(core, session, call, self._interview.said)
        except HotlineError:  # `end_abandoned` ends the row after the next start; the result is stored on its own
            log.exception("robot_call_not_wound_up", call=str(self._leg.id))

    async def _open(self) -> None:
        transcriber = self._parts.transcriber
        try:
            async with self._parts.database.transaction() as session:
                await start_outgoing(
                    self._parts.core, session, number=self._task.number, call_id=self._leg.id, sip_call_id=self._leg.sip_call_id,
                    codec=self._leg.codec, worker=self._parts.worker, purpose=PURPOSE,
                    transcriber=transcriber.name if transcriber and self._session else None,
                )  # fmt: skip
            self._opened = True
        except Unavailable as error:  # the citizen is on the line: ask all the same
            log.warning("robot_call_without_row", call=str(self._leg.id), reason=str(error))
