"""The one door to tickets: pages, API, lists and exports all pass here. What may not be seen does not exist (NotFound).

`visible` is a condition for statements, so lists are filtered in the database; `access_ticket` is the door to one
ticket; `access_by_code` is the citizen's door; `reveal` opens private fields and leaves an audit event.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE, to_city
from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from hotline.security import hash_query_code
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.models import CallbackTask, ReturnCall, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import Person, person
from ticketing.context import Core
from ticketing.conversation.models import Call
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.people.permissions import Scope, may, scope_of
from ticketing.people.units import below
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.ticket.steps import tell


def visible(core: Core, actor: Actor) -> ColumnElement[bool]:
    """The tickets that the actor may see (domain.md 4b)."""
    return (Ticket.confidentiality != Confidentiality.SECRET.value) & _by_role(core, actor) & _line(actor) | _named(actor)


def _named(actor: Actor) -> ColumnElement[bool]:
    """Who registered a ticket, or is named on it, sees it even when it is secret; the administrator and the inspector never."""
    if actor.user_id is None or scope_of(actor, "ticket.see") is None:
        return false()
    registered, named = Ticket.created_by_id == actor.user_id, Ticket.extra["named"].contains([actor.user_id])
    match scope_of(actor, "ticket.see_secret"):
        case Scope.NAMED:
            return registered | named
        case Scope.OWN:
            return registered
        case _:
            return registered & (Ticket.confidentiality != Confidentiality.SECRET.value)


def _line(actor: Actor) -> ColumnElement[bool]:
    return Ticket.line == actor.line if actor.line else true()


def _midnight(core: Core) -> datetime:
    return datetime.combine(to_city(core.clock.now()).date(), time(0), CITY_ZONE)


def _by_role(core: Core, actor: Actor) -> ColumnElement[bool]:
    match scope_of(actor, "ticket.see") if actor.role else None:
        case Scope.ALL:
            return true()
        case Scope.TODAY:
            owed = select(ReturnCall.ticket_id).where(ReturnCall.state == "open")
            return or_(Ticket.received_at >= _midnight(core), Ticket.id.in_(owed))
        case Scope.TREE:
            gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
            units = Assignment.unit_id.in_(below(actor.unit_id)) if actor.unit_id else false()
            return Ticket.id.in_(select(Assignment.ticket_id).where(units, Assignment.state.not_in(gone)))
        case Scope.QUEUE:
            # also what ended today, by whomever: a clerk on the telephone while the citizen rates is told so and does not lose the form
            fresh = CallbackTask.finished_at >= _midnight(core)
            tasks = select(CallbackTask.ticket_id).where(or_(CallbackTask.state == "open", CallbackTask.user_id == actor.user_id, fresh))
            visits = select(SecondVisit.ticket_id).where(SecondVisit.state == "open")
            owed = select(ReturnCall.ticket_id).where(or_(ReturnCall.state == "open", ReturnCall.done_by_id == actor.user_id))
            return or_(Ticket.id.in_(tasks), Ticket.id.in_(visits), Ticket.id.in_(owed))
        case Scope.SAMPLE:
            return Ticket.conversation_id.in_(select(Call.conversation_id))
        case _:
            return false()


async def access_ticket(
    core: Core, session: AsyncSession, actor: Actor, number: str, *, lock: bool = False, version: int | None = None
) -> Ticket:
    """The ticket with this number.

    Args:
        lock: hold its row until the transaction ends (for every change).
        version: the version that the person saw; another one raises Conflict, so that nothing is overwritten unseen.

    Raises NotFound both for «does not exist» and «may not be seen».
    """
    statement = select(Ticket).where(Ticket.number == number, visible(core, actor))
    ticket = (await session.scalars(statement.with_for_update(of=Ticket) if lock else statement)).first()
    if ticket is None:
        raise NotFound(_("没有找到这张工单，或者你没有查看它的权限"))
    if version is not None and ticket.version != version:
        raise Conflict(_("这张工单刚刚有人改过，请看过新的内容再操作"))
    return ticket


async def access_by_code(core: Core, session: AsyncSession, number: str, query_code: str, *, lock: bool = False) -> Ticket:
    """The citizen's door: number and query code. The same NotFound whichever is wrong."""
    statement = select(Ticket).where(Ticket.number == number.strip())
    ticket = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    expected = ticket.query_code_hash if ticket else hash_query_code("", core.secret)
    if not hmac.compare_digest(expected, hash_query_code(query_code, core.secret)) or ticket is None:
        raise NotFound(_("编号或查询码不对，请对照登记时给您的信息再输一次"))
    return ticket


