"""The one door to tickets: pages, API, lists and exports all pass here. What may not be seen does not exist (NotFound).

`visible` is a condition for statements, so lists are filtered in the database; `access_ticket` is the door to one
ticket; `access_by_code`, `access_opened` and `tickets_of_citizen` are the citizen's doors, `public_tickets` is everybody's;
`reveal` opens private fields and leaves an audit event. `tests/ticketing/test_doors.py` finds selects that pass by.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    SQLColumnExpression,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hotline.clock import CITY_ZONE, to_city
from hotline.errors import Conflict, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from hotline.security import hash_query_code
from ticketing.assignment.models import Assignment
from ticketing.callback.models import CallbackTask, ReturnCall, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import Person, person
from ticketing.context import Core
from ticketing.conversation.models import Call, Conversation
from ticketing.dialling.models import Dial
from ticketing.people.actor import Actor
from ticketing.people.lines import calls_of
from ticketing.people.models import User
from ticketing.people.permissions import Scope, may, scope_of
from ticketing.people.units import below
from ticketing.ticket import queues
from ticketing.ticket.models import Attachment, Ticket, UnitQueue
from ticketing.ticket.states import Confidentiality, Kind, TicketState
from ticketing.ticket.steps import tell


def visible(core: Core, actor: Actor) -> ColumnElement[bool]:
    """The tickets that the actor may see (domain.md 4b): those of the role unless secret, and those the person is named on.

    Whom the role shows only some, gets them as one set of ids: the planner reads the set by its indexes and joins it,
    where an OR of conditions would make it look at every ticket (lesson 16).
    """
    return visible_to(actor, midnight(core))


def visible_to(actor: Actor, midnight: datetime, *, one_by_one: bool = False) -> ColumnElement[bool]:
    """`visible` on the day that began at `midnight`: nothing else of the installation or the moment decides.

    `one_by_one`: for a statement that finds few tickets in another way first; each is then looked at by itself.
    """
    named = named_on(actor, Ticket)
    some = role_sets(actor, midnight)
    if some is None:
        return ordinary(actor) | named
    if one_by_one:
        return ordinary(actor) & or_(*(queues.one_by_one(ids.where(ids.selected_columns[0] == Ticket.id)) for ids in some)) | named
    other = aliased(Ticket)
    return Ticket.id.in_(union_all(*some, select(other.id).where(named_on(actor, other)))) & (ordinary(actor) | named)


def ordinary(actor: Actor) -> ColumnElement[bool]:
    """What of the tickets of a role a person sees without being named: none that is secret, none of another line."""
    return (Ticket.confidentiality != Confidentiality.SECRET.value) & (Ticket.line == actor.line if actor.line else true())


def perhaps_visible(
    actor: Actor, midnight: datetime, ticket_id: ColumnElement[int], between: tuple[ColumnElement[int], ColumnElement[int]]
) -> ColumnElement[bool]:
    """Whether one of the ids of [first, second) may be seen at all: a quick way past the many that may not, never the door itself.

    The ids are read when the first one is asked about.
    """
    some = role_sets(actor, midnight)
    if some is None:
        return true()
    today = scope_of(actor, "ticket.see") is Scope.TODAY
    sets = some[1:] if today else some
    if actor.user_id is not None:  # two sets, each with its index: as one condition a plan for any person reads the whole block
        own, other = aliased(Ticket), aliased(Ticket)
        sets += [select(own.id).where(own.created_by_id == actor.user_id), select(other.id).where(on_list(actor.user_id, other))]
    ids = [each.where(each.selected_columns[0] >= between[0], each.selected_columns[0] < between[1]) for each in sets]
    asked = ticket_id + literal_column("0")  # added nothing: it is no way to the tickets by itself
    # tested once more, so that it stays a set that is asked and never becomes a join
    in_sets = asked.in_(union_all(*ids)).is_(True)
    return or_(asked >= _first_of(midnight.date()), in_sets) if today else in_sets


def _first_of(day: date) -> ColumnElement[int]:
    """The lowest number among the day's tickets, by their index. None has come later: NULL, and nothing is of the day."""
    other = aliased(Ticket)
    return select(other.id).where(registered_on(day, other)).order_by(other.id).limit(literal_column("1")).scalar_subquery()


def lying_visible_to(actor: Actor) -> ColumnElement[bool]:
    """`visible_to` for the rows of `unit_queue` that lie at the units of the actor's tree, by the role alone (not by name).

    The row itself is the unit's part of the ticket; what is left to ask stands in it (docs/decisions/0160).
    """
    return ~UnitQueue.secret & (UnitQueue.line == actor.line if actor.line else true())


