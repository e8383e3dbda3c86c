"""The working calendar and the deadline policies: importing a list with a preview, office hours, proposals of two people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import Field, field_validator

from channels.api.call import Answer, Call, Operation
from channels.api.models import MAX_ID, Moment, Page, Query, Sent, Told, text
from channels.api.paging import Paging
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.calendar import changes as calendar_changes
from ticketing.calendar import lists
from ticketing.calendar.journal import history as calendar_history
from ticketing.calendar.lists import Day, DayList
from ticketing.deadline import changes as policy_changes
from ticketing.deadline.models import PolicyVersion
from ticketing.people.permissions import ensure

TAG = "日历与时限"
Minute = Annotated[int, Field(ge=0, le=24 * 60)]
PolicyKey = Annotated[str, Field(pattern=r"^P-[A-Za-z0-9-]{1,28}$", description="例如P-PHONE")]


class DayIn(Sent):
    """One day of a list."""

    date: dt.date
    is_work: bool
    name: Annotated[str, text(0, 30)] = ""


class NewDays(Sent):
    """Next year's list. Send it with preview=true first; then again with preview=false and the version that the preview told."""

    years: Annotated[list[int], Field(max_length=5, description="名单整年覆盖的年份：没写的日子按周末推算", default_factory=list)]
    days: Annotated[list[DayIn], Field(max_length=lists.MAX_ROWS, default_factory=list)]
    package: Annotated[bool, Field(description="true：用安装的chinesecalendar的安排，不用days")] = False
    version: Annotated[int | None, Field(ge=0, le=MAX_ID, description="预览时的日历版本；preview=false时要填")] = None
    note: Annotated[str, text(0, 200)] = ""


class ImportQuery(Query):
    """Whether anything is written."""

    preview: Annotated[bool, Field(description="true只看会改什么；false写入")] = True


class DayOut(Told):
    """One day."""

    date: date
    is_work: bool
    name: str


class DayChange(Told):
    """A day with another meaning or name."""

    before: DayOut
    after: DayOut


class DaysImported(Told):
    """What the list changes (preview) or changed."""

    written: bool
    version: int = Field(description="预览：与之比较的版本；写入后：新版本")
    added: int
    special: list[DayOut] = Field(description="新增的、与平常周末不同的日子")
    changed: list[DayChange]
    same: int
    errors: list[str] = Field(description="有错时不能写入")


class Hours(Sent):
    """The office hours of every working day."""

    periods: Annotated[
        list[Annotated[list[Minute], Field(min_length=2, max_length=2)]],
        Field(min_length=1, max_length=10, description="[开始, 结束)，从零点起的分钟数"),
    ]
    note: Annotated[str, text(0, 200)] = ""


class CalendarChangeOut(Told):
    """One change, and how far the clocks have followed."""

    version: int
    at: dt.datetime
    by_id: int | None
    source: str
    note: str
    days_added: int
    days_changed: int
    clocks_computed: int
    clocks_moved: int
    finished_at: dt.datetime | None


