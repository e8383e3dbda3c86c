"""What random people may try on random tickets, for the stateful test: each action is one service function with lifelike words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.assignment.service import access_assignment
from ticketing.callback import service as callbacks
from ticketing.callback.service import GATES, CallbackResult
from ticketing.deadline.limits import Limit
from ticketing.people.actor import Actor
from ticketing.relation import investigation, merge, repeat
from ticketing.relation.links import access_other
from ticketing.request import dispute, extension, returns, suspension
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind, SuspensionReason
from ticketing.supervision import cards, urging
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal
from ticketing.ticket.access import access_ticket
from ticketing.ticket.dispatch import CoUnit, Order
from ticketing.ticket.edit import name_people, revise
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, Satisfaction, Urgency

WORDS = "说明情况的话，至少写三十个字才算写清楚，这里把来龙去脉都写清楚了，没有套话。"


@dataclass
class Try:
    """Who tries something on which ticket."""

    city: City
    session: AsyncSession
    actor: Actor
    ticket: Ticket
    other: str
    """Number of another ticket, for what needs two."""

    async def part(self, *states: AssignmentState, other_unit: bool = False) -> Assignment:
        """The part of the actor's unit, else any open one."""
        statement = select(Assignment).where(Assignment.ticket_id == self.ticket.id).order_by(Assignment.id.desc())
        rows = [row for row in await self.session.scalars(statement) if not states or row.state in {state.value for state in states}]
        own = [row for row in rows if row.unit_id == self.actor.unit_id]
        found = rows if other_unit else own or rows
        if not found:
            raise IllegalStep("no such part")
        return found[0]

    async def request(self, kind: RequestKind) -> Request:
        """The pending request of this kind."""
        return await requests.only_pending(self.session, self.ticket, kind)


Step = Callable[[Try], Awaitable[object]]


def on_ticket(function: Callable[..., Awaitable[object]], *args: object, **values: object) -> Step:
    """A service function on the ticket."""

    async def run(t: Try) -> object:
        return await function(t.city.core, t.session, t.actor, t.ticket, *args, **values)

    return run


def on_part(function: Callable[..., Awaitable[object]], *args: object, **values: object) -> Step:
    """A service function on a unit's part."""

    async def run(t: Try) -> object:
        return await function(t.city.core, t.session, t.actor, (await t.part()).id, *args, **values)

    return run


def asking(function: Callable[..., Awaitable[object]], **values: object) -> Step:
    """A request of the unit."""

    async def run(t: Try) -> object:
        assignment, ticket = await access_assignment(t.session, t.actor, (await t.part()).id)
        return await function(t.city.core, t.session, t.actor, assignment, ticket, **values)

    return run


def deciding(function: Callable[..., Awaitable[object]], kind: RequestKind, *, approve: bool) -> Step:
    """A decision on a request."""

    async def run(t: Try) -> object:
        request = await t.request(kind)
        return await function(t.city.core, t.session, t.actor, t.ticket, request.id, approve=approve, note=WORDS)

    return run


_WAYS: tuple[tuple[DispatchMode, int | None], ...] = (
    (DispatchMode.PHONE, None), (DispatchMode.PHONE, None), (DispatchMode.WRITTEN, None),
    (DispatchMode.LEADER, 7), (DispatchMode.LEADER, 10), (DispatchMode.LEADER, 30),
)  # fmt: skip


async def _dispatch(t: Try) -> object:
    water = CoUnit(t.city.units["water"])
    mode, days = _WAYS[t.ticket.id % len(_WAYS)]
    order = Order(t.city.units["city"], mode, leader_days=days, co_units=(water,) if t.ticket.id % 3 == 0 else ())
    return await dispatching.dispatch_order(t.city.core, t.session, t.actor, t.ticket, order)


async def _dispatch_water(t: Try) -> object:
    order = Order(t.city.units["water"], DispatchMode.WRITTEN)
    return await dispatching.dispatch_order(t.city.core, t.session, t.actor, t.ticket, order)


async def _overlap(t: Try) -> object:
    overlap = dispute.Overlap((t.city.units["city"], t.city.units["water"]))
    return await dispute.open_dispute(t.city.core, t.session, t.actor, t.ticket, WORDS, overlap)


async def _rule(t: Try) -> object:
    order = Order(t.city.units["water"], DispatchMode.PHONE)
    return await dispute.rule(t.city.core, t.session, t.actor, t.ticket, order, grounds=WORDS)


async def _consent(t: Try) -> object:
    pending = [r for kind in (RequestKind.EXTENSION, RequestKind.SUSPENSION) for r in await requests.pending(t.session, t.ticket.id, kind)]
    if not pending:
        raise IllegalStep("nothing pending")
    return await requests.consent(t.city.core, t.session, t.actor, t.ticket, pending[0].id)


async def _take_back(t: Try) -> object:
    """The latest request, whatever it is."""
    pending = await requests.pending(t.session, t.ticket.id)
    if not pending:
        raise IllegalStep("nothing pending")
    return await requests.take_back(t.city.core, t.session, t.actor, t.ticket, pending[-1].id)


