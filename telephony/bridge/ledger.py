"""What happens on a bridged call, written into the database. A database that is away never ends a conversation: it is logged.

What is lost then is mended when the call ends (`ticketing.queue.service.call_over`) or by a supervisor on the board.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.database import Database
from hotline.errors import HotlineError
from hotline.logs import get
from ticketing.call_flow.document import QueueOptions
from ticketing.context import Core
from ticketing.conversation.calls import answered_by_person, back_to_queue, get_call, note, standing
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, get_conversation
from ticketing.duty.models import ON_CALL, Duty, DutyState
from ticketing.duty.service import after_call, change, duty_of
from ticketing.people.actor import staff_actor
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.queue.commands import settle
from ticketing.queue.service import agent_left_call
from ticketing.ticket.access import closed_conversations

log = get(__name__)
T = TypeVar("T")
_DATABASE_S = 5.0


class Ledger:
    """The written side of one bridged call."""

    def __init__(self, core: Core, database: Database, call_id: UUID, options: QueueOptions | None) -> None:
        """`options`: of the queue that the caller came from, None when from none."""
        self._core = core
        self._database = database
        self._call_id = call_id
        self._options = options

    async def settle(self, row_id: int, result: str = "") -> None:
        """The command was carried out; or could not be, for the reason in `result`."""
        await self._try(lambda session: settle(self._core, session, row_id, ok=not result, result=result))

    async def taken_by(self, user_id: int) -> None:
        """This agent has the caller now."""
        await self._try(lambda session: self._taken_by(session, user_id))

    async def _taken_by(self, session: AsyncSession, user_id: int) -> None:
        await self._engage(session, user_id, DutyState.BUSY)
        await answered_by_person(self._core, session, self._call_id, user_id)

    async def left(self, user_id: int) -> None:
        """This agent is out of the call: wrap-up."""
        await self._try(lambda session: agent_left_call(self._core, session, user_id, self._options))

    async def reserve(self, user_id: int) -> bool:
        """Keep the queue from ringing somebody whose telephone we ring or who listens; False when in another call."""
        return bool(await self._try(lambda session: self._engage(session, user_id, DutyState.RINGING)))

    async def engaged(self, user_id: int) -> None:
        """Somebody whom we rang has answered."""
        await self._try(lambda session: self._engage(session, user_id, DutyState.BUSY))

    async def released(self, user_id: int) -> None:
        """Somebody who was rung, or listened, has nothing to wrap up."""
        await self._try(lambda session: after_call(self._core, session, user_id, wrap_s=0))

    async def lost(self) -> None:
        """The agent's telephone is gone: the caller waits again."""
        await self._try(lambda session: back_to_queue(self._core, session, self._call_id))

    async def closed_to(self, user_id: int) -> bool:
        """Whether this person may not hear the call (any more): a secret ticket came of it, or they do not supervise now."""
        return bool(await self._try(lambda session: self._closed_to(session, user_id)))

    async def _closed_to(self, session: AsyncSession, user_id: int) -> bool:
        user, call = await session.get_one(User, user_id), await get_call(session, self._call_id)
        actor = staff_actor(user)
        if not user.active or not may(actor, "call.supervise"):
            return True
        return bool(await closed_conversations(self._core, session, actor, [call.conversation_id]))

    async def standing(self, mode: str) -> None:
        """What the agent does with the citizen (`seating.Mode`), for the agent's page."""
        await self._try(lambda session: standing(self._core, session, self._call_id, mode))

    async def note(self, name: str, **data: str) -> None:
        """Write an event of the call."""
        await self._try(lambda session: note(self._core, session, self._call_id, name, data))

    async def said(self, text: str, external_id: str, data: Mapping[str, object]) -> None:
        """What the agent, or a third party, said."""
        await self._try(lambda session: self._said(session, text, external_id, data))

    async def _said(self, session: AsyncSession, text: str, external_id: str, data: Mapping[str, object]) -> None:
        call = await get_call(session, self._call_id)
        conversation = await get_conversation(session, call.conversation_id, lock=True)
        await add_message(self._core, session, conversation, Author.AGENT, text, external_id=external_id, data=dict(data))

    async def phone_of(self, *, user_id: int | None = None, staff_number: str = "") -> tuple[int, str] | None:
        """Somebody's account and telephone; None when there is none."""
        found = await self._try(lambda session: self._phone_of(session, user_id, staff_number))
        return found or None

    async def _phone_of(self, session: AsyncSession, user_id: int | None, staff_number: str) -> tuple[int, str] | None:
        whose = User.id == user_id if user_id is not None else User.staff_number == staff_number
        row = (await session.execute(select(User.id, Duty.phone).join(Duty, Duty.user_id == User.id).where(whose, User.active))).first()
        return (row.id, row.phone) if row is not None and row.phone else None

    async def _engage(self, session: AsyncSession, user_id: int, state: DutyState) -> bool:
        duty = await duty_of(self._core, session, user_id)
        if DutyState(duty.state) in ON_CALL and duty.call_id != self._call_id:
            return False
        await change(self._core, session, duty, state, call_id=self._call_id)
        return True

    async def _try(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T | None:
        try:
            async with self._transaction() as session:
                return await work(session)
        except (HotlineError, SQLAlchemyError, TimeoutError) as error:
            log.warning("bridge_not_written", call=str(self._call_id), reason=type(error).__name__)
            return None

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        async with asyncio.timeout(_DATABASE_S), self._database.transaction() as session:
            yield session
