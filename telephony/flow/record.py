"""What one call leaves behind: its rows, its sentences, its recording, and the return call that is owed.

Every method that writes raises `Unavailable` when the database is gone; from then on (`outage`) the call is kept in a
sealed file instead, see `telephony.flow.pending`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import gaps
from chatbot.registration import save_unfinished
from chatbot.spoken import to_spoken
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _
from hotline.logs import get
from knowledge.article.topics import announcement
from knowledge.gap.models import Cause
from telephony.flow.parts import Parts
from telephony.flow.pending import PendingCall, PendingCalls, Said
from telephony.flow.recording import start_recording
from telephony.leg import Leg
from telephony.speech.transcriber import Heard
from ticketing.calendar.service import work_calendar
from ticketing.calendar.working_time import WorkCalendar
from ticketing.call_flow import versions
from ticketing.call_flow.document import Document, package_document
from ticketing.call_flow.nuisance import is_nuisance
from ticketing.call_flow.tongue import MANDARIN, Tongue
from ticketing.citizen.models import Citizen
from ticketing.conversation.calls import RETURN_CALL_WITHIN, back_to_queue, end_call, owe_return_call, queue_call, start_call
from ticketing.conversation.models import Author, Conversation
from ticketing.conversation.service import add_message, get_conversation, nobody_came, request_person
from ticketing.people.lines import resolve_line
from ticketing.queue.service import answering_count, ask_for_tongue, hurry, last_tongue
from ticketing.suggestion.emergency import Alarm
from ticketing.ticket.danger import Help, note_danger

log = get(__name__)
_DATABASE_S = 5.0
"""A caller is waiting: a database that takes longer counts as gone."""


def pending_folder(data_dir: Path) -> Path:
    """Where calls wait for the database."""
    return data_dir / "recordings" / "pending"


class CallRecord:
    """The written side of one call."""

    def __init__(self, parts: Parts, leg: Leg, transcriber: str | None) -> None:
        """`transcriber`: name of the model that listens to this call, None when nothing is transcribed."""
        self._parts = parts
        self._leg = leg
        self._transcriber = transcriber
        self._files = PendingCalls(pending_folder(parts.settings.data_dir), parts.core.vault)
        self._sentences = 0
        self._late: PendingCall | None = None
        self.conversation_id: UUID | None = None
        self.greeting = ""
        """What callers of the dialled line hear first; empty: the city's own greeting."""
        self.urgent = ""
        """What callers hear after the greeting while an emergency topic is on, in words that can be spoken."""
        self.line = parts.settings.line_number
        """Number of the line behind the dialled number."""
        self.document: Document = package_document()
        """The call flow in force when the call began."""
        self.calendar = WorkCalendar()
        """Working days and holidays of the city."""
        self.nuisance = False
        """Whether the caller is on the nuisance list."""
        self.needs: frozenset[str] = frozenset()
        """elderly, deaf, as it is known from earlier appeals."""
        self.tongue = Tongue()
        """Language or dialect of the caller's last call that waited for a person."""
        self.person_has_it = False
        """Whether an agent has spoken with the caller: the assistant is not asked any more."""
        self._started_at = parts.core.clock.now()
        self._recording: Path | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def anything_said(self) -> bool:
        """Whether the caller said something that was understood."""
        return self._sentences > 0

    @property
    def recording_path(self) -> str | None:
        """Where the recording lies, relative to the data folder; None: nothing is recorded."""
        return self._relative()

    @property
    def outage(self) -> bool:
        """Whether this call is kept in a file instead of the database."""
        return self._late is not None

    def start_recording(self) -> None:
        """Record, unless the disk is nearly full (lesson 10); that is logged, and the call goes on."""
        self._recording = start_recording(self._parts.settings, self._leg, self._started_at)

    async def open(self) -> None:
        """Read what the caller is greeted with, and begin to write the call: the greeting does not wait for that (`written`)."""
        leg = self._leg
        async with self._in_time(), self._parts.database.reading() as session:
            line = await resolve_line(session, leg.called)
            self.document = await self._document(session)
            self.urgent = to_spoken(await announcement(self._parts.core, session))
            self.nuisance = await is_nuisance(self._parts.core, session, leg.caller)
        if line is not None:
            self.greeting, self.line = line.greeting, line.number
        self._writing = asyncio.create_task(self._write_call())
        self._writing.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever waits for it hears of it

    async def written(self) -> None:
        """Until conversation and call are written, and the caller's needs and language are known. Raises Unavailable."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write_call(self) -> None:
        leg = self._leg
        async with self._transaction() as session:
            conversation, call = await start_call(
                self._parts.core,
                session,
                sip_call_id=leg.sip_call_id,
                caller=leg.caller,
                called=leg.called,
                codec=leg.codec,
                worker=self._parts.worker,
                transcriber=self._transcriber,
                call_id=leg.id,
            )
            self.calendar = await work_calendar(session)
            citizen = await session.get(Citizen, call.citizen_id) if call.citizen_id else None
            self.tongue = await last_tongue(self._parts.core, session, citizen.id, self.document) if citizen else Tongue()
        self.conversation_id = conversation.id
        self.needs = frozenset(citizen.needs.split(",")) if citizen else frozenset()

    async def adopt(self, conversation_id: UUID, line: str) -> None:
        """A call of ours whose rows are written already: flow and calendar of today, for whoever is handed to a person."""
        async with self.transaction() as session:
            self.document = await self._document(session)
            self.calendar = await work_calendar(session)
        self.conversation_id, self.line = conversation_id, line

    async def _document(self, session: AsyncSession) -> Document:
        try:
            return await versions.current(session)
        except InvalidInput as error:  # somebody wrote into the table: callers are served by the package's own
            log.warning("call_flow_not_readable", reason=str(error))
            return self.document

    def name(self, heard: Heard) -> Said:
        """Give a sentence of the caller its number, by which it is stored once however often it is tried."""
        self._sentences += 1
        data = {"start_s": heard.start_s, "end_s": heard.end_s, "confidence": heard.confidence}
        return Said(f"{self._leg.id}:{self._sentences}", heard.text, data)

    async def said(self, said: Said) -> None:
        """Store what the caller said without asking the bot (in the queue, after the hang-up)."""
        async with self._of_conversation() as (session, conversation):
            await add_message(
                self._parts.core, session, conversation, Author.CITIZEN, said.text, external_id=said.external_id, data=said.data
            )

    async def we_said(self, text: str, at_s: float, key: str) -> None:
        """Store a prompt that belongs to the transcript."""
        async with self._of_conversation() as (session, conversation):
            await add_message(self._parts.core, session, conversation, Author.BOT, text, data={"start_s": round(at_s, 2), "prompt": key})

    async def queue(self, reason: str) -> None:
        """The caller wants a person."""
        async with self._of_conversation() as (session, conversation):
            if await request_person(self._parts.core, session, conversation, reason):
                await gaps.followed(self._parts.core, session, conversation, Cause.HANDED_OVER)
            await queue_call(self._parts.core, session, self._leg.id)

    async def back_to_bot(self) -> None:
        """Nobody can be reached: the assistant goes on."""
        async with self._of_conversation() as (session, conversation):
            await nobody_came(self._parts.core, session, conversation)

    async def agent_lost(self) -> None:
        """The agent's telephone is gone: the caller waits again."""
        async with self.transaction() as session:
            await back_to_queue(self._parts.core, session, self._leg.id)

    async def on_duty(self, *, any_line: bool = False) -> int:
        """How many agents answer, now or after what they are at; 0 when the database does not say.

        `any_line`: the queue, or one that it overflows into, is for agents of every line.
        """
        try:
            async with self.transaction() as session:
                return await answering_count(self._parts.core, session, self.line, any_line=any_line)
        except Unavailable:
            return 0

    async def ask_for_tongue(self, wish: Tongue) -> None:
        """Who waits asks for another language or dialect; a database that is away leaves it as it was."""
        try:
            async with self.transaction() as session:
                await ask_for_tongue(session, self._leg.id, language=wish.language or MANDARIN, dialect=wish.dialect)
        except Unavailable as error:
            log.warning("tongue_not_written", call=str(self._leg.id), reason=str(error))

    async def danger(self, step: Help, alarm: Alarm) -> None:
        """Words of danger, or what was done about them: for the call and its ticket. What can't be written is logged: help comes first."""
        if self.outage or self.conversation_id is None:
            log.warning("danger_not_written", call=str(self._leg.id), step=step.value, reason="no database")
            return
        try:
            async with self.transaction() as session:
                core, line = self._parts.core, alarm.line or ""
                await note_danger(core, session, self._leg.id, step, danger=alarm.danger.value, line=line)
        except Unavailable as error:
            log.warning("danger_not_written", call=str(self._leg.id), step=step.value, reason=str(error))

    async def hurry(self, priority: int) -> None:
        """Who waits comes before the others from now on; a database that is away leaves the place as it was."""
        try:
            async with self.transaction() as session:
                await hurry(session, self._leg.id, priority)
        except Unavailable as error:
            log.warning("not_hurried", call=str(self._leg.id), reason=str(error))

    async def owe(self, reason: str, *, within: timedelta | None = None) -> None:
        """A return call is owed. A form that is still open becomes the ticket that it belongs to."""
        async with self._of_conversation() as (session, conversation):
            await save_unfinished(self._parts.core, session, conversation)
            await owe_return_call(self._parts.core, session, self._leg.id, reason=reason, within=within or RETURN_CALL_WITHIN)

    async def owe_unless_registered(self, reason: str) -> None:
        """A return call is owed when no ticket came of the call."""
        async with self._of_conversation() as (session, conversation):
            if conversation.ticket_id is None:
                await owe_return_call(self._parts.core, session, self._leg.id, reason=reason)

    async def owe_for_form(self) -> bool:
        """The caller left in the middle of the form: what was said becomes a ticket, and a return call is owed."""
        async with self._of_conversation() as (session, conversation):
            if await save_unfinished(self._parts.core, session, conversation) is None:
                return False
            await owe_return_call(self._parts.core, session, self._leg.id, reason="hung_up_in_form")
            return True

    async def end(self, reason: str, seconds: float) -> None:
        """Close the call's row."""
        async with self.transaction() as session:
            call = await end_call(
                self._parts.core,
                session,
                self._leg.id,
                reason=reason,
                recording_path=self._relative() if seconds else None,
                recording_seconds=round(seconds, 2) or None,
            )
            call.data = {**call.data, "media": self._leg.quality()}

    def keep(self, *said: Said, owed: str | None = None) -> None:
        """The database is gone: from now on everything goes into the call's file. May be called any number of times."""
        if self._late is None:
            leg = self._leg
            self._late = PendingCall(
                call_id=leg.id,
                sip_call_id=leg.sip_call_id,
                caller=leg.caller,
                called=leg.called,
                codec=leg.codec,
                transcriber=self._transcriber,
                started_at=self._started_at,
                recording_path=self._relative(),
            )
            log.warning("call_kept_in_file", call=str(leg.id))
        known = {one.external_id for one in self._late.said}
        self._late.said += [one for one in said if one.external_id not in known]
        if owed and self._late.owed in (None, "outage"):  # the more particular reason stays
            self._late.owed = owed
        self._write()

    def keep_end(self, reason: str, seconds: float) -> None:
        """The call that is kept in a file is over."""
        if self._late is not None:
            self._late.ended_at, self._late.end_reason = self._parts.core.clock.now(), reason
            self._late.recording_seconds = round(seconds, 2) or None
            self._write()

    def _write(self) -> None:
        assert self._late is not None  # noqa: S101 - only called after it was made
        try:
            self._files.write(self._late)
        except (OSError, ValueError, TypeError) as error:  # the last net: nothing may end the call from here
            log.critical("call_not_kept", call=str(self._leg.id), reason=f"{type(error).__name__}: {error}")

    def _relative(self) -> str | None:
        return str(self._recording.relative_to(self._parts.settings.data_dir)) if self._recording else None

    @asynccontextmanager
    async def _of_conversation(self) -> AsyncIterator[tuple[AsyncSession, Conversation]]:
        await self.written()
        if self.conversation_id is None:
            raise Unavailable(_("数据库暂时连不上，请稍后再试"))
        async with self._transaction() as session:
            yield session, await get_conversation(session, self.conversation_id, lock=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction in which a caller waits, after the call itself is written: raises Unavailable soon."""
        await self.written()
        async with self._transaction() as session:
            yield session

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        async with self._in_time(), self._parts.database.transaction() as session:
            yield session

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_DATABASE_S):
                yield
        except TimeoutError as error:
            raise Unavailable(_("数据库暂时连不上，请稍后再试")) from error
