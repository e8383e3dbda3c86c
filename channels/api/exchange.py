"""What the system of a unit sends back: signed, contacted, progress, reply. The same message twice has one effect."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from sqlalchemy import select

from channels.api.call import Call, Operation
from channels.api.models import NumberText, Sent, Told, text
from channels.api.run import fresh
from channels.api.unit_bodies import Way
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, AssignmentState, Facts
from ticketing.assignment.service import ReplyDraft, Responsibility
from ticketing.exchange import service
from ticketing.exchange.models import ExchangeMessage, ExchangePartner, MessageState
from ticketing.people.permissions import ensure
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

TAG = "通知与对接"
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


class MessageKind(StrEnum):
    """What is reported."""

    SIGN = "sign"
    CONTACT = "contact"
    PROGRESS = "progress"
    REPLY = "reply"
    SIGN_OFF = "sign_off"
    """By a chief's token: 首席代表审签."""


class Message(Sent):
    """One message. `message_id` is the sender's; the same one again gets the first one's outcome."""

    message_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
    number: NumberText
    kind: MessageKind
    external_id: Annotated[str, text(0, 100, "对方系统里的编号")] = ""
    note: Annotated[str, text(0, 1000, "联系情况或进度")] = ""
    way: Way = Way.PHONE
    facts: Facts | None = None
    leader: Annotated[str, text(0, 50, "五定：责任领导，sign时用")] = ""
    person: Annotated[str, text(0, 50, "五定：责任人，sign时用")] = ""
    quality: Annotated[str, text(0, 200, "五定：质量要求，sign时用")] = ""
    measures: Annotated[str, text(0, 5000)] = ""
    basis: Annotated[str, text(0, 2000)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind is MessageKind.REPLY and self.facts is None:
            raise ValueError("答复要写明facts：true、partly、untrue或cannot_verify")
        if self.kind in (MessageKind.CONTACT, MessageKind.PROGRESS) and len(self.note.strip()) < 5:
            raise ValueError("请在note里写明情况，至少5个字")
        return self


class Outcome(Told):
    """What became of a message."""

    message_id: str
    state: str
    repeated: bool = Field(description="这条消息以前已经收到并办好")


async def receive(call: Call) -> Outcome:
    """Keep the message, then do what it says in a transaction of its own; a refusal is kept beside it and may be mended."""
    sent = call.sent(Message)
    async with fresh(call) as current:
        partner = await service.partner_of(current.session, call.actor)
        message, open_still = await service.receive(
            call.core, current.session, partner, message_id=sent.message_id, kind=sent.kind.value, body=sent.model_dump_json()
        )
    if not open_still:
        return Outcome(message_id=sent.message_id, state=MessageState.APPLIED.value, repeated=True)
    try:
        async with fresh(call) as current:
            again = not await _apply(current, partner, message.id, sent)
    except HotlineError as error:
        async with fresh(call) as current:
            await _refused(current, message.id, str(error))
        raise
    return Outcome(message_id=sent.message_id, state=MessageState.APPLIED.value, repeated=again)


async def _apply(call: Call, partner: ExchangePartner, row_id: int, sent: Message) -> bool:
    """Do it; False when another request with the same message has done it meanwhile."""
    row = await call.session.get_one(ExchangeMessage, row_id, with_for_update=True)
    if row.state == MessageState.APPLIED.value:
        return False
    ticket = await access_ticket(call.core, call.session, call.actor, sent.number, lock=True)
    part = await _part(call, partner, ticket)
    await _do(call, ticket, part, sent)
    row.state, row.problem, row.done_at = MessageState.APPLIED.value, "", call.core.clock.now()
    row.ticket_id, row.assignment_id, row.external_id = ticket.id, part.id, sent.external_id or None
    return True


async def _part(call: Call, partner: ExchangePartner, ticket: Ticket) -> Assignment:
    mine = (Assignment.ticket_id == ticket.id) & (Assignment.unit_id == partner.unit_id) & Assignment.state.not_in(_GONE)
    found = (await call.session.scalars(select(Assignment).where(mine).order_by(Assignment.id.desc()).limit(1))).first()
    if found is None:
        raise NotFound(_("没有找到这张工单"))
    return found


async def _do(call: Call, ticket: Ticket, part: Assignment, sent: Message) -> None:
    core, session = call.core, call.session
    match sent.kind:
        case MessageKind.SIGN:
            fixed = Responsibility(sent.leader, sent.person, sent.quality)
            await assignments.sign(core, session, ensure(call.actor, "assignment.work"), part.id, fixed)
        case MessageKind.CONTACT:
            actor = ensure(call.actor, "assignment.work")
            await assignments.contact(core, session, actor, part.id, way=sent.way.value, note=sent.note)
        case MessageKind.PROGRESS:
            data = {"assignment": part.id, "unit": part.unit_id, "note": sent.note.strip()}
            await tell(core, session, ensure(call.actor, "assignment.work"), ticket, "exchange.progress", data)
        case MessageKind.REPLY:
            if sent.facts is None:
                raise InvalidInput(_("答复要写明facts：true、partly、untrue或cannot_verify"), field="facts")
            draft = ReplyDraft(facts=sent.facts, measures=sent.measures, basis=sent.basis, contact_note=sent.note)
            await assignments.draft_reply(core, session, ensure(call.actor, "reply.draft"), part.id, draft)
        case MessageKind.SIGN_OFF:
            await assignments.sign_off(core, session, ensure(call.actor, "reply.sign"), part.id)


async def _refused(call: Call, row_id: int, problem: str) -> None:
    row = await call.session.get_one(ExchangeMessage, row_id, with_for_update=True)
    if row.state != MessageState.APPLIED.value:
        row.state, row.problem, row.done_at = MessageState.REFUSED.value, problem[:200], call.core.clock.now()


OPERATIONS = (
    Operation(
        "POST", "/exchange/messages", receive, "receiveMessage", TAG, "单位系统反馈签收、联系、进度和答复",
        answer=Outcome, body=Message, own_transactions=True,
    ),
)  # fmt: skip
