"""Bodies of the steps of a unit: its part from signing to the reply, what it asks for, what it passes on."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from channels.api.models import Id, Moment, Sent, text
from ticketing.assignment.models import Facts, LegalProcedure
from ticketing.deadline.limits import UNITS
from ticketing.request.states import SuspensionReason


class Way(StrEnum):
    """How the citizen was contacted."""

    PHONE = "phone"
    SMS = "sms"
    WECHAT = "wechat"
    VISIT = "visit"


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
    contact_note: Annotated[str, text(0, 1000, "和市民沟通的情况；没有登记过联系的，必须写明为什么没有联系上")] = ""
    explanation: Annotated[str, text(0, 2000, "第二次起说明为什么又回来了")] = ""
    legal_procedure: Annotated[LegalProcedure | None, Field(description="进入的法定程序")] = None
    legal_limit: Annotated[str, text(0, 100, "法定程序的办理期限；空着按法定期限")] = ""
    legal_due: Annotated[
        date | None, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="法定程序的到期日；空着按法定期限计算，other必填")
    ] = None
    attachments: Annotated[list[UUID], Field(max_length=50, description="随答复的附件：先上传到工单，再列在这里", default_factory=list)]
    for_citizen: Annotated[
        list[UUID], Field(max_length=50, description="其中给市民看的：审核通过后，市民在查进度的页面看得到", default_factory=list)
    ]


class ProcedureResult(Part):
    """法定程序 has its result."""

    result: Annotated[str, text(10, 5000, "告知市民的结果")]


class ReturnRequest(Part):
    """T11."""

    reason: Annotated[str, text(10, 1000, "职责依据")]


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


class PartReason(Part):
    """A step on a unit's part with its reason."""

    reason: Annotated[str, text(1, 500)]


CoUntil = Annotated[Moment | None, Field(description="协办期限；空着按时限规则")]


class PassOn(Part):
    """A unit passes its part on to one below it."""

    unit_id: Id
    instruction: Annotated[str, text(0, 1000)] = ""
    co_until: CoUntil = None


class CoDate(Part):
    """By when a unit that helps must have replied."""

    co_until: Annotated[Moment, Field(description="协办期限，不晚于主办单位的期限")]
    reason: Annotated[str, text(2, 500)]
