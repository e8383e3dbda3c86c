"""Briefs (热线日报、周报、月报、年报): the list, one as JSON, and issuing one."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from channels.api import cursors
from channels.api.call import Answer, Call, Operation
from channels.api.models import Page, Sent, Told, text
from channels.api.statistics import TAG
from ticketing.statistics import brief as service
from ticketing.statistics.models import Brief
from ticketing.statistics.period import PeriodKind, parse


class BriefKind(StrEnum):
    """Of how long a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class BriefQuery(Page):
    """Filters of the list."""

    kind: BriefKind | None = None


class BriefOut(Told):
    """An issued brief. It is never changed; computed anew it is a further version."""

    id: int
    kind: str
    period: str
    first: dt.date
    last: dt.date
    line: str = Field(description="哪条线路；全市是空的")
    version: int
    title: str
    issued_at: dt.datetime
    reason: str


class BriefWhole(BriefOut):
    """With its content."""

    content: dict[str, Any]


class Briefs(Told):
    """Newest first."""

    items: list[BriefOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


class NewBrief(Sent):
    """Of which period; a further version needs a reason."""

    period: Annotated[
        str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?|-W[0-9]{2})?$", description="2026、2026-11、2026-W47、2026-11-18")
    ]
    reason: Annotated[str, text(0, 300, "重新生成的理由")] = ""


def _plain(brief: Brief) -> dict[str, Any]:
    plain = {name: getattr(brief, name) for name in ("id", "kind", "first", "last", "line", "version", "issued_at", "reason")}
    return {**plain, "period": service.period_of(brief).key, "title": service.title_of(brief)}


async def list_briefs(call: Call) -> Briefs:
    """Issued briefs."""
    asked = call.asked(BriefQuery)
    listed = f"briefs {asked.kind or ''}"
    place = cursors.read(call.core, listed, asked.cursor)
    after = (dt.date.fromisoformat(place[0]), str(place[1]), int(place[2])) if place else None
    kind = PeriodKind(asked.kind.value) if asked.kind else None
    found = await service.list_briefs(call.session, call.actor, kind=kind, after=after, limit=asked.limit + 1)
    shown = found[: asked.limit]
    more = len(found) > asked.limit
    following = cursors.write(call.core, listed, [shown[-1].last.isoformat(), shown[-1].kind, shown[-1].version]) if more else None
    return Briefs(items=[BriefOut(**_plain(each)) for each in shown], next=following)


async def get_brief(call: Call) -> BriefWhole:
    """One, whole."""
    brief = await service.access_brief(call.session, call.actor, call.id())
    return BriefWhole(**_plain(brief), content=brief.content)


async def issue(call: Call) -> Answer:
    """Compute one of a period that is over."""
    sent = call.sent(NewBrief)
    period, line = parse(sent.period), call.actor.line or ""
    brief = await service.issue(call.core, call.session, call.actor, period, line=line, reason=sent.reason)
    return Answer(BriefWhole(**_plain(brief), content=brief.content), 201)


OPERATIONS = (
    Operation("GET", "/briefs", list_briefs, "listBriefs", TAG, "简报", answer=Briefs, query=BriefQuery),
    Operation("POST", "/briefs", issue, "issueBrief", TAG, "生成简报", answer=BriefWhole, body=NewBrief, status=201),
    Operation("GET", "/briefs/{id}", get_brief, "getBrief", TAG, "一份简报", answer=BriefWhole),
)
