"""Tickets: list, read, register, and what belongs to one: timeline, clocks, assignments, replies, callbacks, files."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import select

from channels.api import cursors
from channels.api.call import Answer, Call, Handler, Operation
from channels.api.explain import actions_of, allowed
from channels.api.models import Id, Moment, Page, Query, Sent, Told, text
from channels.api.ticket_answers import (
    AssignmentOut,
    AttachmentOut,
    CallbackOut,
    ClockOut,
    EventOut,
    Kin,
    ReplyOut,
    TicketOut,
    TicketWhole,
    assignment_out,
    attachment_out,
    callback_out,
    clock_out,
    etag,
    event_outs,
    reply_out,
    ticket_out,
    ticket_whole,
)
from channels.api.ticket_door import last_event, open_ticket
from channels.console.ticket_view import page_of_new
from channels.web.files import download, read_uploads
from hotline.errors import InvalidInput, NotFound
from hotline.events import Event
from hotline.i18n import _
from ticketing.assignment.models import Assignment, Reply
from ticketing.attachment.service import store
from ticketing.callback.models import CallbackAttempt, CallbackTask
from ticketing.deadline.models import Deadline
from ticketing.people.models import Role, Unit, User
from ticketing.people.permissions import ensure
from ticketing.ticket.access import access_attachment, person_of, visible
from ticketing.ticket.lists import TicketRow, rows_of
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.search import TicketFilter, search_tickets
from ticketing.ticket.service import CONTACT_WAYS, Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind, TicketState, Urgency
from ticketing.ticket.steps import tell

TAG = "工单"


class TicketFilters(Query):
    """Filters of the list and of the export; all given ones must fit."""

    queue: Annotated[Queue, Field(description="队列")] = Queue.ALL
    state: TicketState | None = None
    unit: Annotated[Id | None, Field(description="承办单位")] = None
    category: Annotated[str, Field(pattern=r"^([0-9]{4})?$", description="类别代码")] = ""
    district: Annotated[str, text(0, 50)] = ""
    channel: Channel | None = None
    urgency: Urgency | None = None
    kind: Kind | None = None
    line: Annotated[str, Field(pattern=r"^([0-9]{3,8})?$")] = ""
    received_from: Annotated[Moment | None, Field(description="登记时间不早于")] = None
    received_until: Annotated[Moment | None, Field(description="登记时间早于")] = None
    q: Annotated[str, text(0, 100, "编号、标题、地址里的文字")] = ""

    def wanted(self) -> TicketFilter:
        """For the core's search."""
        return TicketFilter(
            queue=self.queue, states=(self.state.value,) if self.state else (), unit_id=self.unit, category_code=self.category,
            district=self.district, channel=self.channel or "", urgency=self.urgency or "", kind=self.kind or "", line=self.line,
            received_from=self.received_from, received_until=self.received_until, words=self.q,
        )  # fmt: skip


class TicketQuery(TicketFilters, Page):
    """A page of the list."""


