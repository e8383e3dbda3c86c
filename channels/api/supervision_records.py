"""Records of supervision by API: urgings, hand-overs to the discipline organ, cards counted by unit, another policy for a ticket."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from channels.api.call import Call, Operation
from channels.api.models import Moment, Page, Query, Sent, Told, text
from channels.api.paging import Paging
from channels.api.supervision_answers import Decided
from channels.api.ticket_door import open_ticket
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.deadline.move import move_policy
from ticketing.people.permissions import ensure
from ticketing.supervision import cards, false_reply, urging

TAG = "监督"
_RECORD = re.compile(r"YJ-[0-9]{4}-[0-9]{5,12}")
_USUAL = timedelta(days=30)


class UrgingOut(Told):
    """Somebody asked to hurry."""

    id: int
    ticket: str = Field(description="工单编号")
    title: str
    state: str = Field(description="工单现在的状态")
    by: str = Field(description="citizen、agent、dispatcher、supervisor、leader")
    note: str
    at: datetime
    times: int = Field(description="这张工单一共被催过几次")


class UrgingPage(Told):
    """Newest first."""

    items: list[UrgingOut]
    next: str | None


class HandOverOut(Told):
    """A false reply that was handed over."""

    id: int
    number: str
    ticket: str = Field(description="工单编号")
    title: str
    unit_id: int
    unit: str
    organ: str
    facts: str
    made_at: datetime
    state: str = Field(description="sent、received、answered")
    answer: str
    answered_at: datetime | None


class HandOverPage(Told):
    """Newest first."""

    items: list[HandOverOut]
    next: str | None


class OrganAnswer(Sent):
    """What the organ wrote back."""

    answer: Annotated[str, text(5, 4000, "纪检监察机关的回复")]


class CardsBetween(Query):
    """A stretch of time; without it the last thirty days."""

    given_from: Annotated[Moment | None, Field(description="发牌时间不早于；不填是三十天以前")] = None
    given_until: Annotated[Moment | None, Field(description="发牌时间早于；不填是现在")] = None


class CardScoreOut(Told):
    """A unit's cards. Points are a burden: more is worse."""

    unit_id: int | None = Field(description="null是热线中心")
    unit: str
    yellow: int
    red: int
    revoked: int
    points: int


class CardScores(Told):
    """Most points first."""

    since: datetime
    until: datetime
    items: list[CardScoreOut]


class PolicyMove(Sent):
    """Which rules the ticket follows from now on."""

    key: Annotated[str, text(0, 40, "时限规则；空着不换规则，只换版本")] = ""
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="版本；不填是现行的")] = None
    reason: Annotated[str, text(5, 500, "理由")]


class MovedClock(Told):
    """A clock that is due at another time now."""

    kind: str
    due_at: datetime


class PolicyMoved(Told):
    """What the ticket follows now, and the clocks whose due time changed."""

    number: str
    key: str
    version: int
    clocks: list[MovedClock]


async def list_urgings(call: Call) -> UrgingPage:
    """Urgings on tickets that the caller may see."""
    paging = Paging(call, "urgings", call.asked(Page))
    ensure(call.actor, "board.see")
    lines = await urging.list_urgings(call.core, call.session, call.actor, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(lines, lambda line: (line.urging.id,))
    items = [
        UrgingOut(
            id=each.urging.id, ticket=each.number, title=each.title, state=each.state, by=each.urging.by, note=each.urging.note,
            at=each.urging.at, times=each.times,
        )
        for each in shown
    ]  # fmt: skip
    return UrgingPage(items=items, next=following)


def _hand_over(line: false_reply.HandOverLine) -> HandOverOut:
    row = line.record
    plain = ("id", "number", "unit_id", "organ", "facts", "made_at", "state", "answer", "answered_at")
    return HandOverOut(ticket=line.ticket_number, title=line.title, unit=line.unit, **{name: getattr(row, name) for name in plain})


async def list_hand_overs(call: Call) -> HandOverPage:
    """Records of tickets that the caller may see."""
    paging = Paging(call, "hand-overs", call.asked(Page))
    ensure(call.actor, "finding.decide")
    lines = await false_reply.list_hand_overs(call.core, call.session, call.actor, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(lines, lambda line: (line.record.id,))
    return HandOverPage(items=[_hand_over(line) for line in shown], next=following)


async def answer_hand_over(call: Call) -> Decided:
    """Put on record what the organ wrote back."""
    ensure(call.actor, "finding.decide")
    if not _RECORD.fullmatch(call.part("record")):
        raise NotFound(_("没有找到这份移交记录"))
    sent = call.sent(OrganAnswer)
    row = await false_reply.answered(call.core, call.session, call.actor, call.part("record"), sent.answer)
    return Decided(id=row.number, state=row.state)


async def list_card_scores(call: Call) -> CardScores:
    """What `/cards` with the same bounds shows adds up to it."""
    asked = call.asked(CardsBetween)
    ensure(call.actor, "card.see")
    until = asked.given_until or call.core.clock.now()
    since = asked.given_from or until - _USUAL
    if since >= until:
        raise InvalidInput(_("开始要早于结束"), field="given_from")
    found = await cards.scores(call.core, call.session, call.actor, since, until)
    return CardScores(since=since, until=until, items=[CardScoreOut(**vars(each)) for each in found])


async def move_ticket_policy(call: Call) -> PolicyMoved:
    """By a supervisor, with a reason; the ticket's open clocks are computed anew from their start."""
    actor = ensure(call.actor, "policy.move")
    ticket = await open_ticket(call, call.part("number"), lock=True, actor=actor)
    sent = call.sent(PolicyMove)
    moved = await move_policy(call.core, call.session, actor, ticket, reason=sent.reason, key=sent.key or None, version=sent.version)
    clocks = [MovedClock(kind=clock.kind, due_at=clock.due_at) for clock in moved]
    return PolicyMoved(number=ticket.number, key=ticket.policy_key or "", version=ticket.policy_version or 0, clocks=clocks)


OPERATIONS = (
    Operation("GET", "/urgings", list_urgings, "listUrgings", TAG, "催办记录", answer=UrgingPage, query=Page),
    Operation("GET", "/hand-overs", list_hand_overs, "listHandOvers", TAG, "移交纪检的记录", answer=HandOverPage, query=Page),
    Operation(
        "POST", "/hand-overs/{record}/answer", answer_hand_over, "answerHandOver", TAG, "登记纪检监察机关的回复",
        answer=Decided, body=OrganAnswer,
    ),
    Operation("GET", "/card-scores", list_card_scores, "listCardScores", TAG, "各单位的牌和分数", answer=CardScores, query=CardsBetween),
    Operation(
        "POST", "/tickets/{number}/policy", move_ticket_policy, "moveTicketPolicy", TAG, "工单改用其他时限规则",
        answer=PolicyMoved, body=PolicyMove,
    ),
)  # fmt: skip

__all__ = ["OPERATIONS"]
