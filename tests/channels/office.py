"""The staff's side of a ticket, played through the real service functions, so that the portal shows what really happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from types import ModuleType
from typing import Any

from hotline.database import Database
from hotline.events import ActorKind
from ticketing.assignment.models import Facts
from ticketing.assignment.service import ReplyDraft, access_assignment, contact, draft_reply, sign, sign_off
from ticketing.callback.service import GATES, review
from ticketing.context import Core
from ticketing.deadline.limits import Limit
from ticketing.people.actor import Actor, staff_actor
from ticketing.people.models import Role, User
from ticketing.request import extension, suspension
from ticketing.request import service as requests
from ticketing.ticket import dispatch as desk
from ticketing.ticket.access import access_ticket
from ticketing.ticket.area import UNKNOWN
from ticketing.ticket.states import DispatchMode

MEASURES = "已派人到现场更换路灯灯头并测试，当晚恢复照明；今后每周巡查一次，发现故障当天修复。"


@dataclass
class Office:
    """A dispatcher, and a clerk and a chief of unit 2."""

    core: Core
    database: Database
    people: dict[Role, Actor] = field(default_factory=dict)

    async def hire(self) -> Office:
        """Make the accounts."""
        async with self.database.transaction() as session:
            for number, (role, unit) in enumerate(((Role.DISPATCHER, None), (Role.CLERK, 2), (Role.CHIEF, 2)), 1):
                user = User(login=role.value, name=role.value, staff_number=str(number), role=role.value, unit_id=unit, password_hash="-")
                session.add(user)
                await session.flush()
                self.people[role] = staff_actor(user)
        return self

    async def dispatch(self, number: str) -> int:
        """Give the ticket to unit 2; returns the assignment."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, self.people[Role.DISPATCHER], number, lock=True)
            where = {} if ticket.district else {"district": UNKNOWN}  # the citizen did not say
            assignment = await desk.dispatch(
                self.core, session, self.people[Role.DISPATCHER], ticket, unit_id=2, mode=DispatchMode.PHONE, instruction="请速办", **where
            )
            return assignment.id

    async def work(self, assignment: int) -> None:
        """Sign and contact the citizen."""
        async with self.database.transaction() as session:
            await sign(self.core, session, self.people[Role.CLERK], assignment)
            await contact(self.core, session, self.people[Role.CLERK], assignment, way="phone", note="已电话联系，内部备注")

    async def reply(self, assignment: int, **files: Any) -> None:
        """Draft and sign off; `files` as in `ReplyDraft`."""
        draft = ReplyDraft(Facts.TRUE, MEASURES, "城市照明管理规定", "已电话告知", **files)
        async with self.database.transaction() as session:
            await draft_reply(self.core, session, self.people[Role.CLERK], assignment, draft)
            await sign_off(self.core, session, self.people[Role.CHIEF], assignment)

    async def pass_review(self, number: str) -> None:
        """The citizen can rate then."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, self.people[Role.DISPATCHER], number, lock=True)
            await review(self.core, session, self.people[Role.DISPATCHER], ticket, accept=True, gates=GATES)

    async def answer(self, number: str, assignment: int) -> None:
        """Reply, sign off, and pass the review."""
        await self.reply(assignment)
        await self.pass_review(number)

    async def until_rating(self, number: str) -> None:
        """The whole way up to the citizen's rating."""
        assignment = await self.dispatch(number)
        await self.work(assignment)
        await self.answer(number, assignment)

    async def answer_on_the_spot(self, number: str) -> None:
        """T2: no unit needed."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, self.people[Role.DISPATCHER], number, lock=True)
            await desk.answer(
                self.core, session, self.people[Role.DISPATCHER], ticket, "根据规定，路灯故障请拨打市政维修电话，二十四小时内修复。"
            )

    async def ask_for_more(self, number: str) -> None:
        """T5."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, self.people[Role.DISPATCHER], number, lock=True)
            await desk.request_info(self.core, session, self.people[Role.DISPATCHER], ticket, "请补充路灯杆上的编号和照片")

    async def step(self, number: str, step: Callable[..., Awaitable[object]], *args: object, **kwargs: object) -> None:
        """Any step of the dispatcher."""
        async with self.database.transaction() as session:
            ticket = await access_ticket(self.core, session, self.people[Role.DISPATCHER], number, lock=True)
            await step(self.core, session, self.people[Role.DISPATCHER], ticket, *args, **kwargs)

    async def suspend(self, number: str, assignment: int) -> None:
        """挂账: asked, consented, approved by a supervisor."""
        more = {"reason_class": suspension.SuspensionReason.SEASON, "review_on": date(2026, 12, 20)}
        await self._request(number, assignment, suspension, **more)

    async def extend(self, number: str, assignment: int) -> None:
        """延期 by two working days, approved."""
        await self._request(number, assignment, extension, limit=Limit(2, "wd"))

    async def _request(self, number: str, assignment: int, kind: ModuleType, **fields: object) -> None:
        words = {"reason": "要等雨季过后才能开挖路面施工", "told": "已电话告知市民雨季过后施工"}
        supervisor = Actor(ActorKind.STAFF, "督办", role=Role.SUPERVISOR)
        async with self.database.transaction() as session:
            part, ticket = await access_assignment(session, self.people[Role.CLERK], assignment)
            request = await kind.ask(self.core, session, self.people[Role.CLERK], part, ticket, **words, **fields)
            await requests.consent(self.core, session, self.people[Role.CHIEF], ticket, request.id)
            await kind.decide(self.core, session, supervisor, ticket, request.id, approve=True)
