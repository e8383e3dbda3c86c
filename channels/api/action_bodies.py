"""The typed body of each workflow step, one entry a step. The handlers are those of the console (`channels.console.actions`).

To add a step: a handler there, a body here (or in `unit_bodies`, `closing_bodies`), an entry below. A test fails while one is missing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from channels.api.closing_bodies import (
    Attempt,
    Commit,
    DecideRedo,
    Evidence,
    Exclude,
    FalseReply,
    Findings,
    GiveCard,
    ReturnCallBody,
    Review,
    Supervise,
    Visit,
)
from channels.api.models import Id, Moment, NumberText, Sent, text
from channels.api.unit_bodies import (
    AskExtension,
    AskSuspension,
    CoDate,
    Contact,
    CoUntil,
    Part,
    PartNote,
    PartReason,
    PartText,
    PassOn,
    ProcedureResult,
    ReplyBody,
    ReturnRequest,
    Sign,
)
from ticketing.ticket.exits import EMERGENCY_LINES
from ticketing.ticket.refusal_reasons import RefusalCode
from ticketing.ticket.states import Confidentiality, DispatchMode, HandlingKind, Urgency

Category = Annotated[str, Field(pattern=r"^[0-9]{4}$", description="类别代码")]


class Note(Sent):
    """A step with a note."""

    note: Annotated[str, text(0, 500)] = ""


class Reason(Sent):
    """A step with its reason."""

    reason: Annotated[str, text(1, 500)]


class Invalidate(Sent):
    """T27: what is no appeal at all."""

    code: Annotated[Literal["test", "nuisance", "empty"], Field(description="测试、骚扰或空白")]
    reason: Annotated[str, text(0, 500)] = ""


class Decision(Sent):
    """A request is decided: return, extension, suspension."""

    request: Annotated[Id, Field(description="申请的编号")]
    approve: bool
    note: Annotated[str, text(0, 500)] = ""


class Dispatch(Sent):
    """T9."""

    category_code: Category
    urgency: Urgency
    mode: DispatchMode
    handling: HandlingKind | None = None
    leader_days: Annotated[Literal[7, 10, 30] | None, Field(description="领导批示件的天数")] = None
    unit_id: Id
    co_unit_ids: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    co_until: CoUntil = None
    district: Annotated[str, text(0, 50, "区县、全市或不详；登记时没有的必填")] = ""
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

    code: Annotated[RefusalCode, Field(description="不予受理的理由，见理由清单")]
    reason: Annotated[str, text(0, 500, "补充说明；选other时必填")] = ""
    legal_way: Annotated[str, text(0, 1000, "应当走的法定途径；空着按清单里的途径告知")] = ""


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
    receiver: Annotated[str, text(2, 50, "接处单位接收人的姓名或工号")]
    at: Annotated[Moment | None, Field(description="接收的时间；空着是现在")] = None
    note: Annotated[str, text(5, 500)]


class NoContact(Sent):
    """T33."""

    note: Annotated[str, text(5, 500)]


class LongReason(Sent):
    """A step with a longer reason."""

    reason: Annotated[str, text(1, 1000)]


class RequestRef(Sent):
    """A step on a request."""

    request: Annotated[Id, Field(description="申请的编号")]


class OpenDispute(Sent):
    """T13: which units' duties overlap, and who is asked to rule."""

    reason: Annotated[str, text(5, 1000, "职责在哪里交叉")]
    unit_ids: Annotated[list[Id], Field(min_length=2, max_length=10, description="职责有交叉的单位")]
    by_leader: Annotated[bool, Field(description="提请领导裁定；否则由督办裁定")] = False


class RuleDispute(Sent):
    """T13: the ruling names who handles it."""

    unit_id: Id
    co_unit_ids: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    co_until: CoUntil = None
    instruction: Annotated[str, text(0, 1000)] = ""
    grounds: Annotated[str, text(1, 1000, "裁定的依据")]


class RefusalDecision(Sent):
    """T4: what an agent proposed is decided."""

    approve: bool
    note: Annotated[str, text(0, 500)] = ""


class Empty(Sent):
    """A step that needs nothing more."""


class Merge(Sent):
    """T7."""

    master: NumberText
    reason: Annotated[str, text(1, 500)]


class LinkRepeat(Sent):
    """D04: the same unsolved matter came before."""

    earlier: NumberText


class HideFiles(Sent):
    """Files of the answer that the citizen is to see no longer."""

    files: Annotated[list[UUID], Field(min_length=1, max_length=50, description="市民现在看得到的附件")]
    reason: Annotated[str, text(5, 500, "为什么撤下")]


BODIES: dict[str, type[BaseModel]] = {
    "plan": PartText,
    "on_site": PartText,
    "conclude_procedure": ProcedureResult,
    "ask_extension": AskExtension,
    "decide_extension": Decision,
    "ask_suspension": AskSuspension,
    "decide_suspension": Decision,
    "resume": Note,
    "consent": RequestRef,
    "take_back": RequestRef,
    "open_dispute": OpenDispute,
    "rule_dispute": RuleDispute,
    "propose_refusal": Reject,
    "decide_refusal": RefusalDecision,
    "object": LongReason,
    "merge": Merge,
    "unmerge": Reason,
    "link_repeat": LinkRepeat,
    "go_on": Note,
    "waive": PartReason,
    "pass_on": PassOn,
    "co_date": CoDate,
    "take_investigation": Empty,
    "conclude_investigation": Findings,
    "exclude": Exclude,
    "hide_files": HideFiles,
    "put_back": Empty,
    "decide_redo": DecideRedo,
    "supervise": Supervise,
    "give_card": GiveCard,
    "false_reply": FalseReply,
    "commit": Commit,
    "sign": Sign,
    "contact": Contact,
    "reply": ReplyBody,
    "sign_off": Part,
    "refuse_draft": PartNote,
    "request_return": ReturnRequest,
    "decide_return": Decision,
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
    "invalidate": Invalidate,
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