class TicketPage(Told):
    """A page of tickets, newest first."""

    items: list[TicketOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class NewTicket(Sent):
    """What a member of staff registers."""

    content: Annotated[str, text(2, 5000, "诉求内容")]
    kind: Kind = Kind.COMPLAINT
    title: Annotated[str, text(0, 60, "不填由内容生成")] = ""
    category: Annotated[str | None, Field(pattern=r"^[0-9]{4}$", description="类别代码")] = None
    urgency: Annotated[Urgency | None, Field(description="不填按内容判断：正在发生的危险为特急")] = None
    confidentiality: Confidentiality = Confidentiality.MASKED
    occurred: Annotated[str, text(0, 200, "何时发生，市民的原话")] = ""
    district: Annotated[str, text(0, 50, "区县、全市或不详；地址说得出的可不填")] = ""
    address: Annotated[str, text(0, 300)] = ""
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    name: Annotated[str, text(0, 50)] = ""
    phone: Annotated[str, text(0, 30)] = ""
    id_number: Annotated[str, text(0, 20, "居民身份证号，办理确需时才填；加密保存")] = ""
    anonymous: bool = False
    contact_by: Annotated[str, Field(pattern="^(" + "|".join(CONTACT_WAYS) + ")$")] = "phone"
    reported_unit_id: Annotated[Id | None, Field(description="被反映的单位，不能承办")] = None
    named_user_ids: Annotated[list[Id], Field(max_length=20, description="保密件的可见人员", default_factory=list)]

    @model_validator(mode="after")
    def _reachable(self) -> NewTicket:
        if not self.anonymous and not self.phone.strip():
            raise ValueError("请填写回复电话；市民不愿留的，anonymous设为true")
        return self


class Registered(Told):
    """A new ticket. The query code is told only here."""

    number: str
    query_code: str
    ticket: TicketWhole


class EventPage(Told):
    """Events, oldest first."""

    items: list[EventOut]
    next: int | None = Field(description="再往后读时的after；没有更多是null")


class EventQuery(Query):
    """A part of the timeline."""

    after: Annotated[int, Field(ge=0, le=2**31, description="只要序号更大的事件")] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class Clocks(Told):
    """All clocks of a ticket, oldest first."""

    items: list[ClockOut]


class Assignments(Told):
    """The parts of units."""

    items: list[AssignmentOut]


class Replies(Told):
    """The replies of units."""

    items: list[ReplyOut]


class Callbacks(Told):
    """The callback tasks."""

    items: list[CallbackOut]


class Attachments(Told):
    """The files of a ticket."""

    items: list[AttachmentOut]


async def list_tickets(call: Call) -> TicketPage:
    """Tickets that the caller may see, newest first."""
    asked = call.asked(TicketQuery)
    ensure(call.actor, "ticket.see")
    listed = asked.model_dump_json(exclude={"cursor", "limit"})
    place = cursors.read(call.core, listed, asked.cursor)
    before = int(place[0]) if place else None
    rows = await search_tickets(call.core, call.session, call.actor, asked.wanted(), limit=asked.limit, before=before)
    full = len(rows) == asked.limit
    return TicketPage(
        items=[ticket_out(row) for row in rows], next=cursors.write(call.core, listed, [rows[-1].ticket.id]) if full else None
    )


async def whole(call: Call, ticket: Ticket) -> TicketWhole:
    """The ticket as it stands now."""
    [row] = await rows_of(call.session, call.actor, [ticket])
    person = await person_of(call.core, call.session, ticket)
    kin = await _kin(call, ticket)
    return ticket_whole(row, person, await last_event(call.session, ticket), await allowed(call, call.session, ticket), kin)


async def _kin(call: Call, ticket: Ticket) -> Kin:
    ids = [each for each in (ticket.master_id, ticket.repeat_of_id) if each is not None]
    if not ids:
        return Kin()
    seen = select(Ticket.id, Ticket.number).where(Ticket.id.in_(ids), visible(call.core, call.actor))
    numbers = {row.id: row.number for row in await call.session.execute(seen)}
    return Kin(numbers.get(ticket.master_id or 0), numbers.get(ticket.repeat_of_id or 0))


async def get_ticket(call: Call) -> Answer:
    """One ticket with its version."""
    ticket = await open_ticket(call, call.part("number"))
    body = await whole(call, ticket)
    return Answer(body, headers={"ETag": etag(ticket, body.last_event)})


async def register_ticket(call: Call) -> Answer:
    """T1 by a member of staff."""
    sent = call.sent(NewTicket)
    actor = ensure(call.actor, "ticket.register")
    await _check_people(call, sent)
    named = tuple(dict.fromkeys((call.bearer.user.id, *sent.named_user_ids))) if sent.confidentiality is Confidentiality.SECRET else ()
    if sent.reported_unit_id is not None and await call.session.get(Unit, sent.reported_unit_id) is None:
        raise InvalidInput(_("请选择被反映单位"), field="reported_unit_id")
    appeal = Appeal(
        channel=Channel.STAFF, kind=sent.kind, urgency=sent.urgency, confidentiality=sent.confidentiality, title=sent.title,
        content=sent.content, category_code=sent.category, occurred=sent.occurred, district=sent.district, address=sent.address,
        longitude=sent.longitude, latitude=sent.latitude, name="" if sent.anonymous else sent.name,
        phone="" if sent.anonymous else sent.phone, id_number="" if sent.anonymous else sent.id_number, anonymous=sent.anonymous,
        contact_by="none" if sent.anonymous else sent.contact_by,
        reported_unit_id=sent.reported_unit_id, named_user_ids=named,
    )  # fmt: skip
    made = await register(call.core, call.session, actor, appeal)
    row = TicketRow(made.ticket, made.clock, None, None)
    page = page_of_new(call.core, made.ticket, made.clock, made.citizen)
    body = ticket_whole(row, page.who, page.last_seq, actions_of(page, call.actor), Kin())
    number = made.ticket.number
    headers = {"ETag": etag(made.ticket, body.last_event), "Location": f"/api/v1/tickets/{number}"}
    return Answer(Registered(number=number, query_code=made.query_code, ticket=body), 201, headers)


async def _check_people(call: Call, sent: NewTicket) -> None:
    """Who is named on a secret ticket must exist; without somebody who dispatches it could never be handled."""
    if sent.confidentiality is not Confidentiality.SECRET:
        if sent.named_user_ids:
            raise InvalidInput(_("只有保密件需要指定可见人员"), field="named_user_ids")
        return
    roles = (Role.DISPATCHER.value, Role.SUPERVISOR.value)
    known = set(await call.session.scalars(select(User.id).where(User.id.in_(sent.named_user_ids), User.active, User.role.in_(roles))))
    if known != set(sent.named_user_ids):
        raise InvalidInput(_("请选择可以看这件工单的人"), field="named_user_ids")
    if not known and not call.actor.has(Role.DISPATCHER, Role.SUPERVISOR):
        raise InvalidInput(_("保密件要指定由哪位派单员或督办处理"), field="named_user_ids")


async def list_events(call: Call) -> EventPage:
    """The timeline."""
    asked = call.asked(EventQuery)
    ticket = await open_ticket(call, call.part("number"))
    mine = (Event.subject == "ticket") & (Event.subject_id == str(ticket.id)) & (Event.seq > asked.after)
    events = list(await call.session.scalars(select(Event).where(mine).order_by(Event.seq).limit(asked.limit)))
    items = await event_outs(call.session, call.actor, events)
    return EventPage(items=items, next=events[-1].seq if len(events) == asked.limit else None)


async def list_clocks(call: Call) -> Clocks:
    """All clocks; people of a unit see the ticket's and their own unit's."""
    ticket = await open_ticket(call, call.part("number"))
    statement = select(Deadline).where(Deadline.ticket_id == ticket.id).order_by(Deadline.id)
    if call.actor.role and call.actor.role.in_unit:
        ours = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == call.actor.unit_id)
        statement = statement.where(Deadline.assignment_id.is_(None) | Deadline.assignment_id.in_(ours))
    return Clocks(items=[clock_out(clock) for clock in await call.session.scalars(statement)])


