"""Supervision by API: cards, rectification, findings, formal supervision, commitments, bursts. Lists and what is decided on them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from channels.api.call import Call, Handler, Operation
from channels.api.models import Id, Moment, Page, Sent, Told, text
from channels.api.paging import Paging
from channels.api.supervision_answers import (
    BurstPage,
    CardPage,
    CommitmentPage,
    Decided,
    FindingPage,
    FormalPage,
    RectificationPage,
    burst_out,
    card_out,
    commitment_out,
    finding_out,
    formal_out,
    rectification_out,
)
from channels.web.inputs import whole_number
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.permissions import ensure
from ticketing.supervision import bursts, cards, commitments, findings, formal, rectification
from ticketing.supervision.models import Card, Commitment, Rectification
from ticketing.supervision.suspicions import Rule

TAG = "监督"
_ORDER = re.compile(r"DB-[0-9]{4}-[0-9]{5,12}")


class OpenPage(Page):
    """A page of a list of things to do."""

    all: Annotated[bool, Field(description="也列出已经办完的")] = False


class CardQuery(Page):
    """Which cards."""

    unit: Annotated[int | None, Field(ge=0, le=2**53 - 1, description="单位；0是热线中心自己")] = None
    colour: Literal["yellow", "red"] | None = None
    given_from: Annotated[Moment | None, Field(description="发牌时间不早于")] = None
    given_until: Annotated[Moment | None, Field(description="发牌时间早于")] = None


class FindingQuery(OpenPage):
    """Which suspicions."""

    rule: Rule | None = None


class TakenBack(Sent):
    """Why."""

    reason: Annotated[str, text(1, 1000, "理由")]


class Rectified(Sent):
    """What the unit found and did."""

    cause: Annotated[str, text(5, 2000, "原因")]
    measure: Annotated[str, text(10, 4000, "整改措施和结果")]


class Judged(Sent):
    """The supervisor's word on what was handed in."""

    accept: Annotated[bool, Field(description="true确认；false退回，并在note里写明理由")]
    note: Annotated[str, text(0, 1000)] = ""


class FindingDecision(Sent):
    """What came of a suspicion."""

    outcome: Literal["dismiss", "confirm", "yellow", "red", "false_reply"]
    note: Annotated[str, text(10, 1000, "核实了什么")]


class OrderAnswer(Sent):
    """The unit's answer to an order."""

    answer: Annotated[str, text(30, 5000, "查到什么、怎么办的、结果如何")]


class BurstDecision(Sent):
    """What was done about many equal appeals."""

    handled: Annotated[bool, Field(description="false：不是同一件事")]
    note: Annotated[str, text(5, 1000)]


class CommitmentDecision(Sent):
    """Kept or broken."""

    kept: bool
    proof: Annotated[str, text(5, 2000, "什么时候、由谁、怎么核实的")]


def number_of(call: Call) -> Id:
    """The number in the address. Raises NotFound for what is none."""
    value = whole_number(call.part("id"))
    if value is None:
        raise NotFound(_("没有找到这一项"))
    return value


def _order(call: Call) -> str:
    if not _ORDER.fullmatch(call.part("order")):
        raise NotFound(_("没有找到这份督办单"))
    return call.part("order")


async def list_cards(call: Call) -> CardPage:
    """Cards, newest first; revoked ones stay on the list."""
    asked, paging = call.asked(CardQuery), Paging(call, "cards", call.asked(CardQuery))
    ensure(call.actor, "card.see")
    lines = await cards.list_cards(
        call.core, call.session, call.actor, unit_id=asked.unit, colour=asked.colour or "", since=asked.given_from,
        until=asked.given_until, before=paging.beyond, limit=paging.limit,
    )  # fmt: skip
    shown, following = paging.cut(lines, lambda line: (line.card.at, line.card.id))
    return CardPage(items=[card_out(line) for line in shown], next=following)


