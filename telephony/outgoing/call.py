"""One call by click: the person's telephone, then the citizen's, then both are bridged like any other call with an agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import HotlineError, NotAllowed, Unavailable
from hotline.logs import get
from telephony.bridge.agent_leg import BridgeLeg
from telephony.bridge.mixer import Loop
from telephony.bridge.person_call import AGENT_LOST, PersonCall
from telephony.bridge.ringback import Ringback
from telephony.flow.call import Call
from telephony.flow.parts import CallerGone, Parts
from telephony.flow.pending import Said
from telephony.flow.tones import busy
from telephony.leg import CallFailed, HungUp, Leg, LegGone
from telephony.outbound import citizen_route, meaning
from ticketing.call_flow import versions
from ticketing.call_flow.document import QueueOptions
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, get_conversation
from ticketing.dialling import progress
from ticketing.dialling.progress import End, Job
from ticketing.queue.commands import settle
from ticketing.queue.models import CallCommand

log = get(__name__)
T = TypeVar("T")
RING_PERSON_S = 25.0
RING_CITIZEN_S = 60.0
_BUSY_TONE_S = 2.1
_DATABASE_S = 5.0
_KEEP_TRYING_S = 200.0
"""So long the end of a call waits for a database that is away; then the next start of the process ends it."""
_RETRY_S = 2.0


class OutgoingCall:
    """Carries out one `Job`."""

    def __init__(self, parts: Parts, job: Job) -> None:
        """`parts`: shared by all calls of the process."""
        self._parts, self._job = parts, job
        self._agent: BridgeLeg | None = None
        self._talk: Call | None = None
        self._given_up = asyncio.Event()
        """The person hung up at the console while the citizen's telephone rang."""

    async def run(self) -> None:
        """From the first ring to the last row. Raises nothing but CancelledError."""
        result, reason = "failed", "error"
        try:
            result, reason = await self._carry_out()
        except asyncio.CancelledError:
            reason = "shutdown"
            raise
        except Exception:  # the border of this call's task: a fault of ours leaves both telephones free and the other calls alone
            log.exception("outgoing_call_failed", call=str(self._job.call_id), ticket=self._job.ticket)
        finally:
            if self._talk is not None:
                result = "reached"
            await asyncio.shield(asyncio.ensure_future(self._wind_up(result, reason)))

    async def _carry_out(self) -> tuple[str, str]:
        """Result of the dialling and end reason of the call."""
        board, job = self._parts.switchboard, self._job
        try:
            uri = citizen_route(self._parts.settings, job.number)
        except NotAllowed as error:
            log.info("outgoing_not_allowed", ticket=job.ticket, reason=str(error))
            return "not_allowed", "not_dialled"
        try:
            self._agent = agent = await board.dial(job.phone, RING_PERSON_S, "PCMA")
        except CallFailed:
            return "agent_no_answer", "not_dialled"
        except (ValueError, OSError) as error:  # no address of ours, no such host, no port left
            log.warning("person_not_rung", user=job.user_id, reason=str(error))
            return "agent_gone", "not_dialled"
        if not await self._write(lambda session: progress.person_answered(self._parts.core, session, job.dial_id)):
            return "failed", "not_dialled"
        citizen = await self._reach(agent, uri)
        if isinstance(citizen, str):
            if agent.live:
                agent.feed(Loop(busy()))
                await asyncio.sleep(_BUSY_TONE_S)
            return citizen, "agent_hung_up" if citizen == "agent_hung_up" else "not_reached"
        return "reached", await self._converse(agent, citizen)

    async def _reach(self, agent: BridgeLeg, uri: str) -> Leg | str:
        """The citizen's leg; or why there is none. The person hears it ring, or what the network says, and may give up."""
        board, ringback = self._parts.switchboard, Ringback(agent)
        dialling = asyncio.create_task(board.dial(uri, RING_CITIZEN_S, "PCMA", on_early=ringback.early))
        given_up = [asyncio.create_task(_gone(agent)), asyncio.create_task(self._given_up.wait())]
        try:
            with board.talks(self._job.call_id, self._command):
                await asyncio.wait([dialling, *given_up], return_when=asyncio.FIRST_COMPLETED)
            if not dialling.done():
                return "agent_hung_up"
            leg = dialling.result()
            if any(task.done() for task in given_up):  # in this very moment
                await leg.hang_up()
                return "agent_hung_up"
            return leg
        except CallFailed as failed:
            log.info("citizen_not_reached", ticket=self._job.ticket, status=failed.status, silent=failed.silent)
            return meaning(failed)
        except (ValueError, OSError) as error:
            log.warning("citizen_not_dialled", ticket=self._job.ticket, reason=type(error).__name__)
            return "failed"
        finally:
            await _cancel(dialling, *given_up)
            ringback.stop()

    def _command(self, row: CallCommand) -> None:
        """The console while the citizen's telephone rings: giving up is all there is."""
        stops = row.action == "hangup"
        if stops:
            self._given_up.set()
        board_row, result = row.id, "" if stops else "wrong_state"
        self._parts.switchboard.later(self._write(lambda session: settle(self._parts.core, session, board_row, ok=stops, result=result)))

    async def _converse(self, agent: BridgeLeg, leg: Leg) -> str:
        """Announcement to both, then they talk; the end reason."""
        leg.id = self._job.call_id  # recording, transcript and commands are this call's
        self._talk = call = Call(self._parts, leg)
        call.record.conversation_id, call.record.person_has_it = self._job.conversation_id, True
        core, transcriber = self._parts.core, self._parts.transcriber
        name = transcriber.name if transcriber is not None and call.transcribed else None
        await self._write(
            lambda session: progress.citizen_answered(
                core, session, self._job.dial_id, sip_call_id=leg.sip_call_id, codec=leg.codec, transcriber=name
            )
        )
        call.ear.start()
        call.record.start_recording()
        try:
            await self._announce(call, agent)
            ended = await PersonCall(call, agent, self._job.user_id, await self._options()).run()
            if ended == AGENT_LOST:
                await call.prompt("call_broken", firm=True)
                await call.mouth.finished()
            return ended
        except CallerGone as gone:
            return gone.reason
        except LegGone:
            return "caller_hung_up"

    async def _announce(self, call: Call, agent: BridgeLeg) -> None:
        """Who calls, and that it is recorded. The person hears it too, and so does not speak into it."""
        try:
            agent.feed(Loop(await self._parts.prompts.pcm("calling_you")))
        except (Unavailable, ValueError) as error:  # the citizen hears the tone that stands for a prompt
            log.warning("announcement_not_played", reason=str(error))
        await call.prompt("calling_you", firm=True)
        await call.mouth.finished()
        agent.feed(None)

    async def _options(self) -> QueueOptions | None:
        """Of the first queue: how long the person may write up the call."""
        document = await self._write(versions.current)
        return next(iter(document.queues.values())) if document is not None else None

    async def _wind_up(self, result: str, reason: str) -> None:
        """Last words, recording, the rows; both telephones hang up."""
        end = End(result, reason)
        if self._talk is not None:
            leg, record = self._talk.leg, self._talk.record
            rest = [*self._talk.unanswered, *(record.name(heard) for heard in await self._talk.ear.finish())]
            seconds = await leg.stop_recording()
            end = replace(end, media=leg.quality(), recording_path=record.recording_path if seconds else None, recording_seconds=seconds)
            await leg.hang_up()
            for said in rest:
                await self._write(partial(self._keep, said))
        if self._agent is not None:
            await self._agent.hang_up()
        core, dial_id = self._parts.core, self._job.dial_id
        await self._write(lambda session: progress.finish(core, session, dial_id, end), for_s=_KEEP_TRYING_S)

    async def _keep(self, said: Said, session: AsyncSession) -> None:
        conversation = await get_conversation(session, self._job.conversation_id, lock=True)
        await add_message(self._parts.core, session, conversation, Author.CITIZEN, said.text, external_id=said.external_id, data=said.data)

    async def _write(self, work: Callable[[AsyncSession], Awaitable[T]], *, for_s: float = 0.0) -> T | None:
        """Do it in one transaction; None when the database is away (for longer than `for_s`). The call goes on without it."""
        until = time.monotonic() + for_s
        while True:
            try:
                async with asyncio.timeout(_DATABASE_S), self._parts.database.transaction() as session:
                    return await work(session)
            except (HotlineError, SQLAlchemyError, TimeoutError) as error:
                log.warning("outgoing_not_written", call=str(self._job.call_id), reason=type(error).__name__)
                if time.monotonic() >= until or not isinstance(error, Unavailable | TimeoutError):
                    return None
            await asyncio.sleep(_RETRY_S)


async def _gone(leg: BridgeLeg) -> None:
    """Until this telephone hangs up."""
    while not isinstance(await leg.events.get(), HungUp):
        pass


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