async def list_assignments(call: Call) -> Assignments:
    """Which units have a part."""
    ticket = await open_ticket(call, call.part("number"))
    statement = select(Assignment, Unit).join(Unit, Unit.id == Assignment.unit_id).where(Assignment.ticket_id == ticket.id)
    rows = await call.session.execute(statement.order_by(Assignment.id))
    return Assignments(items=[assignment_out(row.Assignment, row.Unit) for row in rows])


async def list_replies(call: Call) -> Replies:
    """The replies of all rounds."""
    ticket = await open_ticket(call, call.part("number"))
    statement = select(Reply).join(Assignment, Assignment.id == Reply.assignment_id).where(Assignment.ticket_id == ticket.id)
    return Replies(items=[reply_out(reply) for reply in await call.session.scalars(statement.order_by(Reply.id))])


async def list_callbacks(call: Call) -> Callbacks:
    """The callback tasks with their tries."""
    ticket = await open_ticket(call, call.part("number"))
    tasks = list(await call.session.scalars(select(CallbackTask).where(CallbackTask.ticket_id == ticket.id).order_by(CallbackTask.id)))
    tries = select(CallbackAttempt).where(CallbackAttempt.task_id.in_([task.id for task in tasks])).order_by(CallbackAttempt.number)
    attempts = list(await call.session.scalars(tries)) if tasks else []
    return Callbacks(items=[callback_out(task, [each for each in attempts if each.task_id == task.id]) for task in tasks])


