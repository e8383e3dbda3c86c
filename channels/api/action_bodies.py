"""The typed body of each workflow step, one entry a step. The handlers are those of the console (`channels.console.actions`).

To add a step: a handler there, an entry here. A test fails while one of the two is missing.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from channels.api.models import Id, Moment, NumberText, Sent, text
from ticketing.assignment.models import Facts, LegalProcedure
from ticketing.deadline.limits import UNITS
from ticketing.request.states import SuspensionReason
from ticketing.ticket.exits import EMERGENCY_LINES
from ticketing.ticket.refusal_reasons import RefusalCode
from ticketing.ticket.states import Confidentiality, DispatchMode, HandlingKind, Urgency

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


class Sign(Part):
    """T10: 签收, with 五定."""

    leader: Annotated[str, text(0, 50, "责任领导")] = ""
    person: Annotated[str, text(0, 50, "责任人")] = ""
    quality: Annotated[str, text(0, 200, "质量要求")] = ""


class PartText(Part):
    """What a unit reports: its plan, or the first feedback from the place."""

    text: Annotated[str, text(1, 2000)]


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
    explanation: Annotated[str, text(0, 2000, "第二次起说明为什么又回来了")] = ""
    legal_procedure: Annotated[LegalProcedure | None, Field(description="进入的法定程序")] = None
    legal_limit: Annotated[str, text(0, 100, "法定程序的办理期限；空着按法定期限")] = ""
    legal_due: Annotated[
        date | None, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="法定程序的到期日；空着按法定期限计算，other必填")
    ] = None


class ProcedureResult(Part):
    """法定程序 has its result."""

    result: Annotated[str, text(10, 5000, "告知市民的结果")]


class ReturnRequest(Part):
    """T11."""

    reason: Annotated[str, text(10, 1000, "职责依据")]


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


class Review(Sent):
    """T20, T21."""

    accept: bool
    gates: Annotated[
        list[Annotated[str, Field(max_length=40)]],
        Field(max_length=10, description="四项审核", default_factory=list),
    ]
    note: Annotated[str, text(0, 1000)] = ""


class Visit(Sent):
    """T22, T23: what the citizen said. The second visit may take place in the same talk: then with cause and what is to be mended."""

    contacted: bool
    solved: bool
    attitude: Attitude
    satisfaction: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z_0-9]+$", description="问卷里的满意程度")]
    note: Annotated[str, text(0, 2000)] = ""
    cause: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]*$", description="不满意的原因")] = ""
    rectification: Annotated[str, text(0, 2000, "要整改什么")] = ""


class Attempt(Sent):
    """A try that did not reach the citizen."""

    outcome: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z_]+$")]
    note: Annotated[str, text(0, 1000)] = ""


class Evidence(Sent):
    """T24."""

    evidence: Annotated[str, text(1, 2000)]
    explanation: Annotated[str, text(5, 2000, "向市民解释了什么")]
    cause: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]*$")] = ""


class LongReason(Sent):
    """A step with a longer reason."""

    reason: Annotated[str, text(1, 1000)]


class ReturnCallBody(Sent):
    """回拨 is done."""

    return_call: Id
    outcome: Annotated[str, Field(pattern="^(answered|noted)$")] = "noted"
    answer: Annotated[str, text(0, 5000)] = ""
    note: Annotated[str, text(0, 2000)] = ""


class AskExtension(Part):
    """T15."""

    limit_value: Annotated[int, Field(ge=1, le=365, description="延长多少")]
    limit_unit: Annotated[str, Field(pattern="^(" + "|".join(UNITS) + ")$", description="h小时 wh工作小时 wd工作日 d自然日")] = "wd"
    reason: Annotated[str, text(1, 2000)]
    told: Annotated[str, text(0, 1000, "怎样告知市民的")] = ""


class AskSuspension(Part):
    """T16."""

    reason_class: SuspensionReason
    review_on: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="复查日期")]
    reason: Annotated[str, text(1, 2000)]
    told: Annotated[str, text(0, 1000, "怎样告知市民的")] = ""


class RequestRef(Sent):
    """A step on a request."""

    request: Annotated[Id, Field(description="申请的编号")]


class RuleDispute(Sent):
    """T13: the ruling names who handles it."""

    unit_id: Id
    co_unit_ids: Annotated[list[Id], Field(max_length=20, default_factory=list)]
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


class PartReason(Part):
    """A step on a unit's part with its reason."""

    reason: Annotated[str, text(1, 500)]


class PassOn(Part):
    """A unit passes its part on to one below it."""

    unit_id: Id
    instruction: Annotated[str, text(0, 1000)] = ""


class Findings(Sent):
    """D06: the supervisor's own investigation ends."""

    false_reply: Annotated[bool, Field(description="以前的答复不实")]
    findings: Annotated[str, text(1, 5000)]


class Exclude(Sent):
    """Left out of the rates, or counted again."""

    excluded: bool
    reason: Annotated[str, text(0, 500)] = ""


class DecideRedo(Sent):
    """T23: the second visit sends it back to work."""

    cause: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z_]+$")]
    cause_note: Annotated[str, text(0, 1000)] = ""
    rectification: Annotated[str, text(1, 2000, "要整改什么")]


class Supervise(Sent):
    """Formal supervision (督办单)."""

    unit_id: Id
    demands: Annotated[str, text(1, 4000)]
    days: Annotated[int, Field(ge=1, le=365, description="几个工作日内答复")]
    ordered_by: Annotated[str, text(0, 60)] = ""
    instruction: Annotated[str, text(0, 2000)] = ""


class GiveCard(Sent):
    """A card by hand."""

    unit_id: Id
    colour: Literal["yellow", "red"]
    note: Annotated[str, text(1, 1000)]


class FalseReply(Sent):
    """A reply is established as false."""

    unit_id: Id
    facts: Annotated[str, text(1, 5000)]
    hand_over: Annotated[bool, Field(description="移交")]
    organ: Annotated[str, text(0, 60, "移交给谁")] = ""


class Commit(Sent):
    """Who promised what by when."""

    what: Annotated[str, text(1, 1000)]
    promised_by: Annotated[str, text(0, 60)] = ""
    due_at: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="兑现日期")]


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
    "open_dispute": LongReason,
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
    "take_investigation": Empty,
    "conclude_investigation": Findings,
    "exclude": Exclude,
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
