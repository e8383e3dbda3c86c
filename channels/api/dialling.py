"""Telephone by API: calling a ticket's citizen by click, missed callers, and what is done with a call that goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Sent, Told, text
from channels.api.ticket_door import open_ticket
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.callback.missed import missed_calls
from ticketing.dialling.models import Dial
from ticketing.dialling.service import of_ticket, place
from ticketing.people.permissions import ensure
from ticketing.queue.commands import command

TAG = "电话"


class DialOut(Told):
    """A call to the citizen; without the number."""

    id: int
    call: UUID = Field(description="通话编号，通话控制用它")
    purpose: str = Field(description="contact联系，callback回访，return_call回拨")
    automatic: bool = Field(description="轮到排队的市民，系统自动拨出")
    state: str = Field(description="waiting、ringing（自己的话机在响）、dialling（正在呼叫市民）、talking、over")
    result: str = Field(description="结束以后：reached、no_answer、busy、wrong_number、agent_no_answer、agent_hung_up、not_allowed等")
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


class Dials(Told):
    """Newest first; at most 20."""

    items: list[DialOut]


class MissedOut(Told):
    """A caller whom nobody served."""

    id: int = Field(description="完成回拨（步骤return_call）用它")
    number: str = Field(description="工单编号")
    title: str
    reason: str
    created_at: datetime
    due_at: datetime = Field(description="应在此前回拨")
    attempts: int = Field(description="已拨过几次没有接通")
    overdue: bool


class MissedCalls(Told):
    """The most pressing first; at most 50."""

    items: list[MissedOut]


class Control(Sent):
    """What is wanted with a call that goes on."""

    action: Literal[
        "hold", "resume", "consult", "transfer", "conference", "retrieve", "blind", "hangup",
        "listen", "whisper", "take_over", "stop_listening",
    ]  # fmt: skip
    to: Annotated[str, text(0, 30, "consult、blind的对象：agent:工号，或允许外呼的号码")] = ""


class Commanded(Told):
    """The command is on its way to the telephony process."""

    id: int
    action: str


def _out(dial: Dial) -> DialOut:
    plain = ("id", "purpose", "automatic", "state", "result", "created_at", "answered_at", "ended_at")
    return DialOut(call=dial.call_id, **{name: getattr(dial, name) for name in plain})


async def list_dials(call: Call) -> Dials:
    """Who may see the ticket sees that its citizen was called."""
    ticket = await open_ticket(call, call.part("number"))
    return Dials(items=[_out(dial) for dial in await of_ticket(call.session, ticket)])


async def dial(call: Call) -> Answer:
    """The person's own telephone rings, then the citizen is dialled."""
    actor = ensure(call.actor, "call.dial")
    ticket = await open_ticket(call, call.part("number"), lock=True, actor=actor, match="")
    return Answer(_out(await place(call.core, call.session, actor, ticket)), status=201)


async def list_missed(call: Call) -> MissedCalls:
    """Callers who are owed a call, of tickets that the actor may see."""
    ensure(call.actor, "return_call.finish")
    now = call.core.clock.now()
    return MissedCalls(
        items=[
            MissedOut(
                id=task.id, number=ticket.number, title=ticket.title, reason=task.reason, created_at=task.created_at, due_at=task.due_at,
                attempts=task.attempts, overdue=task.due_at < now,
            )
            for task, ticket in await missed_calls(call.core, call.session, call.actor)
        ]
    )  # fmt: skip


async def control(call: Call) -> Commanded:
    """Of one's own call, or of another's by who supervises."""
    sent = call.sent(Control)
    try:
        call_id = UUID(call.part("id"))
    except ValueError:
        raise NotFound(_("没有找到这通电话")) from None
    row = await command(call.core, call.session, call.actor, call_id, sent.action, to=sent.to)
    return Commanded(id=row.id, action=row.action)


OPERATIONS = (
    Operation("GET", "/tickets/{number}/calls", list_dials, "listDials", TAG, "给市民打过的电话", answer=Dials),
    Operation("POST", "/tickets/{number}/calls", dial, "dial", TAG, "点击外呼：先响自己的话机，再呼叫市民", answer=DialOut, status=201),
    Operation("GET", "/missed-calls", list_missed, "listMissedCalls", TAG, "漏接、要回拨的来电", answer=MissedCalls),
    Operation("POST", "/calls/{id}/commands", control, "commandCall", TAG, "保持、转接、三方、监听等", answer=Commanded, body=Control),
)
