"""The typed body of each workflow step, one entry a step. The handlers are those of the console (`channels.console.actions`).

To add a step: a handler there, an entry here. A test fails while one of the two is missing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from channels.api.models import Id, Sent, text
from ticketing.assignment.models import Facts
from ticketing.ticket.exits import EMERGENCY_LINES
from ticketing.ticket.states import Confidentiality, DispatchMode, Satisfaction, Urgency

Category = Annotated[str, Field(pattern=r"^[0-9]{4}$", description="类别代码")]


class Way(StrEnum):
    """How the citizen was contacted."""

    PHONE = "phone"
    SMS = "sms"
    WECHAT = "wechat"
    VISIT = "visit"


class Attitude(StrEnum):
    """How the citizen was treated."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


class Part(Sent):
    """A step on a unit's part."""

    assignment: Annotated[Id, Field(description="承办记录的编号")]


class Note(Sent):
    """A step with a note."""

    note: Annotated[str, text(0, 500)] = ""


class Reason(Sent):
    """A step with its reason."""

    reason: Annotated[str, text(1, 500)]


class PartNote(Part):
    """A step on a unit's part with a note."""

    note: Annotated[str, text(1, 500)]


class Contact(Part):
    """T14."""

    way: Way
    note: Annotated[str, text(5, 1000)]


class ReplyBody(Part):
    """T18: the structured reply."""

    facts: Facts
    measures: Annotated[str, text(1, 5000, "办理措施和结果，至少30个字")]
    basis: Annotated[str, text(0, 2000, "依据")] = ""
    contact_note: Annotated[str, text(0, 1000)] = ""


class ReturnRequest(Part):
    """T11."""

    reason: Annotated[str, text(10, 1000, "职责依据")]


class ReturnDecision(Part):
    """T11, T12."""

    approve: bool
    note: Annotated[str, text(0, 500)] = ""


class Dispatch(Sent):
    """T9."""

    category_code: Category
    urgency: Urgency
    mode: DispatchMode
    unit_id: Id
    co_unit_ids: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    instruction: Annotated[str, text(0, 1000)] = ""
    override_reason: Annotated[str, text(0, 500, "派给被反映单位时督办的理由")] = ""


class Edit(Sent):
    """Correcting what was registered."""

    category_code: Category
    urgency: Urgency
    title: Annotated[str, text(0, 60)] = ""
    confidentiality: Confidentiality


class NamePeople(Sent):
    """Who may see a secret ticket."""

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=50)]


class Submit(Sent):
    """T8."""

    category_code: Category
    urgency: Urgency
    title: Annotated[str, text(0, 60)] = ""


class AnswerBody(Sent):
    """T2."""

    answer: Annotated[str, text(20, 5000)]


class Reject(Sent):
    """T4."""

    reason: Annotated[str, text(1, 500)]
    legal_way: Annotated[str, text(5, 1000, "应当走的法定途径")]


class RequestInfo(Sent):
    """T5."""

    missing: Annotated[str, text(5, 1000)]


class Supplement(Sent):
    """T6."""

    text: Annotated[str, text(2, 2000)]


class Emergency(Sent):
    """T3."""

    target: Annotated[str, Field(pattern="^(" + "|".join(EMERGENCY_LINES) + ")$")]
    note: Annotated[str, text(0, 500)] = ""


class FollowEmergency(Sent):
    """T31."""

    taken_over: bool
    note: Annotated[str, text(5, 500)]


class NoContact(Sent):
    """T33."""

    note: Annotated[str, text(5, 500)]


class Review(Sent):
    """T20, T21."""

    accept: bool
    gates: Annotated[
        list[Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")]],
        Field(max_length=10, description="四项审核", default_factory=list),
    ]
    note: Annotated[str, text(0, 1000)] = ""


class Visit(Sent):
    """T22, T23: what the citizen said."""

    contacted: bool
    solved: bool
    attitude: Attitude
    satisfaction: Satisfaction
    note: Annotated[str, text(0, 2000)] = ""


class Attempt(Sent):
    """A try that did not reach the citizen."""

    outcome: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z_]+$")]


class Evidence(Sent):
    """T24."""

    evidence: Annotated[str, text(1, 2000)]


class LongReason(Sent):
    """A step with a longer reason."""

    reason: Annotated[str, text(1, 1000)]


class ReturnCallBody(Sent):
    """回拨 is done."""

    return_call: Id
    outcome: Annotated[str, Field(pattern="^(answered|noted)$")] = "noted"
    answer: Annotated[str, text(0, 5000)] = ""
    note: Annotated[str, text(0, 2000)] = ""


BODIES: dict[str, type[BaseModel]] = {
    "sign": Part,
    "contact": Contact,
    "reply": ReplyBody,
    "sign_off": Part,
    "refuse_draft": PartNote,
    "request_return": ReturnRequest,
    "decide_return": ReturnDecision,
    "dispatch": Dispatch,
    "edit": Edit,
    "name": NamePeople,
    "submit": Submit,
    "answer": AnswerBody,
    "reject": Reject,
    "request_info": RequestInfo,
    "supplement": Supplement,
    "urge": Note,
    "emergency": Emergency,
    "follow_emergency": FollowEmergency,
    "close_no_contact": NoContact,
    "invalidate": Reason,
    "review": Review,
    "visit": Visit,
    "attempt": Attempt,
    "close_disputed": Evidence,
    "reopen": LongReason,
    "return_call": ReturnCallBody,
}
"""By the name of the step."""


def as_form(body: BaseModel) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The body as the fields of a form, which is what handlers read: single values, and those that may come several times."""
    single: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    for name, value in body.model_dump(mode="json").items():
        if isinstance(value, list):
            many[name] = [str(item) for item in value]
        elif value is not None:
            single[name] = _field(value)
    return single, many


def _field(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