class CalendarChanges(Told):
    """Newest first."""

    items: list[CalendarChangeOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class VersionQuery(Page):
    """Filters of the list of versions."""

    key: Annotated[str, Field(pattern=r"^(P-[A-Za-z0-9-]{1,28})?$", description="只要这条规则的")] = ""


class PolicyVersionOut(Told):
    """One version of one policy: proposed, refused, withdrawn; once approved to_come, in_force, superseded."""

    id: int
    key: str
    version: int
    state: str
    valid_from: dt.datetime
    reason: str
    proposed_by_id: int | None
    proposed_at: dt.datetime
    decided_by_id: int | None
    decided_at: dt.datetime | None
    note: str
    document: dict[str, Any]


class PolicyVersions(Told):
    """Newest first."""

    items: list[PolicyVersionOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class FieldChange(Told):
    """What a proposal changes."""

    field: str
    before: Any
    after: Any


class ProposalOut(Told):
    """What waits for the second person."""

    proposal: PolicyVersionOut
    changes: list[FieldChange]
    tickets: int = Field(description="按这条规则走的未办结工单；它们保持原来的版本")


class Proposals(Told):
    """Oldest first; at most one for each policy."""

    items: list[ProposalOut]


class NewProposal(Sent):
    """A new version of a policy, or a new policy."""

    key: PolicyKey
    document: Annotated[dict[str, Any], Field(description="与GET /policies给出的document同样的写法")]
    reason: Annotated[str, text(5, 1000)]
    valid_from: Annotated[Moment | None, Field(description="何时生效，不填是批准时")] = None

    @field_validator("document")
    @classmethod
    def _storable(cls, value: dict[str, Any]) -> dict[str, Any]:
        """What PostgreSQL and the parser take."""
        try:
            text = json.dumps(value, allow_nan=False)
        except (ValueError, RecursionError):
            raise ValueError(_("内容里有不能保存的字符，请重新输入")) from None
        if "\\u0000" in text or len(text) > 6 * policy_changes.MAX_DOCUMENT:
            raise ValueError(_("内容里有不能保存的字符，请重新输入") if "\\u0000" in text else _("规则太长"))
        return value


class PolicyDecision(Sent):
    """Of the second person, who is not the one who proposed it."""

    approve: bool
    note: Annotated[str, text(0, 1000, "不同意时写明理由")] = ""


async def import_days(call: Call) -> DaysImported:
    """Preview a list, or write it."""
    sent, preview = call.sent(NewDays), call.asked(ImportQuery).preview
    ensure(call.actor, "calendar.import")
    wanted = _list(call, sent)
    found = await calendar_changes.preview(call.session, wanted)
    version = found.version
    if not preview:
        if sent.version is None:
            raise InvalidInput(_("请先用preview=true预览，再带上预览给出的version"), field="version")
        version = (
            await calendar_changes.apply(call.core, call.session, call.actor, wanted, base_version=sent.version, note=sent.note)
        ).version
    return DaysImported(
        written=not preview, version=version, added=len(found.added), special=[_day(day) for day in found.special],
        changed=[DayChange(before=_day(before), after=_day(after)) for before, after in found.changed], same=found.same,
        errors=list(found.errors),
    )  # fmt: skip


def _list(call: Call, sent: NewDays) -> DayList:
    """The list as the reader of files makes it, so that the same rules hold. Raises InvalidInput."""
    if sent.package:
        if wrong := [year for year in sent.years if not lists.FIRST.year <= year <= lists.LAST.year]:
            raise InvalidInput(_("没有这个年份：{year}"), field="years", year=wrong[0])
        return calendar_changes.from_package(call.core, years=set(sent.years) or None)
    rows = [{"date": day.date.isoformat(), "is_work": day.is_work, "name": day.name} for day in sent.days]
    return lists.read(json.dumps({"years": sent.years, "days": rows}, ensure_ascii=False))


def _day(day: Day) -> DayOut:
    return DayOut(date=day.day, is_work=day.is_work, name=day.name)


async def set_hours(call: Call) -> CalendarChangeOut:
    """Other office hours."""
    sent = call.sent(Hours)
    periods = [(start, end) for start, end in sent.periods]
    return CalendarChangeOut.of(await calendar_changes.set_periods(call.core, call.session, call.actor, periods, note=sent.note))


async def list_calendar_changes(call: Call) -> CalendarChanges:
    """Changes of the calendar."""
    ensure(call.actor, "calendar.import")
    paging = Paging(call, "calendar changes", call.asked(Page))
    rows, following = paging.cut(await calendar_history(call.session, before=paging.before, limit=paging.limit), lambda row: (row.version,))
    return CalendarChanges(items=[CalendarChangeOut.of(row) for row in rows], next=following)


async def get_policy(call: Call) -> PolicyVersionOut:
    """The version of a policy that is in force."""
    ensure(call.actor, "policy.propose")
    key = call.part("key")
    found = await policy_changes.in_force(call.session, key, call.core.clock.now()) if key.isascii() and key.isprintable() else None
    if found is None:
        raise NotFound(_("没有这条时限规则"))
    return PolicyVersionOut.of(found)


async def list_versions(call: Call) -> PolicyVersions:
    """Every version that ever was proposed."""
    asked = call.asked(VersionQuery)
    ensure(call.actor, "policy.propose")
    paging = Paging(call, "policy versions", asked)
    found = await policy_changes.history(call.session, key=asked.key, before=paging.before, limit=paging.limit)
    rows, following = paging.cut(found, lambda row: (row.id,))
    return PolicyVersions(items=await _versions(call, rows), next=following)


async def _versions(call: Call, rows: Sequence[PolicyVersion]) -> list[PolicyVersionOut]:
    """The versions as they stand now: of those that were approved one of each policy is in force."""
    standing = await policy_changes.standings(call.session, rows, call.core.clock.now())
    return [PolicyVersionOut.of(row).model_copy(update={"state": standing[row.id]}) for row in rows]


async def list_proposals(call: Call) -> Proposals:
    """What waits for the second person."""
    ensure(call.actor, "policy.propose")
    now = call.core.clock.now()
    items = []
    for row in await policy_changes.proposals(call.session):
        before = await policy_changes.in_force_document(call.session, row.key, now)
        told = [FieldChange(**change) for change in policy_changes.differences(before, row.document)]
        items.append(
            ProposalOut(proposal=PolicyVersionOut.of(row), changes=told, tickets=await policy_changes.count_tickets(call.session, row.key))
        )
    return Proposals(items=items)


async def propose(call: Call) -> Answer:
    """Propose a version."""
    sent = call.sent(NewProposal)
    made = await policy_changes.propose(
        call.core, call.session, call.actor, sent.document, key=sent.key, reason=sent.reason, valid_from=sent.valid_from
    )
    return Answer(PolicyVersionOut.of(made), 201)


async def decide(call: Call) -> PolicyVersionOut:
    """Put it in force or refuse it."""
    sent = call.sent(PolicyDecision)
    decided = await policy_changes.decide(call.core, call.session, call.actor, call.id(), approve=sent.approve, note=sent.note)
    [told] = await _versions(call, [decided])
    return told


async def withdraw(call: Call) -> PolicyVersionOut:
    """Take the own proposal back."""
    ensure(call.actor, "policy.propose")
    return PolicyVersionOut.of(await policy_changes.withdraw(call.core, call.session, call.actor, call.id()))


def _post(path: str, run: Any, name: str, summary: str, answer: Any, body: Any = None, status: int = 200) -> Operation:
    return Operation("POST", path, run, name, TAG, summary, answer=answer, body=body, status=status)


def _get(path: str, run: Any, name: str, summary: str, answer: Any, query: Any = None) -> Operation:
    return Operation("GET", path, run, name, TAG, summary, answer=answer, query=query)


OPERATIONS = (
    Operation(
        "POST", "/calendar/import", import_days, "importDays", TAG, "导入工作日历：预览或写入", answer=DaysImported, body=NewDays,
        query=ImportQuery,
    ),
    Operation("PUT", "/calendar/hours", set_hours, "setOfficeHours", TAG, "上班时间", answer=CalendarChangeOut, body=Hours),
    _get("/calendar/changes", list_calendar_changes, "listCalendarChanges", "日历的变更", CalendarChanges, Page),
    _get("/policies/{key}", get_policy, "getPolicy", "一条时限规则的现行版本", PolicyVersionOut),
    _get("/policy-versions", list_versions, "listPolicyVersions", "时限规则的各版本", PolicyVersions, VersionQuery),
    _get("/policy-proposals", list_proposals, "listProposals", "待确认的时限规则修改", Proposals),
    _post("/policy-proposals", propose, "proposePolicy", "提出修改时限规则", PolicyVersionOut, NewProposal, 201),
    _post("/policy-proposals/{id}/decide", decide, "decidePolicy", "另一人确认或不同意", PolicyVersionOut, PolicyDecision),
    _post("/policy-proposals/{id}/withdraw", withdraw, "withdrawPolicy", "撤回自己的修改", PolicyVersionOut),
)  # fmt: skip