async def revoke_card(call: Call) -> Decided:
    """Take a card out of the count."""
    ensure(call.actor, "card.revoke")
    await cards.revoke(call.core, call.session, call.actor, number_of(call), call.sent(TakenBack).reason)
    return Decided(id=str(number_of(call)), state=(await call.session.get_one(Card, number_of(call))).state)


async def list_rectifications(call: Call) -> RectificationPage:
    """Tasks that are owed, the most pressing first; all of them newest first."""
    asked, paging = call.asked(OpenPage), Paging(call, "rectifications", call.asked(OpenPage))
    ensure(call.actor, "card.see")
    lines = await rectification.list_tasks(
        call.core, call.session, call.actor, open_only=not asked.all, beyond=paging.beyond, limit=paging.limit
    )
    shown, following = paging.cut(lines, lambda line: (line.task.due_at, line.task.id))
    return RectificationPage(items=[rectification_out(line) for line in shown], next=following)


async def finish_rectification(call: Call) -> Decided:
    """Hand in."""
    sent = call.sent(Rectified)
    ensure(call.actor, "rectification.do")
    await rectification.finish(call.core, call.session, call.actor, number_of(call), cause=sent.cause, measure=sent.measure)
    return await _task(call)


async def judge_rectification(call: Call) -> Decided:
    """Confirm, or send back."""
    sent = call.sent(Judged)
    ensure(call.actor, "rectification.confirm")
    await rectification.judge(call.core, call.session, call.actor, number_of(call), confirm=sent.accept, note=sent.note)
    return await _task(call)


async def _task(call: Call) -> Decided:
    return Decided(id=str(number_of(call)), state=(await call.session.get_one(Rectification, number_of(call))).state)


async def list_findings(call: Call) -> FindingPage:
    """Suspicions, newest first."""
    asked, paging = call.asked(FindingQuery), Paging(call, "findings", call.asked(FindingQuery))
    ensure(call.actor, "finding.decide")
    lines = await findings.list_findings(
        call.core, call.session, call.actor, open_only=not asked.all, rule=asked.rule, before=paging.before, limit=paging.limit
    )
    shown, following = paging.cut(lines, lambda line: (line.finding.id,))
    return FindingPage(items=[finding_out(line) for line in shown], next=following)


async def decide_finding(call: Call) -> Decided:
    """Confirmed, with a card or without, or dismissed."""
    sent = call.sent(FindingDecision)
    ensure(call.actor, "finding.decide")
    done = await findings.decide(call.core, call.session, call.actor, number_of(call), outcome=sent.outcome, note=sent.note)
    return Decided(id=str(done.id), state=done.state)


