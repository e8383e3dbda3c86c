"""A queue with agents at telephones and callers who wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from hotline.clock import ManualClock
from hotline.database import Database
from ticketing.call_flow.document import Document, QueueOptions, parse_text, seed_text
from ticketing.context import Core
from ticketing.conversation.calls import answered_by_person, queue_call, start_call
from ticketing.conversation.service import get_conversation, request_person
from ticketing.duty.models import Duty, DutyState
from ticketing.duty.service import set_phone, set_state
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Line, Role, User
from ticketing.queue.models import Waiting
from ticketing.queue.service import Ring, Wish, distribute, enter, served


@dataclass
class Centre:
    """What the tests work with."""

    core: Core
    database: Database
    clock: ManualClock
    people: dict[str, Actor] = field(default_factory=dict)
    document: Document = field(default_factory=lambda: parse_text(seed_text()))

    @property
    def options(self) -> QueueOptions:
        return self.document.queues["hotline"]

    def set(self, **options: object) -> None:
        queues = {**self.document.queues, "hotline": self.options.model_copy(update=options)}
        self.document = self.document.model_copy(update={"queues": queues})

    async def person(self, name: str, role: Role = Role.AGENT, *, line: str | None = None) -> Actor:
        async with self.database.transaction() as session:
            number = f"{2000 + len(self.people)}"
            user = User(login=name, name=name, staff_number=number, role=role.value, line=line, password_hash="x")
            session.add(user)
            await session.flush()
            self.people[name] = staff_actor(user)
        return self.people[name]

    async def seat(self, name: str, **values: Any) -> Actor:
        """An agent who is ready."""
        actor = await self.person(name, **values)
        async with self.database.transaction() as session:
            await set_phone(self.core, session, self.people["head"], actor.user_id or 0, f"sip:{name}@127.0.0.1:5070")
            await set_state(self.core, session, actor, DutyState.READY)
        self.clock.advance(seconds=1)
        return actor

    async def caller(
        self,
        *,
        queue: str = "hotline",
        called: str = "12345",
        number: str | None = None,
        options: QueueOptions | None = None,
        **wish: Any,
    ) -> UUID:
        """Somebody calls and waits."""
        async with self.database.transaction() as session:
            conversation, call = await start_call(
                self.core, session, sip_call_id="x", caller=number, called=called, codec="PCMA", worker="telephony-test", transcriber=None
            )
            await request_person(self.core, session, await get_conversation(session, conversation.id, lock=True), "asked")
            await queue_call(self.core, session, call.id)
            wanted = Wish(queue, called, "telephony-test", **wish)
            assert await enter(self.core, session, call.id, wanted, options or self.options)
        self.clock.advance(seconds=1)
        return call.id

    async def distribute(self) -> list[Ring]:
        async with self.database.transaction() as session:
            return await distribute(self.core, session, self.document)

    async def talk(self, call: UUID, agent: Actor) -> None:
        """The agent picks up."""
        async with self.database.transaction() as session:
            assert await served(self.core, session, call, agent.user_id or 0)
            await answered_by_person(self.core, session, call, agent.user_id or 0)

    async def duty(self, agent: Actor) -> Duty:
        async with self.database.transaction() as session:
            return await session.get_one(Duty, agent.user_id)

    async def row(self, call: UUID) -> Waiting:
        from sqlalchemy import select

        async with self.database.transaction() as session:
            return (await session.scalars(select(Waiting).where(Waiting.call_id == call).order_by(Waiting.id.desc()))).first()  # type: ignore[return-value]


@pytest.fixture
async def centre(core: Core, database: Database, clock: ManualClock) -> Centre:
    made = Centre(core, database, clock)
    async with database.transaction() as session:
        session.add_all([Line(number="12345", name="便民热线"), Line(number="12319", name="城管热线")])
    await made.person("head", Role.SUPERVISOR)
    return made
