"""The rows that belong to one ticket, for its page: all by one statement, and by a second what depends on the person who looks.

Which of them the person is shown is decided by `ticket_view`. Access to the ticket was checked before.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, String, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.supervision_view import LISTS
from hotline.bundle import Bundle, Part
from hotline.events import Event, reopened
from ticketing.assignment.models import Assignment, Reply
from ticketing.calendar import versions
from ticketing.calendar.versions import Versions
from ticketing.callback.models import CallbackAnswer, CallbackAttempt, CallbackTask, ReturnCall, SecondVisit
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.conversation.models import Call, Message
from ticketing.deadline.models import Deadline
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.people.actor import Actor
from ticketing.people.models import Unit, User
from ticketing.people.permissions import may
from ticketing.relation import investigation
from ticketing.relation.models import Investigation
from ticketing.request.models import Request
from ticketing.supervision.models import Card
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import visible, withheld_conversations
from ticketing.ticket.models import Attachment, Ticket

MOST_SAID, MOST_NOTICES, MOST_RELATED = 500, 50, 5

_TICKET = bindparam("ticket", type_=BigInteger)
_CONVERSATION = bindparam("conversation", type_=Uuid)
_FORMS = bindparam("forms", type_=Boolean)
_latest_task = select(func.max(CallbackTask.id)).where(CallbackTask.ticket_id == _TICKET).scalar_subquery()
_notices = select(Notice).where(Notice.ticket_id == _TICKET).order_by(Notice.id.desc()).limit(MOST_NOTICES)

_OWN = Bundle(
    LISTS,
    versions=select(*versions.COLUMNS),
    clocks=select(Deadline).where(Deadline.ticket_id == _TICKET).order_by(Deadline.id),
    events=select(Event).where(Event.subject == "ticket", Event.subject_id == func.cast(_TICKET, String)).order_by(Event.seq),
    parts=select(Assignment, Unit)
    .join(Unit, Unit.id == Assignment.unit_id)
    .where(Assignment.ticket_id == _TICKET)
    .order_by(Assignment.lead.desc(), Assignment.id),
    replies=select(Reply, User.name)
    .join(User, User.id == Reply.author_id)
    .join(Assignment, Assignment.id == Reply.assignment_id)
    .where(Assignment.ticket_id == _TICKET)
    .order_by(Reply.id),
    requests=select(Request, Unit.name, User.name.label("asked_by"))
    .outerjoin(Assignment, Assignment.id == Request.assignment_id)
    .outerjoin(Unit, Unit.id == Assignment.unit_id)
    .outerjoin(User, User.id == Request.asked_by_id)
    .where(Request.ticket_id == _TICKET)
    .order_by(Request.id.desc()),
    tasks=select(CallbackTask).where(CallbackTask.id == _latest_task),
    attempts=select(CallbackAttempt).where(CallbackAttempt.task_id == _latest_task).order_by(CallbackAttempt.id),
    answers=select(CallbackAnswer).where(CallbackAnswer.task_id == _latest_task).order_by(CallbackAnswer.id),
    visits=select(SecondVisit).where(SecondVisit.ticket_id == _TICKET).order_by(SecondVisit.id.desc()).limit(1),
    return_calls=select(ReturnCall).where(ReturnCall.ticket_id == _TICKET, ReturnCall.state == "open").order_by(ReturnCall.due_at).limit(1),
    cards=select(Card).where(Card.ticket_id == _TICKET).order_by(Card.at),
    attachments=select(Attachment).where(Attachment.ticket_id == _TICKET).order_by(Attachment.created_at),
    notices=_notices,
    deliveries=select(NoticeDelivery)
    .where(NoticeDelivery.notice_id.in_(_notices.with_only_columns(Notice.id)))
    .order_by(NoticeDelivery.id),
    investigations=select(Investigation).where(Investigation.ticket_id == _TICKET, Investigation.concluded_at.is_(None)),
    free_investigations=investigation.free(_TICKET),
    merged=select(Ticket).where(Ticket.master_id == _TICKET).order_by(Ticket.id),
    masters=select(Ticket).where(Ticket.id == bindparam("master", type_=BigInteger)),
    citizens=select(Citizen).where(Citizen.id == bindparam("citizen", type_=BigInteger)),
    categories=select(Category).where(Category.code == bindparam("category", type_=String)),
    makers=select(User.name).where(User.id == bindparam("maker", type_=BigInteger)),
    units=select(Unit.id, Unit.name),
    calls=select(Call).where(Call.conversation_id == _CONVERSATION).order_by(Call.started_at),
    said=select(Message).where(Message.conversation_id == _CONVERSATION).order_by(Message.id).limit(MOST_SAID),
    unit_choices=select(Unit).where(_FORMS, Unit.active, Unit.level > 1).order_by(Unit.level, Unit.id),
    category_choices=select(Category).where(_FORMS, Category.active).order_by(Category.code),
)


async def load_rows(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, forms: bool) -> dict[str, Any]:
    """By the names above, each a list; `withheld` and `related` as well. `forms`: also what can be chosen at dispatch."""
    rows = await _OWN.read(
        session,
        ticket=ticket.id,
        conversation=ticket.conversation_id if may(actor, "recording.listen") else None,
        master=ticket.master_id,
        citizen=ticket.citizen_id,
        category=ticket.category_code,
        maker=ticket.created_by_id,
        unit=actor.unit_id if actor.role and actor.role.in_unit else None,
        forms=forms,
    )
    [(calendar, policies, workflow)] = rows["versions"]
    versions.keep(session, Versions(calendar, policies, workflow))
    rows["events"] = reopened(session, rows["events"])
    return rows | await _by_person(core, session, actor, ticket)


async def _by_person(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """What else the same person reported, and whether the conversation is closed to the actor, in one statement if either is asked."""
    same = [Ticket.id == ticket.repeat_of_id] if ticket.repeat_of_id else []
    if ticket.citizen_id:
        same.append(Ticket.citizen_id == ticket.citizen_id)
    asked: dict[str, Part] = {}
    if same and may(actor, "ticket.related"):
        condition = same[0] if len(same) == 1 else same[0] | same[1]
        own = select(Ticket).where(condition, Ticket.id != ticket.id, visible(core, actor))
        asked["related"] = own.order_by(Ticket.id.desc()).limit(MOST_RELATED)
    if ticket.conversation_id and may(actor, "recording.listen"):
        asked["withheld"] = withheld_conversations(core, actor).where(Ticket.conversation_id == ticket.conversation_id).limit(1)
    found: dict[str, Any] = {"related": [], "withheld": []}
    return found | (await Bundle(None, **asked).read(session) if asked else {})


__all__ = ["load_rows"]