def named_on(actor: Actor, of: type[Ticket]) -> ColumnElement[bool]:
    """Who registered a ticket, or is named on it, sees it even when it is secret; the administrator and the inspector never."""
    if actor.user_id is None or scope_of(actor, "ticket.see") is None:
        return false()
    registered = of.created_by_id == actor.user_id
    named = on_list(actor.user_id, of)
    match scope_of(actor, "ticket.see_secret"):
        case Scope.NAMED:
            return registered | named
        case Scope.OWN:
            return registered
        case _:
            return registered & (of.confidentiality != Confidentiality.SECRET.value)


def on_list(user_id: int, of: type[Ticket]) -> ColumnElement[bool]:
    """Tickets with this person on the list of those who may see it. It decides nothing by itself: `visible` does."""
    key: ColumnElement[str] = literal_column("'named'")  # as the partial index has it
    named: ColumnElement[bool] = of.extra.has_key(key) & of.extra.op("->", return_type=JSONB())(key).contains([user_id])
    return named


def midnight(core: Core) -> datetime:
    """When the city's day began."""
    return datetime.combine(to_city(core.clock.now()).date(), time(0), CITY_ZONE)


def registered_on(day: date, of: type[Ticket]) -> ColumnElement[bool]:
    """Tickets that were registered on this day of the city, by its index (`ix_ticket_day_state`)."""
    city_day = func.timezone(literal_column(f"'{CITY_ZONE.key}'"), of.received_at).cast(Date)
    return city_day == literal_column(f"date '{day.isoformat()}'")  # written out: a plan needs to know how much it is


_GONE: tuple[ColumnElement[str], ...] = (literal_column("'returned'"), literal_column("'cancelled'"))
"""Written into the statement: the planner then sees that the partial index fits."""


def role_sets(actor: Actor, midnight: datetime) -> list[Select[int]] | None:
    """The tickets of the role, as selections of their ids; None: all."""
    match scope_of(actor, "ticket.see") if actor.role else None:
        case Scope.ALL:
            return None
        case Scope.TODAY:
            other = aliased(Ticket)
            return [
                select(other.id).where(registered_on(midnight.date(), other)),
                select(ReturnCall.ticket_id).where(ReturnCall.state == literal_column("'open'")),
            ]
        case Scope.TREE:
            units = Assignment.unit_id.in_(below(actor.unit_id)) if actor.unit_id else false()
            return [select(Assignment.ticket_id).where(units, Assignment.state.not_in(_GONE))]
        case Scope.QUEUE:
            # also what ended today, by whomever: a clerk on the telephone while the citizen rates is told so and does not lose the form
            is_open: ColumnElement[str] = literal_column("'open'")
            return [
                select(CallbackTask.ticket_id).where(CallbackTask.state == is_open),
                select(CallbackTask.ticket_id).where(CallbackTask.user_id == actor.user_id),
                select(CallbackTask.ticket_id).where(CallbackTask.finished_at >= midnight),
                select(SecondVisit.ticket_id).where(SecondVisit.state == is_open),
                select(ReturnCall.ticket_id).where(ReturnCall.state == is_open),
                select(ReturnCall.ticket_id).where(ReturnCall.done_by_id == actor.user_id),
            ]
        case Scope.SAMPLE:
            other = aliased(Ticket)
            called = select(Dial.ticket_id).where(Dial.answered_at.is_not(None))
            return [select(other.id).join(Call, Call.conversation_id == other.conversation_id), called]
        case _:
            return [select(literal_column("0", BigInteger)).where(false())]


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


async def access_opened(session: AsyncSession, number: str, *, lock: bool = False) -> Ticket:
    """The citizen's door once it is open: `number` comes from a signed cookie that `access_by_code` or registration earned.

    Raises NotFound when it is gone meanwhile.
    """
    statement = select(Ticket).where(Ticket.number == number)
    ticket = (await session.scalars(statement.with_for_update() if lock else statement)).first()
    if ticket is None:
        raise NotFound(_("没有找到这件事，请重新输入编号和查询码"))
    return ticket


def tickets_of_citizen(citizen_id: int) -> Select[Ticket]:
    """A citizen's own tickets, newest first, for channels that know who it is: what the person may act on, secret ones too."""
    return select(Ticket).where(Ticket.citizen_id == citizen_id).order_by(Ticket.id.desc())


