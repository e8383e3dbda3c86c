"""Callbacks by a machine of another maker: it claims a task, calls, and says what was answered. What it holds is a lease.

The token belongs to an account that may do callbacks (a callback clerk of the line that the machine serves). That a machine was
given a citizen's number stands in the ticket's timeline in that account's name.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Sent, Told, text
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.callback import robot
from ticketing.callback.models import CallbackTask, Plan
from ticketing.callback.tasks import find_open
from ticketing.people.permissions import ensure
from ticketing.ticket.access import access_ticket
from ticketing.ticket.steps import tell

TAG = "回访机器人"
PERMISSION = "callback.visit"


class Claim(Sent):
    """Which tasks the machine takes."""

    channel: Annotated[Literal["robot", "wechat", "sms"], Field(description="机器人的渠道")] = "robot"


class QuestionOut(Told):
    """A question, in the order in which it is asked."""

    key: str
    kind: str
    text: str
    required: bool
    choices: dict[str, str]


class LeaseOut(Told):
    """A claimed task."""

    lease: UUID = Field(description="后面各步都用它")
    until: datetime | None = Field(description="到这时没有结果，任务收回")
    number: str = Field(description="工单编号")
    round: int
    phone: str
    title: str
    answer: str = Field(description="单位的答复")
    questions: list[QuestionOut]
    answered: dict[str, str] = Field(description="上次通话中断前市民已经回答的，不再问")


class Claimed(Told):
    """The next task; null when nothing is due or it is not an hour to call."""

    task: LeaseOut | None


class Attempt(Told):
    """The attempt that runs."""

    attempt: int


Answers = Annotated[dict[str, Annotated[str, text(0, 2000)]], Field(max_length=30)]
"""Question -> chosen value."""


class CallAnswers(Sent):
    """What the citizen said in this call; what an earlier one had been told counts as well."""

    answers: Answers


class TicketState(Told):
    """How the ticket stands now."""

    state: str


class Failure(Sent):
    """Why the citizen was not reached."""

    outcome: Literal["no_answer", "busy", "wrong_number", "refused", "failed"]
    note: Annotated[str, text(0, 1000)] = ""
    answers: Answers = Field(default={}, description="通话中断前已经回答的")


class GivenBack(Told):
    """What came of it."""

    closed: bool = Field(description="已按联系不上办结")


class Handed(Told):
    """A clerk calls."""

    handed: bool


async def claim(call: Call) -> Claimed:
    """The next task, of tickets that the account may see."""
    ensure(call.actor, PERMISSION)
    found = await robot.next_task(call.core, call.session, Plan(call.sent(Claim).channel), only_for=call.actor)
    if found is None:
        return Claimed(task=None)
    ticket = await access_ticket(call.core, call.session, call.actor, found.number, lock=True)
    await tell(call.core, call.session, call.actor, ticket, "view.revealed", {"reason": _("回访机器人领取任务")})
    task: CallbackTask | None = await find_open(call.session, ticket)
    asked = [QuestionOut.model_validate(question, from_attributes=True) for question in found.questions]
    plain = {name: getattr(found, name) for name in ("lease", "number", "round", "phone", "title", "answer", "answered")}
    return Claimed(task=LeaseOut(**plain, until=task.claimed_until if task else None, questions=asked))


def _lease(call: Call) -> UUID:
    ensure(call.actor, PERMISSION)
    try:
        return UUID(call.part("lease"))
    except ValueError:
        raise NotFound(_("没有找到这项回访")) from None


async def start(call: Call) -> Attempt:
    """The number is being dialled. Twice is one attempt."""
    return Attempt(attempt=await robot.start_attempt(call.core, call.session, _lease(call)))


async def answered(call: Call) -> TicketState:
    """The citizen answered."""
    lease = _lease(call)
    return TicketState(state=await robot.record_answers(call.core, call.session, lease, call.sent(CallAnswers).answers))


async def give_back(call: Call) -> GivenBack:
    """The citizen was not reached."""
    lease, sent = _lease(call), call.sent(Failure)
    return GivenBack(closed=await robot.give_back(call.core, call.session, lease, sent.outcome, sent.note, answers=sent.answers))


async def hand_over(call: Call) -> Handed:
    """The citizen wants a person."""
    await robot.hand_to_clerk(call.core, call.session, _lease(call))
    return Handed(handed=True)


OPERATIONS = (
    Operation("POST", "/callback-leases", claim, "claimCallback", TAG, "领取下一件到时间的回访", answer=Claimed, body=Claim),
    Operation("POST", "/callback-leases/{lease}/start", start, "startCallback", TAG, "开始拨打", answer=Attempt),
    Operation(
        "POST", "/callback-leases/{lease}/answers", answered, "answerCallback", TAG, "记录市民的回答", answer=TicketState, body=CallAnswers
    ),
    Operation(
        "POST", "/callback-leases/{lease}/give-back", give_back, "giveBackCallback", TAG, "没有联系上", answer=GivenBack, body=Failure
    ),
    Operation("POST", "/callback-leases/{lease}/hand-over", hand_over, "handOverCallback", TAG, "转人工回访", answer=Handed),
)
