"""The dispatch catalogue (派单目录): which unit handles which category where. Rows are added, changed and switched off with a reason."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Id, Page, Sent, Told, text
from channels.api.paging import Paging
from ticketing.people.permissions import ensure
from ticketing.taxonomy import service
from ticketing.taxonomy.service import MAX_NAME, MAX_NOTE, MAX_WORDS, RuleDraft
from ticketing.ticket.states import DispatchMode, HandlingKind

TAG = "派单目录"
PERMISSION = "catalogue.manage"


class RuleOut(Told):
    """A row: a category, perhaps only in a district, street or line or where a word is said, and who handles it."""

    id: int
    category_code: str
    words: str
    district: str | None
    street: str | None
    line: str | None
    lead_unit_id: int
    co_unit_ids: list[int]
    handling_kind: str | None
    dispatch_mode: str
    valid_from: dt.date
    note: str
    active: bool
    version: int


class Rules(Told):
    """Newest first."""

    items: list[RuleOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class RuleQuery(Page):
    """Which rows."""

    category: Annotated[str, Field(pattern=r"^([0-9]{4})?$", description="只要这个类别的")] = ""


class RuleIn(Sent):
    """A row as it is entered."""

    category_code: Annotated[str, Field(pattern=r"^[0-9]{4}$", description="类别代码")]
    lead_unit_id: Id
    co_unit_ids: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    words: Annotated[str, text(0, MAX_WORDS, "提到其中一个词才算，用空格隔开")] = ""
    district: Annotated[str, text(0, MAX_NAME)] = ""
    street: Annotated[str, text(0, MAX_NAME)] = ""
    line: Annotated[str, text(0, MAX_NAME)] = ""
    handling_kind: HandlingKind | None = None
    dispatch_mode: Literal[DispatchMode.PHONE, DispatchMode.WRITTEN] = DispatchMode.PHONE
    valid_from: Annotated[dt.date | None, Field(description="不填从今天起")] = None
    note: Annotated[str, text(0, MAX_NOTE)] = ""
    reason: Annotated[str, text(4, MAX_NOTE, "为什么改")]


class RuleChange(RuleIn):
    """A changed row."""

    version: Annotated[Id, Field(description="改之前看到的version；别人先改过就是409")]


class RuleSwitch(Sent):
    """Off or on."""

    active: bool
    reason: Annotated[str, text(4, MAX_NOTE, "为什么")]


def _draft(sent: RuleIn) -> RuleDraft:
    values = sent.model_dump(exclude={"reason", "version"})
    kind = sent.handling_kind.value if sent.handling_kind else ""
    return RuleDraft(**{**values, "co_unit_ids": tuple(sent.co_unit_ids), "handling_kind": kind, "dispatch_mode": sent.dispatch_mode.value})


async def list_rules(call: Call) -> Rules:
    """The rows, those switched off among them."""
    ensure(call.actor, PERMISSION)
    asked = call.asked(RuleQuery)
    paging = Paging(call, "catalogue", asked)
    found = await service.rules(call.session, category_code=asked.category, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda rule: (rule.id,))
    return Rules(items=[RuleOut.of(rule) for rule in rows], next=following)


async def add_rule(call: Call) -> Answer:
    """A new row."""
    sent = call.sent(RuleIn)
    return Answer(RuleOut.of(await service.save_rule(call.core, call.session, call.actor, _draft(sent), sent.reason)), 201)


async def change_rule(call: Call) -> RuleOut:
    """Another content of a row."""
    sent = call.sent(RuleChange)
    rule = await service.save_rule(
        call.core, call.session, call.actor, _draft(sent), sent.reason, rule_id=call.id(), version=sent.version
    )  # fmt: skip
    return RuleOut.of(rule)


async def switch_rule(call: Call) -> RuleOut:
    """Off or on again."""
    sent = call.sent(RuleSwitch)
    return RuleOut.of(await service.switch_rule(call.core, call.session, call.actor, call.id(), sent.reason, active=sent.active))


OPERATIONS = (
    Operation("GET", "/catalogue", list_rules, "listRules", TAG, "派单目录的各行", answer=Rules, query=RuleQuery),
    Operation("POST", "/catalogue", add_rule, "addRule", TAG, "新增一行", answer=RuleOut, body=RuleIn, status=201),
    Operation("PUT", "/catalogue/{id}", change_rule, "changeRule", TAG, "修改一行", answer=RuleOut, body=RuleChange),
    Operation("POST", "/catalogue/{id}/switch", switch_rule, "switchRule", TAG, "停用或启用一行", answer=RuleOut, body=RuleSwitch),
)
