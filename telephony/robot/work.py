"""The callback robot's work: one task after the other, some at once, never more than the city wants per minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hotline.clock import to_city
from hotline.errors import Conflict, HotlineError, InvalidInput, NotAllowed, Unavailable
from hotline.logs import get
from telephony.flow.parts import Parts
from telephony.leg import CallFailed, Leg
from telephony.outbound import citizen_route, meaning
from telephony.robot.call import RobotCall
from telephony.robot.interview import Result
from ticketing.callback import robot as tasks
from ticketing.callback.models import Plan
from ticketing.callback.robot import RobotTask
from ticketing.ticket.models import Ticket

log = get(__name__)

_LOOK_S = 5.0
_KEEP_TRYING_S = 200.0
"""So long a result waits for a database that is away; then the lease is over and the citizen is asked again another time."""
_RETRY_S = 2.0

Dial = Callable[[str], Awaitable[Leg]]


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
        self._later: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. Without a database it waits."""
        try:
            while True:
                try:
                    await self._begin_calls()
                except (HotlineError, SQLAlchemyError, TimeoutError) as error:  # a deadlock, a claim that came too late
                    log.warning("robot_not_read", reason=type(error).__name__)
                except Exception:  # the border of the robot's only task: it looks again; calls that talk are tasks of their own
                    log.exception("robot_not_read", calls=[call.get_name() for call in self._calls])
                await asyncio.sleep(_LOOK_S)
        finally:
            for call in list(self._calls):
                call.cancel()
            await asyncio.gather(*self._calls, *self._later, return_exceptions=True)

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
            log.info("robot_not_answered", ticket=task.number, status=failed.status, silent=failed.silent)
            await self._give_back(task, meaning(failed))
            return False
        except (ValueError, OSError) as error:  # no address of ours, no such host, no port left
            log.warning("robot_not_dialled", ticket=task.number, reason=type(error).__name__)
            await self._give_back(task, "failed")
            return False
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(task, "failed"))
            raise
        call = RobotCall(self._parts, leg, task, received, lambda user, answers: self._taken(task, user, answers))
        try:
            result = await call.talk()
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(task, "failed", call.answers))
            raise
        except Exception:  # the border of this call's task: a fault of ours must not count against the citizen, nor end the robot
            log.exception("robot_call_failed", ticket=task.number, call=str(leg.id))
            await self._give_back(task, "failed", call.answers)
            return False
        finally:
            await asyncio.shield(call.wind_up())
        await self._store(task, result)
        return result.outcome == "answered"

    async def _store(self, task: RobotTask, result: Result) -> None:
        if result.outcome == "answered":
            await self._write(task, lambda core, session: tasks.record_answers(core, session, task.lease, result.answers))
        elif result.outcome == "person":
            await self._write(task, lambda core, session: tasks.hand_to_clerk(core, session, task.lease, result.answers))
        elif result.outcome != "handed_over":  # that was written when the agent picked up
            await self._give_back(task, result.outcome, result.answers)

    async def _taken(self, task: RobotTask, user_id: int, answers: dict[str, str]) -> None:
        """Somebody picked up; they talk at once, whatever the database does."""
        self._later.add(writing := asyncio.create_task(self._hand_over(task, user_id, answers), name=f"handed-over-{task.number}"))
        writing.add_done_callback(self._later.discard)

    async def _hand_over(self, task: RobotTask, user_id: int, answers: dict[str, str]) -> None:
        await self._write(task, lambda core, session: tasks.hand_over_live(core, session, task.lease, user_id, answers))

    async def _give_back(self, task: RobotTask, outcome: str, answers: Mapping[str, str] = MappingProxyType({})) -> None:
        await self._write(task, lambda core, session: tasks.give_back(core, session, task.lease, outcome, answers=answers))

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