async def _suspend(t: Try) -> object:
    review_on = t.city.clock.now().date() + timedelta(days=20)
    ask = asking(suspension.ask, reason_class=SuspensionReason.WORKS, reason=WORDS, told=WORDS, review_on=review_on)
    return await ask(t)


async def _merge(t: Try) -> object:
    master = await access_other(t.city.core, t.session, t.actor, t.ticket, t.other)
    return await merge.merge(t.city.core, t.session, t.actor, t.ticket, master, reason=WORDS)


async def _link(t: Try) -> object:
    earlier = await access_other(t.city.core, t.session, t.actor, t.ticket, t.other)
    return await repeat.link(t.city.core, t.session, t.actor, t.ticket, earlier)


async def _waive(t: Try) -> object:
    rows = await t.session.scalars(select(Assignment).where(Assignment.ticket_id == t.ticket.id, Assignment.lead.is_(False)))
    found = next(iter(rows), None)
    if found is None:
        raise IllegalStep("no co-unit")
    return await assignments.waive(t.city.core, t.session, t.actor, found.id, WORDS)


async def _conclude(t: Try) -> object:
    await investigation.conclude(t.city.core, t.session, t.actor, t.ticket, findings=WORDS, false_reply=False)
    return await assignments.reply_ready(t.city.core, t.session, t.ticket)


async def _decline_visit(t: Try) -> object:
    return await callbacks.decide_redo(t.city.core, t.session, t.actor, t.ticket, cause="not_solved", rectification=WORDS)


async def _edit(t: Try) -> object:
    """More urgent, and another category."""
    return await revise(t.city.core, t.session, t.actor, t.ticket, category_code="0501", urgency=Urgency.URGENT)


async def _keep_secret(t: Try) -> object:
    """Whoever makes it secret stays among those who see it."""
    kept = {"category_code": "0501", "urgency": Urgency.NORMAL, "confidentiality": Confidentiality.SECRET}
    return await revise(t.city.core, t.session, t.actor, t.ticket, **kept)


async def _name(t: Try) -> object:
    """Everybody who may be named."""
    people = [t.city.people[login].account for login in ("dispatcher", "clerk", "chief", "supervisor", "callback", "leader")]
    return await name_people(t.city.core, t.session, t.actor, t.ticket, people)


async def _give_card(t: Try) -> object:
    part = await t.part(other_unit=True)
    return await cards.give_by_hand(t.city.core, t.session, t.actor, t.ticket, unit_id=part.unit_id, colour="yellow", note=WORDS)


async def _revoke_card(t: Try) -> object:
    found = await cards.of_ticket(t.session, t.ticket.id)
    if not found:
        raise IllegalStep("no card")
    return await cards.revoke(t.city.core, t.session, t.actor, found[0].id, WORDS)


def _rated(satisfaction: Satisfaction) -> CallbackResult:
    return CallbackResult(satisfaction, solved=satisfaction is not Satisfaction.DISSATISFIED, note=WORDS, cause="not_solved")


ACTIONS: dict[str, Step] = {
    "submit": on_ticket(dispatching.submit, category_code="0501", urgency=dispatching.Urgency.NORMAL),
    "dispatch": _dispatch,
    "dispatch_water": _dispatch_water,
    "answer": on_ticket(dispatching.answer, WORDS),
    "request_info": on_ticket(dispatching.request_info, WORDS),
    "supplement": on_ticket(dispatching.supplement, WORDS),
    "go_on": on_ticket(dispatching.go_on, {}),
    "withdraw": on_ticket(dispatching.withdraw, WORDS),
    "urge": on_ticket(urging.urge, WORDS),
    "emergency": on_ticket(exits.transfer_emergency, target="110", note=WORDS),
    "emergency_over": on_ticket(exits.follow_emergency, taken_over=True, receiver="接警员0317", note=WORDS),
    "emergency_remains": on_ticket(exits.follow_emergency, taken_over=False, receiver="接警员0317", note=WORDS),
    "close_no_contact": on_ticket(exits.close_no_contact, note=WORDS),
    "invalidate": on_ticket(exits.invalidate, code="test", reason=WORDS),
    "propose_refusal": on_ticket(refusal.propose, code="litigation", legal_way=WORDS),
    "decide_refusal": on_ticket(refusal.decide, approve=True),
    "reject": on_ticket(refusal.reject, code="other", reason=WORDS, legal_way=WORDS),
    "object": on_ticket(refusal.object_to, WORDS),
    "sign": on_part(assignments.sign),
    "contact": on_part(assignments.contact, way="phone", note=WORDS),
    "draft": on_part(assignments.draft_reply, GOOD_REPLY),
    "draft_explained": on_part(assignments.draft_reply, assignments.ReplyDraft(**{**GOOD_REPLY.__dict__, "explanation": WORDS})),
    "refuse_draft": on_part(assignments.refuse_draft, WORDS),
    "sign_off": on_part(assignments.sign_off),
    "waive": _waive,
    "ask_return": on_part(returns.ask, WORDS),
    "approve_return": deciding(returns.decide, RequestKind.RETURN, approve=True),
    "refuse_return": deciding(returns.decide, RequestKind.RETURN, approve=False),
    "open_dispute": _overlap,
    "rule": _rule,
    "ask_extension": asking(extension.ask, limit=Limit(1, "wd"), reason=WORDS, told=WORDS),
    "ask_suspension": _suspend,
    "consent": _consent,
    "take_back": _take_back,
    "approve_extension": deciding(extension.decide, RequestKind.EXTENSION, approve=True),
    "approve_suspension": deciding(suspension.decide, RequestKind.SUSPENSION, approve=True),
    "resume": on_ticket(suspension.resume, note=WORDS),
    "review_pass": on_ticket(callbacks.review, accept=True, gates=GATES),
    "review_back": on_ticket(callbacks.review, accept=False, note=WORDS),
    "visit_satisfied": on_ticket(callbacks.finish_callback, _rated(Satisfaction.SATISFIED)),
    "visit_dissatisfied": on_ticket(callbacks.finish_callback, _rated(Satisfaction.DISSATISFIED)),
    "decide_redo": _decline_visit,
    "close_disputed": on_ticket(callbacks.close_disputed, evidence=WORDS),
    "attempt": on_ticket(callbacks.record_attempt, "no_answer"),
    "reopen": on_ticket(callbacks.reopen, WORDS),
    "merge": _merge,
    "unmerge": on_ticket(merge.unmerge, reason=WORDS),
    "link": _link,
    "take_investigation": on_ticket(investigation.take),
    "conclude": _conclude,
    "edit": _edit,
    "keep_secret": _keep_secret,
    "name": _name,
    "give_card": _give_card,
    "revoke_card": _revoke_card,
}

