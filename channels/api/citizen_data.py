"""What is opened with a reason, what is like a ticket, what citizens were told, and the inbox of the person behind the token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Id, Page, Sent, Told, text
from channels.api.paging import Paging
from channels.api.supervision import OpenPage, number_of
from channels.api.ticket_door import open_ticket
from ticketing.notice import deliveries
from ticketing.notice.models import DeliveryState, NoticeDelivery
from ticketing.people.permissions import ensure
from ticketing.suggestion.similar import similar_open
from ticketing.supervision import inbox
from ticketing.ticket.access import reveal

TAG = "市民信息与通知"


class RevealReason(Sent):
    """Why somebody looks; it stands in the timeline."""

    reason: Annotated[str, text(1, 200, "查看的理由，记入办理过程")]


class Revealed(Told):
    """A citizen in clear."""

    name: str
    phone: str
    id_number: str
    erased: bool = Field(description="市民的信息已经销毁")


class SimilarOut(Told):
    """An open ticket that may be the same matter."""

    number: str
    title: str
    state: str
    score: float = Field(description="0到1")
    same_place: bool


class SimilarTickets(Told):
    """The most alike first; at most five."""

    items: list[SimilarOut]


class NoticeQuery(Page):
    """Which pushes."""

    state: DeliveryState | None = None


class NoticeOut(Told):
    """A push of a notice to a citizen; its words are on the console's page."""

    id: int
    ticket: str = Field(description="工单编号；管理员看不到，是空的")
    template: str
    channel: str
    state: str
    attempts: int
    resends: int
    queued_at: datetime
    sent_at: datetime | None
    last_error: str | None


class NoticePage(Told):
    """Pushes, newest first."""

    items: list[NoticeOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class Delivered(Told):
    """What became of a push."""

    id: int
    state: str


class Left(Sent):
    """How it was dealt with otherwise."""

    note: Annotated[str, text(2, 500)]


class InboxOut(Told):
    """A message to the person."""

    id: int
    kind: str
    how: str = Field(description="now马上提醒，digest进汇总，list只在提醒页")
    ticket: str = Field(description="工单编号；不涉及工单是空的")
    title: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class Inbox(Told):
    """Messages, newest first."""

    items: list[InboxOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class ReadMark(Sent):
    """What was read."""

    id: Annotated[Id | None, Field(description="不填是全部")] = None


class Marked(Told):
    """How many were unread till now."""

    count: int


async def reveal_citizen(call: Call) -> Revealed:
    """Name and number in clear, with the reason in the timeline."""
    ensure(call.actor, "private.reveal")
    ticket = await open_ticket(call, call.part("number"), lock=True)
    found = await reveal(call.core, call.session, call.actor, ticket, call.sent(RevealReason).reason)
    return Revealed(name=found.name, phone=found.phone, id_number=found.id_number, erased=found.erased)


async def list_similar(call: Call) -> SimilarTickets:
    """Open tickets of the same matter, among those that the caller may see."""
    ensure(call.actor, "ticket.see")
    ticket = await open_ticket(call, call.part("number"))
    found = await similar_open(call.core, call.session, call.actor, ticket)
    return SimilarTickets(items=[SimilarOut.model_validate(each, from_attributes=True) for each in found])


async def list_deliveries(call: Call) -> NoticePage:
    """Pushes by state."""
    asked, paging = call.asked(NoticeQuery), Paging(call, "deliveries", call.asked(NoticeQuery))
    ensure(call.actor, "notice.follow")
    lines = await deliveries.deliveries(
        call.core, call.session, call.actor, state=asked.state or "", before=paging.before, limit=paging.limit
    )
    shown, following = paging.cut(lines, lambda line: (line.delivery.id,))
    return NoticePage(items=[_delivery(line) for line in shown], next=following)


def _delivery(line: deliveries.Stuck) -> NoticeOut:
    plain = ("id", "channel", "state", "attempts", "resends", "queued_at", "sent_at", "last_error")
    known = {name: getattr(line.delivery, name) for name in plain}
    return NoticeOut(ticket=line.ticket.number if line.ticket else "", template=line.notice.template, **known)


async def resend_delivery(call: Call) -> Delivered:
    """Send a stuck push again."""
    ensure(call.actor, "notice.follow")
    return _state(await deliveries.resend(call.core, call.session, call.actor, number_of(call)))


async def leave_delivery(call: Call) -> Delivered:
    """The citizen was told otherwise."""
    ensure(call.actor, "notice.follow")
    return _state(await deliveries.acknowledge(call.core, call.session, call.actor, number_of(call), call.sent(Left).note))


def _state(row: NoticeDelivery) -> Delivered:
    return Delivered(id=row.id, state=row.state)


async def list_inbox(call: Call) -> Inbox:
    """The caller's own messages: unread ones, or all."""
    asked, paging = call.asked(OpenPage), Paging(call, "inbox", call.asked(OpenPage))
    lines = await inbox.inbox(call.core, call.session, call.actor, unread=not asked.all, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(lines, lambda line: (line.notice.id,))
    return Inbox(items=[_message(line) for line in shown], next=following)


def _message(line: inbox.InboxLine) -> InboxOut:
    known = {name: getattr(line.notice, name) for name in ("id", "kind", "how", "data", "created_at", "read_at")}
    return InboxOut(ticket=line.number, title=line.title, **known)


async def mark_read(call: Call) -> Marked:
    """One message, or all."""
    return Marked(count=await inbox.mark_read(call.core, call.session, call.actor, call.sent(ReadMark).id))


OPERATIONS = (
    Operation(
        "POST", "/tickets/{number}/reveal", reveal_citizen, "revealCitizen", TAG, "写明理由，查看市民的姓名和电话",
        answer=Revealed, body=RevealReason,
    ),
    Operation("GET", "/tickets/{number}/similar", list_similar, "listSimilar", TAG, "相似的未办结工单", answer=SimilarTickets),
    Operation("GET", "/notices", list_deliveries, "listNotices", TAG, "发给市民的通知", answer=NoticePage, query=NoticeQuery),
    Operation("POST", "/notices/{id}/resend", resend_delivery, "resendNotice", TAG, "重发通知", answer=Delivered),
    Operation(
        "POST", "/notices/{id}/acknowledge", leave_delivery, "acknowledgeNotice", TAG, "已另行告知，不再发送",
        answer=Delivered, body=Left,
    ),
    Operation("GET", "/inbox", list_inbox, "listInbox", TAG, "我的提醒", answer=Inbox, query=OpenPage),
    Operation("POST", "/inbox/read", mark_read, "markRead", TAG, "标为已读", answer=Marked, body=ReadMark),
)  # fmt: skip