async def own_tickets(session: AsyncSession, citizen_id: int, *, limit: int = 5) -> list[Ticket]:
    """A citizen's own tickets, newest first; for channels that know who it is."""
    statement = select(Ticket).where(Ticket.citizen_id == citizen_id, Ticket.confidentiality != Confidentiality.SECRET.value)
    return list(await session.scalars(statement.order_by(Ticket.id.desc()).limit(limit)))


async def person_of(core: Core, session: AsyncSession, ticket: Ticket) -> Person:
    """The citizen, masked."""
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    return person(core, citizen)


async def reveal(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> Person:
    """The citizen in clear, with a reason that is written down. The ticket must have come through `access_ticket`."""
    if not may(actor, "private.reveal"):
        raise NotAllowed(_("你的岗位不能查看市民的联系方式"))
    if len(reason.strip()) < 4:
        raise InvalidInput(_("请写明查看的理由"), field="reason")
    if scope_of(actor, "private.reveal") is Scope.NAMED and not await _is_contact_person(session, actor, ticket):
        raise NotAllowed(_("联系方式只给签收这件工单的经办人看，请先签收"))
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    await tell(core, session, actor, ticket, "view.revealed", {"reason": reason.strip()[:200]})
    return person(core, citizen, masked=False)


async def _is_contact_person(session: AsyncSession, actor: Actor, ticket: Ticket) -> bool:
    """Whether the clerk signed for the unit (签收人) or is the person fixed for it (定人), or stands in for one who is."""
    people = [actor.user_id, *(other.user_id for other in actor.stands_in)]
    names = select(User.name).where(User.id.in_(people))
    contact = or_(Assignment.signed_by_id.in_(people), Assignment.responsible_person.in_(names))
    statement = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == actor.unit_id, contact)
    return (await session.scalar(statement.limit(1))) is not None


async def access_attachment(core: Core, session: AsyncSession, actor: Actor, attachment_id: UUID) -> Attachment:
    """An attachment of a ticket that the actor may see."""
    statement = (
        select(Attachment).join(Ticket, Ticket.id == Attachment.ticket_id).where(Attachment.id == attachment_id, visible(core, actor))
    )
    found = (await session.scalars(statement)).first()
    if found is None:
        raise NotFound(_("没有找到这个附件"))
    return found


def withheld_conversations(core: Core, actor: Actor) -> Select[UUID | None]:
    """Conversations with a ticket that the actor may not see: what was said in them is closed, however many other tickets they have."""
    unseen = not_(func.coalesce(visible(core, actor), false()))  # «named» of an ordinary ticket is NULL, and NOT NULL would hide nothing
    return select(Ticket.conversation_id).where(Ticket.conversation_id.is_not(None), unseen)


async def closed_conversations(core: Core, session: AsyncSession, actor: Actor, conversations: Iterable[UUID]) -> set[UUID]:
    """Which of these contacts that still go on are closed to the actor: a secret ticket came of them that the actor may not see.

    An ordinary ticket of yesterday hides nothing here: whoever serves a person now may read what is being said.
    """
    secret = withheld_conversations(core, actor).where(
        Ticket.confidentiality == Confidentiality.SECRET.value, Ticket.conversation_id.in_(list(conversations))
    )
    return {found for found in await session.scalars(secret) if found is not None}


async def sees_conversation(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID) -> bool:
    """Whether no ticket of this conversation is hidden from the actor."""
    withheld = withheld_conversations(core, actor).where(Ticket.conversation_id == conversation_id).limit(1)
    return (await session.scalar(withheld)) is None


async def access_call(core: Core, session: AsyncSession, actor: Actor, call_id: UUID) -> Call:
    """A recorded call, when every ticket of its conversation is visible to the actor.

    A call without a ticket is for quality, and for the agents while it goes on.
    """
    if not may(actor, "recording.listen"):
        raise NotFound(_("没有找到这通电话"))
    call = (await session.scalars(select(Call).where(Call.id == call_id))).first()
    if call is not None and not await _may_listen(core, session, actor, call):
        call = None
    if call is None:
        raise NotFound(_("没有找到这通电话"))
    return call


async def _may_listen(core: Core, session: AsyncSession, actor: Actor, call: Call) -> bool:
    if not await sees_conversation(core, session, actor, call.conversation_id):
        return False
    reach = scope_of(actor, "recording.listen")
    if reach is Scope.SAMPLE or (reach is Scope.TODAY and call.ended_at is None):
        return True
    return bool(await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.conversation_id == call.conversation_id)))