async def own_tickets(session: AsyncSession, citizen_id: int, *, limit: int = 5) -> list[Ticket]:
    """A citizen's own tickets that may be told aloud or listed, newest first: a secret one is opened by its code only."""
    ordinary = Ticket.confidentiality != Confidentiality.SECRET.value
    return list(await session.scalars(tickets_of_citizen(citizen_id).where(ordinary).limit(limit)))


def tickets_of_number(core: Core, phone: str) -> Select[Ticket]:
    """The tickets that name this telephone number (E.164), newest first, for who has just proved to hold it (0196).

    举报 and secret matters are not among them: the number may be a family's, they are opened by their code only.
    """
    people = select(Citizen.id).where(Citizen.phone_hash.in_(core.vault.fingerprints(phone, "phone")))
    shown = (Ticket.confidentiality != Confidentiality.SECRET.value, Ticket.kind != Kind.REPORT.value, not_(Ticket.anonymous))
    return select(Ticket).where(Ticket.citizen_id.in_(people), *shown).order_by(Ticket.id.desc())


_NEVER_PUBLIC = (TicketState.DRAFT.value, TicketState.INVALID.value)


def public_tickets() -> Select[Ticket]:
    """What everybody may know to exist (Open311): never secret tickets, drafts or nuisance; 举报 only when it was published.

    What of such a ticket is shown is the channel's matter.
    """
    return select(Ticket).where(
        Ticket.confidentiality != Confidentiality.SECRET.value,
        Ticket.state.not_in(_NEVER_PUBLIC),
        or_(Ticket.kind != Kind.REPORT.value, Ticket.confidentiality == Confidentiality.OPEN.value),
    )


async def person_of(core: Core, session: AsyncSession, ticket: Ticket) -> Person:
    """The citizen, masked."""
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    return person(core, citizen)


def is_reason(text: str) -> bool:
    """Whether somebody wrote at least four characters that can be seen; blanks of no width and dots are no reason."""
    return sum(char.isalnum() for char in text) >= 4


async def reveal(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> Person:
    """The citizen in clear, with a reason that is written down. The ticket must have come through `access_ticket`."""
    if not may(actor, "private.reveal"):
        raise NotAllowed(_("你的岗位不能查看市民的联系方式"))
    if not is_reason(reason):
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
    asked, is_secret = list(conversations), Ticket.confidentiality == Confidentiality.SECRET.value
    secret = withheld_conversations(core, actor).where(is_secret, Ticket.conversation_id.in_(asked))
    about = conversations_about_withheld(core, actor).where(is_secret, Conversation.id.in_(asked))
    return {found for found in await session.scalars(union_all(secret, about)) if found is not None}


def of_secret(conversation_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Whether a secret ticket came of this contact, or it is about one: its words stand in no list of other work, whoever reads it."""
    is_secret = Ticket.confidentiality == Confidentiality.SECRET.value
    came = select(Ticket.id).where(Ticket.conversation_id == conversation_id, is_secret).exists()
    leads = select(Conversation.id).join(Ticket, Ticket.id == Conversation.ticket_id).where(Conversation.id == conversation_id, is_secret)
    return came | leads.exists()


def conversations_about_withheld(core: Core, actor: Actor) -> Select[UUID]:
    """Contacts that are about a ticket which the actor may not see: calls that we made to its citizen."""
    unseen = not_(func.coalesce(visible(core, actor), false()))
    return select(Conversation.id).join(Ticket, Ticket.id == Conversation.ticket_id).where(unseen)


async def sees_conversation(core: Core, session: AsyncSession, actor: Actor, conversation_id: UUID) -> bool:
    """Whether no ticket of this conversation is hidden from the actor."""
    withheld = withheld_conversations(core, actor).where(Ticket.conversation_id == conversation_id).limit(1)
    about = conversations_about_withheld(core, actor).where(Conversation.id == conversation_id).limit(1)
    return (await session.scalar(withheld)) is None and (await session.scalar(about)) is None


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
    if await session.scalar(select(Ticket.id).where(Ticket.conversation_id == call.conversation_id).limit(1)):
        return True
    if call.direction == "out":  # made about a ticket, which the actor sees
        return True
    reach = scope_of(actor, "recording.listen")
    if reach is Scope.SAMPLE or (reach is Scope.TODAY and call.ended_at is None):
        return await session.scalar(select(Call.id).where(Call.id == call.id, calls_of(actor))) is not None
    return False
