"""Gaps of the knowledge base: questions that the assistant did not answer well, in groups; what is asked most comes first."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from channels.api import cursors
from channels.api.call import Call, Operation
from channels.api.models import Page, Told
from knowledge.gap import lists
from knowledge.gap.models import GapState
from ticketing.people.permissions import ensure

TAG = "知识"


class GapOrder(StrEnum):
    """What comes first."""

    COUNT = "count"
    RECENT = "recent"


class GapQuery(Page):
    """Which groups."""

    state: Annotated[GapState, Field(description="open待处理，covered已写进知识，no_need不用处理")] = GapState.OPEN
    order: Annotated[GapOrder, Field(description="count问得最多，recent最近问的")] = GapOrder.COUNT
    since: Annotated[dt.datetime | None, Field(description="这个时刻以后又问过的")] = None


class GapOut(Told):
    """One group of like questions; personal data is covered."""

    id: int
    title: str = Field(description="最有代表性的一句；原话按保存期限清除后是空的")
    sentences: list[str] = Field(description="最近的几句原话")
    count: int = Field(description="一共问过几次")
    causes: dict[str, int] = Field(description="为什么没答好：unanswered、unsure、handed_over、rated_badly、judged_wrong")
    state: str
    first_at: dt.datetime
    last_at: dt.datetime
    nearest_article: int | None = Field(description="当时最接近的知识")
    article: int | None = Field(description="写进了哪条知识")
    article_version: int | None
    reason: str = Field(description="为什么不用处理")
    reopened: int


class Gaps(Told):
    """A page of the list."""

    items: list[GapOut]
    next: str | None = Field(description="下一页的cursor；没有下一页是null")


async def list_gaps(call: Call) -> Gaps:
    """Groups of questions, the most asked or the most recent first."""
    ensure(call.actor, "knowledge.gaps")
    asked = call.asked(GapQuery)
    listed = asked.model_dump_json(exclude={"cursor", "limit"})
    place = cursors.read(call.core, listed, asked.cursor)
    offset = int(place[0]) if place else 0
    order = lists.Order(asked.order.value)
    found = await lists.groups(call.session, state=asked.state, order=order, since=asked.since, limit=asked.limit + 1, offset=offset)
    following = cursors.write(call.core, listed, [offset + asked.limit]) if len(found) > asked.limit else None
    return Gaps(items=[_told(group) for group in found[: asked.limit]], next=following)


def _told(group: lists.Group) -> GapOut:
    gap = group.gap
    return GapOut(
        id=gap.id, title=group.title, sentences=[one.text for one in group.sentences], count=gap.count, causes=group.causes,
        state=gap.state, first_at=gap.first_at, last_at=gap.last_at, nearest_article=group.nearest_id, article=gap.article_id,
        article_version=gap.article_version, reason=gap.reason, reopened=gap.reopened,
    )  # fmt: skip


OPERATIONS = (
    Operation("GET", "/knowledge/gaps", list_gaps, "listKnowledgeGaps", TAG, "没答好的问题，按意思归组", answer=Gaps, query=GapQuery),
)