async def list_attachments(call: Call) -> Attachments:
    """The files of a ticket."""
    ticket = await open_ticket(call, call.part("number"))
    statement = select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.created_at, Attachment.id)
    return Attachments(items=[attachment_out(each) for each in await call.session.scalars(statement)])


async def add_attachments(call: Call) -> Answer:
    """Files of a unit or of the centre."""
    actor = ensure(call.actor, "file.add")
    if call.request.content_type != "multipart/form-data":
        raise InvalidInput(_("请用multipart/form-data提交，文件放在files里"), field="files")
    uploads = await read_uploads(call.request)
    if not uploads:
        raise InvalidInput(_("请选择文件"), field="files")
    ticket = await open_ticket(call, call.part("number"), lock=True)
    if not TicketState(ticket.state).is_open:
        raise InvalidInput(_("这件工单已经办结，不能再加附件"), field="files")
    saved = []
    for upload in uploads:
        kept = await store(
            call.core, call.settings, call.session, body=upload.body, file_name=upload.file_name, from_citizen=False, ticket_id=ticket.id
        )
        await tell(call.core, call.session, actor, ticket, "attachment.added", {"file": kept.file_name, "sha256": kept.sha256})
        saved.append(attachment_out(kept))
    return Answer(Attachments(items=saved), 201)


async def get_attachment(call: Call) -> Answer:
    """The bytes of a file, always as a download (lesson 20)."""
    try:
        attachment_id = UUID(call.part("id"))
    except ValueError:
        raise NotFound(_("没有找到这个附件")) from None
    attachment = await access_attachment(call.core, call.session, call.actor, attachment_id)
    return Answer(None, raw=await download(call.request, attachment))


def _of(name: str, path: str, run: Handler, summary: str, answer: type[Told]) -> Operation:
    return Operation("GET", f"/tickets/{{number}}/{path}", run, name, TAG, summary, answer=answer)


OPERATIONS = (
    Operation("GET", "/tickets", list_tickets, "listTickets", TAG, "列出工单", answer=TicketPage, query=TicketQuery),
    Operation("POST", "/tickets", register_ticket, "registerTicket", TAG, "登记工单", answer=Registered, body=NewTicket, status=201),
    Operation("GET", "/tickets/{number}", get_ticket, "getTicket", TAG, "读取一张工单", answer=TicketWhole, versioned=True),
    Operation(
        "GET", "/tickets/{number}/events", list_events, "listEvents", TAG, "办理过程", answer=EventPage, query=EventQuery
    ),
    _of("listClocks", "clocks", list_clocks, "时限", Clocks),
    _of("listAssignments", "assignments", list_assignments, "承办单位", Assignments),
    _of("listReplies", "replies", list_replies, "单位答复", Replies),
    _of("listCallbacks", "callbacks", list_callbacks, "回访", Callbacks),
    _of("listAttachments", "attachments", list_attachments, "附件", Attachments),
    Operation(
        "POST", "/tickets/{number}/attachments", add_attachments, "addAttachments", TAG, "上传附件",
        answer=Attachments, status=201, upload=True,
    ),
    Operation("GET", "/attachments/{id}", get_attachment, "getAttachment", TAG, "下载附件", download=True),
)  # fmt: skip