_LIKELY = {
    "registered": (
        "dispatcher:dispatch agent:submit dispatcher:request_info supervisor:dispatch dispatcher:merge agent:emergency "
        "dispatcher:reject agent:answer agent:propose_refusal dispatcher:link citizen:withdraw dispatcher:dispatch supervisor:invalidate "
    ),
    "to_dispatch": "dispatcher:dispatch dispatcher:dispatch_water dispatcher:link",
    "need_info": "citizen:supplement dispatcher:go_on dispatcher:close_no_contact",
    "answered": "citizen:visit_satisfied citizen:visit_dissatisfied",
    "rejected": "citizen:object agent:object",
    "emergency_out": "agent:emergency_over supervisor:emergency_remains",
    "in_progress": (
        "clerk:sign clerk:draft_explained chief:sign_off clerk:ask_extension water_clerk:sign water_clerk:draft_explained "
        "water_chief:sign_off clerk:sign clerk:contact clerk:draft_explained chief:sign_off clerk:ask_return dispatcher:approve_return "
        "water_clerk:ask_return clerk:draft_explained chief:sign_off clerk:ask_suspension chief:consent supervisor:approve_suspension "
        "leader:approve_suspension "
        "supervisor:approve_extension supervisor:take_investigation supervisor:conclude dispatcher:waive"
    ),
    "disputed": "supervisor:rule leader:rule",
    "suspended": "supervisor:resume clerk:resume",
    "reply_review": "dispatcher:review_pass supervisor:review_back supervisor:review_pass",
    "callback": ("callback:visit_satisfied callback:visit_dissatisfied supervisor:decide_redo callback:attempt supervisor:close_disputed "),
    "closed": "citizen:reopen agent:reopen",
    "merged": "dispatcher:unmerge citizen:supplement",
}
LIKELY = {state: [tuple(pair.split(":")) for pair in pairs.split()] for state, pairs in _LIKELY.items()}
"""What usually comes next, so that random lives reach the far ends."""

_STORIES = {
    "merged": "dispatcher:merge",
    "answered": "agent:answer",
    "refused": "agent:propose_refusal dispatcher:decide_refusal citizen:object",
    "suspended": "clerk:ask_suspension chief:consent supervisor:approve_suspension leader:approve_suspension",
    "extended": "clerk:ask_extension chief:consent supervisor:approve_extension",
    "gone out": "agent:emergency",
    "come back": "agent:emergency supervisor:emergency_remains",
    "in dispute": "dispatcher:open_dispute dispatcher:take_back clerk:take_back",
    "a card too many": "supervisor:give_card supervisor:revoke_card",
}
STORIES = {name: [tuple(pair.split(":")) for pair in pairs.split()] for name, pairs in _STORIES.items()}
"""What takes several hands one after the other, which chance alone seldom joins."""


async def attempt(city: City, who: Actor, name: str, number: str, other: str) -> None:
    """One action in one transaction. Staff go through the door; the citizen has his own ticket."""
    async with city.database.transaction() as session:
        if who.user_id is None:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        else:
            ticket = await access_ticket(city.core, session, who, number, lock=True)
        await ACTIONS[name](Try(city, session, who, ticket, other))