async def list_formal(call: Call) -> FormalPage:
    """Orders, newest first."""
    asked, paging = call.asked(OpenPage), Paging(call, "formal", call.asked(OpenPage))
    ensure(call.actor, "card.see")
    lines = await formal.list_formal(call.core, call.session, call.actor, open_only=not asked.all, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(lines, lambda line: (line.formal.id,))
    return FormalPage(items=[formal_out(line) for line in shown], next=following)


async def answer_formal(call: Call) -> Decided:
    """The unit's answer."""
    ensure(call.actor, "formal.answer")
    await formal.answer(call.core, call.session, call.actor, _order(call), call.sent(OrderAnswer).answer)
    return await _after(call)


async def conclude_formal(call: Call) -> Decided:
    """Accept the answer, or send it back."""
    sent = call.sent(Judged)
    ensure(call.actor, "supervision.open")
    await formal.conclude(call.core, call.session, call.actor, _order(call), accept=sent.accept, text=sent.note)
    return await _after(call)


async def withdraw_formal(call: Call) -> Decided:
    """An order that was a mistake."""
    ensure(call.actor, "supervision.open")
    await formal.withdraw(call.core, call.session, call.actor, _order(call), call.sent(TakenBack).reason)
    return await _after(call)


async def _after(call: Call) -> Decided:
    row, _ticket = await formal.access_formal(call.core, call.session, call.actor, _order(call))
    return Decided(id=row.number, state=row.state)


async def list_commitments(call: Call) -> CommitmentPage:
    """Open promises by due date; all of them newest first."""
    asked, paging = call.asked(OpenPage), Paging(call, "commitments", call.asked(OpenPage))
    ensure(call.actor, "card.see")
    lines = await commitments.list_commitments(
        call.core, call.session, call.actor, open_only=not asked.all, beyond=paging.beyond, limit=paging.limit
    )
    shown, following = paging.cut(lines, lambda line: (line.commitment.due_at, line.commitment.id))
    return CommitmentPage(items=[commitment_out(line) for line in shown], next=following)


async def decide_commitment(call: Call) -> Decided:
    """Kept, or, by who judges, broken."""
    sent = call.sent(CommitmentDecision)
    ensure(call.actor, "commitment.note")
    await commitments.decide(call.core, call.session, call.actor, number_of(call), kept=sent.kept, proof=sent.proof)
    return Decided(id=str(number_of(call)), state=(await call.session.get_one(Commitment, number_of(call))).state)


async def list_bursts(call: Call) -> BurstPage:
    """Group warnings, newest first."""
    asked, paging = call.asked(OpenPage), Paging(call, "bursts", call.asked(OpenPage))
    ensure(call.actor, "burst.see")
    lines = await bursts.list_bursts(call.core, call.session, call.actor, open_only=not asked.all, before=paging.before, limit=paging.limit)
    shown, following = paging.cut(lines, lambda line: (line.burst.id,))
    return BurstPage(items=[burst_out(line) for line in shown], next=following)


async def decide_burst(call: Call) -> Decided:
    """What was done, or why it is none."""
    sent = call.sent(BurstDecision)
    ensure(call.actor, "burst.decide")
    done = await bursts.decide(call.core, call.session, call.actor, number_of(call), handled=sent.handled, note=sent.note)
    return Decided(id=str(done.id), state=done.state)


def _step(path: str, run: Handler, name: str, summary: str, body: type[Sent]) -> Operation:
    return Operation("POST", path, run, name, TAG, summary, answer=Decided, body=body)


def _list(path: str, run: Handler, name: str, summary: str, answer: type[Told], query: type[Page] = OpenPage) -> Operation:
    return Operation("GET", path, run, name, TAG, summary, answer=answer, query=query)


OPERATIONS = (
    _list("/cards", list_cards, "listCards", "黄牌红牌", CardPage, CardQuery),
    _step("/cards/{id}/revoke", revoke_card, "revokeCard", "撤销一张牌", TakenBack),
    _list("/rectifications", list_rectifications, "listRectifications", "整改任务", RectificationPage),
    _step("/rectifications/{id}/finish", finish_rectification, "finishRectification", "提交整改", Rectified),
    _step("/rectifications/{id}/judge", judge_rectification, "judgeRectification", "确认或退回整改", Judged),
    _list("/findings", list_findings, "listFindings", "监察疑点", FindingPage, FindingQuery),
    _step("/findings/{id}/decide", decide_finding, "decideFinding", "处理疑点", FindingDecision),
    _list("/formal-supervisions", list_formal, "listFormalSupervisions", "督办单", FormalPage),
    _step("/formal-supervisions/{order}/answer", answer_formal, "answerFormalSupervision", "答复督办单", OrderAnswer),
    _step("/formal-supervisions/{order}/conclude", conclude_formal, "concludeFormalSupervision", "审定督办单", Judged),
    _step("/formal-supervisions/{order}/withdraw", withdraw_formal, "withdrawFormalSupervision", "撤回督办单", TakenBack),
    _list("/commitments", list_commitments, "listCommitments", "承诺", CommitmentPage),
    _step("/commitments/{id}/decide", decide_commitment, "decideCommitment", "认定承诺是否兑现", CommitmentDecision),
    _list("/bursts", list_bursts, "listBursts", "群体预警", BurstPage),
    _step("/bursts/{id}/decide", decide_burst, "decideBurst", "处理群体预警", BurstDecision),
)

__all__ = ["OPERATIONS", "number_of"]
