"""The sealed event log and the keeping of data: how far it is sealed, the days' roots, who looked, what would be ended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Query, Sent, Told, text
from channels.api.run import fresh
from channels.api.ticket_door import open_ticket
from hotline.database import Base
from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.audit import report
from ticketing.audit.verify import verify
from ticketing.people.permissions import ensure
from ticketing.retention.run import BATCH, known_kinds
from ticketing.retention.run import run as go_through

TAG = "审计与保存期限"
AT_ONCE = 1000 // BATCH
"""Batches of one kind while a caller waits; the scheduler's run takes more."""


class StandingOut(Told):
    """How far the log is sealed."""

    seals: int
    sealed_at: datetime | None
    last_hash: str | None
    unsealed: int = Field(description="还没有封存的事件，最多数到100000")


class DayRoot(Told):
    """The root of a day."""

    day: date
    first_seal: int
    last_seal: int
    event_count: int
    previous_root: str
    root: str
    made_at: datetime


class DayQuery(Query):
    """Which days."""

    before: Annotated[date | None, Field(description="早于这一天；翻页用上一页的next")] = None
    limit: Annotated[int, Field(ge=1, le=366)] = report.PAGE


class DayRoots(Told):
    """Roots, newest day first."""

    items: list[DayRoot]
    next: date | None = Field(description="下一页的before；没有更多是null")


class Look(Told):
    """Somebody opened what is private."""

    at: datetime
    what: str
    who: str
    reason: str


class Looks(Told):
    """Newest first; at most 500."""

    items: list[Look]


class VerdictOut(Told):
    """What was looked at and what was found."""

    whole: bool
    events: int
    seals: int
    where: str | None = Field(description="第一处不对的地方")
    why: str | None


class EndingOut(Told):
    """What is due for one kind of data."""

    kind: str
    label: str
    ending: str
    keep_days: int
    count: int
    samples: list[str] = Field(description="只有编号，没有内容")
    failed: bool


class DryRun(Told):
    """What the next run would do. Nothing was written."""

    items: list[EndingOut]


class RetentionWish(Sent):
    """Which kinds are to be ended now instead of in the night."""

    kinds: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z_]{2,40}$")]], Field(min_length=1, max_length=40, description="dry-run里的kind")
    ]
    reason: Annotated[str, text(5, 500, "为什么现在做")]


class RetentionRun(Told):
    """What was ended, at most 1,000 of a kind in one run: ask again while the dry run counts more."""

    items: list[EndingOut]


async def standing(call: Call) -> StandingOut:
    """How far the log is sealed."""
    ensure(call.actor, "audit.see")
    found = await report.standing(call.session)
    last = found.last
    return StandingOut(
        seals=found.seals, sealed_at=last.at if last else None, last_hash=last.hash if last else None, unsealed=found.unsealed
    )


async def list_days(call: Call) -> DayRoots:
    """The days' roots: who keeps them can prove later that nothing was changed."""
    ensure(call.actor, "audit.see")
    asked = call.asked(DayQuery)
    rows = await report.days(call.session, before=asked.before, limit=asked.limit + 1)
    shown = rows[: asked.limit]
    return DayRoots(items=[DayRoot.of(row) for row in shown], next=shown[-1].day if len(rows) > asked.limit else None)


async def list_looks(call: Call) -> Looks:
    """Who opened private fields or recordings of a ticket."""
    ensure(call.actor, "audit.looks")
    ticket = await open_ticket(call, call.part("number"))
    found = await report.looks(call.session, ticket.id)
    return Looks(items=[Look(at=each.at, what=each.name, who=each.actor_label, reason=str(each.data.get("reason", ""))) for each in found])


async def verify_ticket(call: Call) -> VerdictOut:
    """The chain of one ticket and every seal that holds a part of it; read in a snapshot of its own."""
    ensure(call.actor, "audit.looks")
    async with fresh(call) as current:
        ticket_id = (await open_ticket(current, current.part("number"))).id
    verdict = await verify(call.database, ticket_id=ticket_id)
    broken = verdict.broken
    return VerdictOut(
        whole=verdict.whole, events=verdict.events, seals=verdict.seals, where=broken.where if broken else None,
        why=broken.why if broken else None,
    )  # fmt: skip


async def retention_dry_run(call: Call) -> DryRun:
    """Counts what every active policy would end, in transactions that cannot write."""
    ensure(call.actor, "system.see")
    outcomes = await go_through(call.core, call.database, Base.metadata, dry=True)
    return DryRun(items=[EndingOut.of(each) for each in outcomes])


async def run_retention(call: Call) -> RetentionRun:
    """End now what is due. Who asked and why is an event of its own; the run is the same as the scheduler's."""
    actor, sent = ensure(call.actor, "retention.run"), call.sent(RetentionWish)
    if unknown := sorted(set(sent.kinds) - known_kinds()):
        raise InvalidInput(_("没有这种数据：{kind}"), field="kinds", kind=unknown[0])
    async with fresh(call) as current:
        data = {"kinds": sorted(set(sent.kinds)), "reason": sent.reason}
        await record(
            current.session,
            at=call.core.clock.now(),
            name="retention.asked",
            subject="retention",
            subject_id="all",
            who=actor.who,
            data=data,
        )
    outcomes = await go_through(call.core, call.database, Base.metadata, dry=False, kinds=sent.kinds, batches=AT_ONCE)
    return RetentionRun(items=[EndingOut.of(each) for each in outcomes])


OPERATIONS = (
    Operation("GET", "/audit", standing, "getAuditStanding", TAG, "事件记录封存到哪里", answer=StandingOut),
    Operation("GET", "/audit/days", list_days, "listAuditDays", TAG, "日根", answer=DayRoots, query=DayQuery),
    Operation("GET", "/tickets/{number}/looks", list_looks, "listLooks", TAG, "谁看过这张工单的信息", answer=Looks),
    Operation(
        "GET", "/tickets/{number}/verification", verify_ticket, "verifyTicket", TAG, "核对这张工单的事件链",
        answer=VerdictOut, own_transactions=True,
    ),
    Operation(
        "GET", "/retention/dry-run", retention_dry_run, "dryRunRetention", TAG, "到期的数据会怎样处理，只看不做",
        answer=DryRun, own_transactions=True,
    ),
    Operation(
        "POST", "/retention/runs", run_retention, "runRetention", TAG, "现在处理到期的数据",
        answer=RetentionRun, body=RetentionWish, own_transactions=True, repeatable=True,
    ),
)  # fmt: skip
