"""What is offered is what is accepted: in every state, for every role, `allowed` names exactly the steps that the services take.

Each ticket is brought to its state by the people who do that; then everybody tries every step with a form that is filled in well,
each in a savepoint that is taken back. A step that succeeds without having been offered, or is offered and refused, is a fault of
`next_step` or of a guard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.explain import actions_of
from channels.console.actions import HANDLERS, PERMISSIONS
from channels.console.step import Step
from channels.console.ticket_view import load_page
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import HotlineError, InvalidInput
from tests.ticketing.conftest import GOOD_REPLY, City, settle
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, LegalProcedure
from ticketing.assignment.service import access_assignment
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.context import Core
from ticketing.deadline.limits import Limit
from ticketing.people.actor import SYSTEM, Actor, citizen_actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import ensure
from ticketing.relation import merge, repeat
from ticketing.request import dispute, extension, returns, suspension
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import SuspensionReason
from ticketing.supervision.urging import urge
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, Satisfaction, Urgency
from ticketing.ticket.steps import take_step

WORDS = "把来龙去脉、依据和打算都写清楚，至少三十个字，没有一句套话，可以照着去做。"
PEOPLE = [*(role.value for role in Role), "water_clerk", "water_chief"]


@pytest.fixture
async def town(core: Core, database: Database, clock: ManualClock) -> City:
    """The small city, with a unit below one of its units."""
    town = await settle(core, database, clock)
    async with database.transaction() as session:
        below = Unit(code="brigade", name="江畔中队", level=3, parent_id=town.units["city"])
        session.add(below)
        await session.flush()
        town.units["brigade"] = below.id
    return town


Life = Callable[[City, str], Awaitable[None]]


async def fresh(town: City, number: str) -> None:
    """As it was registered."""


async def submitted(town: City, number: str) -> None:
    await town.act(number, town.agent, dispatching.submit, category_code="0501", urgency=Urgency.NORMAL)


async def refusal_proposed(town: City, number: str) -> None:
    await town.act(number, town.agent, refusal.propose, code="litigation")


async def waits_for_citizen(town: City, number: str) -> None:
    await town.act(number, town.agent, dispatching.request_info, "请补充工地的名称和施工时间")


async def citizen_silent(town: City, number: str) -> None:
    """Asked twice, five working days without an answer each."""
    from ticketing.supervision import sweep

    for _time in range(2):
        await town.act(number, town.dispatcher, dispatching.request_info, "请补充工地的名称和施工时间")
        town.clock.advance(days=9)
        await sweep.run(town.core, town.database)


async def rejected(town: City, number: str) -> None:
    await town.act(number, town.dispatcher, refusal.reject, code="litigation")


async def handed_to_110(town: City, number: str) -> None:
    await town.act(number, town.agent, exits.transfer_emergency, target="110", note="已三方通话")


async def answered(town: City, number: str) -> None:
    await town.act(number, town.agent, dispatching.answer, WORDS)


async def answer_refused(town: City, number: str) -> None:
    await answered(town, number)
    await as_citizen(town, number, callbacks.finish_callback, CallbackResult(Satisfaction.DISSATISFIED, solved=False, note=WORDS), by="web")


async def merged(town: City, number: str) -> None:
    master = (await town.register()).ticket.number
    async with town.database.transaction() as session:
        ticket = await access_ticket(town.core, session, town.dispatcher, number, lock=True)
        other = await access_ticket(town.core, session, town.dispatcher, master, lock=True)
        await merge.merge(town.core, session, town.dispatcher, ticket, other, reason=WORDS)


async def withdrawn(town: City, number: str) -> None:
    await as_citizen(town, number, dispatching.withdraw, "已经解决")


async def invalid(town: City, number: str) -> None:
    await town.act(number, town.supervisor, exits.invalidate, code="test", reason="测试电话，没有内容")


async def dispatched(town: City, number: str) -> Assignment:
    return await town.dispatch(number)


async def with_co_unit(town: City, number: str) -> None:
    await town.act(
        number, town.dispatcher, dispatching.dispatch,
        unit_id=town.units["city"], mode=DispatchMode.PHONE, co_unit_ids=(town.units["water"],),
    )  # fmt: skip


async def return_asked(town: City, number: str) -> None:
    await town.by_unit(town.clerk, returns.ask, await dispatched(town, number), WORDS)


async def return_refused(town: City, number: str) -> None:
    await return_asked(town, number)
    await town.act(number, town.dispatcher, returns.decide, await pending(town), approve=False, note=WORDS)


async def signed(town: City, number: str) -> Assignment:
    assignment = await dispatched(town, number)
    await town.by_unit(town.clerk, assignments.sign, assignment)
    return assignment


async def working(town: City, number: str) -> Assignment:
    assignment = await signed(town, number)
    await town.by_unit(town.clerk, assignments.contact, assignment, way="phone", note=WORDS)
    return assignment


async def extension_asked(town: City, number: str) -> None:
    await request_of(town, town.clerk, await working(town, number), extension.ask, limit=Limit(1, "wd"), reason=WORDS, told=WORDS)


async def extension_consented(town: City, number: str) -> None:
    await extension_asked(town, number)
    await town.act(number, town.chief, requests.consent, await pending(town))


async def suspension_of(town: City, number: str, assignment: Assignment, reason: SuspensionReason) -> None:
    """Asked by the clerk, with the chief's consent."""
    values = {"reason_class": reason, "reason": WORDS, "told": WORDS, "review_on": town.clock.now().date().replace(day=28)}
    await request_of(town, town.clerk, assignment, suspension.ask, **values)
    await town.act(number, town.chief, requests.consent, await pending(town))


async def suspension_consented(town: City, number: str) -> None:
    await suspension_of(town, number, await working(town, number), SuspensionReason.WORKS)


async def suspended(town: City, number: str) -> None:
    await suspension_consented(town, number)
    await town.act(number, town.supervisor, suspension.decide, await pending(town), approve=True)


async def suspended_with_a_draft(town: City, number: str) -> None:
    assignment = await drafted(town, number)
    await suspension_of(town, number, assignment, SuspensionReason.LAW)
    await town.act(number, town.supervisor, suspension.decide, await pending(town), approve=True)


def overlap(town: City) -> dispute.Overlap:
    return dispute.Overlap((town.units["city"], town.units["water"]))


async def disputed(town: City, number: str) -> None:
    await dispatched(town, number)
    await town.act(number, town.dispatcher, dispute.open_dispute, WORDS, overlap(town))


async def disputed_while_working(town: City, number: str) -> None:
    await working(town, number)
    await town.act(number, town.dispatcher, dispute.open_dispute, WORDS, overlap(town))


async def drafted(town: City, number: str) -> Assignment:
    assignment = await working(town, number)
    await town.by_unit(town.clerk, assignments.draft_reply, assignment, GOOD_REPLY)
    return assignment


async def replied(town: City, number: str) -> None:
    await town.by_unit(town.chief, assignments.sign_off, await drafted(town, number))


async def sent_back(town: City, number: str) -> None:
    await replied(town, number)
    await town.act(number, town.dispatcher, callbacks.review, accept=False, note="写明复查的结果")


async def to_be_called(town: City, number: str) -> None:
    await replied(town, number)
    await town.accept(number)


async def into_procedure(town: City, number: str) -> None:
    assignment = await working(town, number)
    await town.by_unit(town.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, legal_procedure=LegalProcedure.LABOUR))
    await town.by_unit(town.chief, assignments.sign_off, assignment)
    await town.accept(number)


async def second_visit(town: City, number: str) -> None:
    await to_be_called(town, number)
    await as_citizen(town, number, callbacks.finish_callback, CallbackResult(Satisfaction.DISSATISFIED, solved=False, note=WORDS), by="web")


async def second_round(town: City, number: str) -> None:
    await second_visit(town, number)
    await town.act(number, town.callback, callbacks.decide_redo, cause="not_solved", rectification=WORDS)


async def closed(town: City, number: str) -> None:
    await to_be_called(town, number)
    await town.act(number, town.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))


async def closed_long_ago(town: City, number: str) -> None:
    await closed(town, number)
    town.clock.advance(days=8)


async def archived(town: City, number: str) -> None:
    await closed(town, number)
    town.clock.advance(days=8)
    async with town.database.transaction() as session:
        await take_step(town.core, session, SYSTEM, await row(session, number), "archive")


async def unsigned_late(town: City, number: str) -> None:
    """The time for signing is over: it is not returned any more."""
    await dispatched(town, number)
    town.clock.advance(days=1)


async def overdue(town: City, number: str) -> None:
    """No more time is given once it is late."""
    await working(town, number)
    town.clock.advance(days=20)


async def urged(town: City, number: str) -> None:
    await dispatched(town, number)
    for actor in (town.agent, town.dispatcher, town.supervisor, town.leader):
        await town.act(number, actor, urge, "请尽快办理")


async def suspended_with_co_unit(town: City, number: str) -> None:
    await with_co_unit(town, number)
    await suspend_lead(town, number)


async def suspend_lead(town: City, number: str) -> None:
    """The lead unit signs, and the matter is suspended at its wish."""
    async with town.database.transaction() as session:
        lead = (await session.scalars(select(Assignment).where(Assignment.lead).order_by(Assignment.id.desc()).limit(1))).one()
    await town.by_unit(town.clerk, assignments.sign, lead)
    await suspension_of(town, number, lead, SuspensionReason.FUNDS)
    await town.act(number, town.supervisor, suspension.decide, await pending(town), approve=True)


async def disputed_with_co_unit(town: City, number: str) -> None:
    await with_co_unit(town, number)
    await town.act(number, town.dispatcher, dispute.open_dispute, WORDS, overlap(town))


async def return_asked_then_disputed(town: City, number: str) -> None:
    await return_asked(town, number)
    await town.act(number, town.supervisor, dispute.open_dispute, WORDS, overlap(town))


async def suspension_asked_then_disputed(town: City, number: str) -> None:
    await suspension_consented(town, number)
    await town.act(number, town.supervisor, dispute.open_dispute, WORDS, overlap(town))


async def lead_replied(town: City, number: str) -> None:
    """The lead unit has replied, the other one not yet."""
    await with_co_unit(town, number)
    async with town.database.transaction() as session:
        lead = (await session.scalars(select(Assignment).where(Assignment.lead).order_by(Assignment.id.desc()).limit(1))).one()
    await town.handle(lead)


async def third_time(town: City, number: str) -> None:
    await third_time_registered(town, number)
    await dispatched(town, number)


async def third_time_registered(town: City, number: str) -> None:
    """The third return of a matter: the supervisor investigates."""
    for _time in range(2):
        earlier = (await town.register()).ticket.number
        await closed(town, earlier)
        later = (await town.register()).ticket.number if _time == 0 else number
        async with town.database.transaction() as session:
            ticket = await access_ticket(town.core, session, town.dispatcher, later, lock=True)
            before = await access_ticket(town.core, session, town.dispatcher, earlier, lock=True)
            before.round = 2
            await session.flush()
            await repeat.link(town.core, session, town.dispatcher, ticket, before)


LIVES: tuple[Life, ...] = (
    fresh, submitted, refusal_proposed, waits_for_citizen, citizen_silent, rejected, handed_to_110, answered, answer_refused, merged,
    withdrawn, invalid, dispatched, with_co_unit, return_asked, return_refused, signed, working, extension_asked, extension_consented,
    suspension_consented, suspended, suspended_with_a_draft, disputed, disputed_while_working, drafted, replied, sent_back,
    unsigned_late, overdue, urged, suspended_with_co_unit, disputed_with_co_unit, lead_replied,
    return_asked_then_disputed, suspension_asked_then_disputed, third_time_registered,
    to_be_called, into_procedure, second_visit, second_round, closed, closed_long_ago, archived, third_time,
)  # fmt: skip


async def row(session: AsyncSession, number: str) -> Ticket:
    return (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()


async def as_citizen(town: City, number: str, step: Callable[..., Awaitable[object]], *args: object, **values: object) -> None:
    async with town.database.transaction() as session:
        await step(town.core, session, citizen_actor(), await row(session, number), *args, **values)


async def pending(town: City) -> int:
    async with town.database.transaction() as session:
        return int(await session.scalar(select(Request.id).where(Request.state == "pending").order_by(Request.id.desc()).limit(1)) or 0)


async def request_of(town: City, actor: Actor, assignment: Assignment, ask: Callable[..., Awaitable[object]], **values: object) -> None:
    async with town.database.transaction() as session:
        part, ticket = await access_assignment(session, actor, assignment.id)
        await ask(town.core, session, actor, part, ticket, **values)


async def form_for(town: City, session: AsyncSession, actor: Actor, ticket: Ticket, action: str, other: str) -> dict[str, str]:
    """A form that is filled in well for this ticket, as a person with the page open would."""
    parts = list(await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id).order_by(Assignment.lead.desc())))
    own = [part for part in parts if part.unit_id == actor.unit_id and part.state not in ("returned", "cancelled")]
    if action in ("waive", "co_date"):
        own = [part for part in parts if not part.lead]
    asked = await session.scalar(select(Request.id).where(Request.ticket_id == ticket.id, Request.state == "pending").limit(1))
    part = (own or parts or [None])[0]
    plain = dict.fromkeys(
        ("note", "reason", "text", "measures", "basis", "contact_note", "explanation", "answer", "missing", "told", "grounds", "findings",
         "rectification", "cause_note", "demands", "evidence", "what", "result", "instruction", "legal_way", "title"),
        WORDS,
    )  # fmt: skip
    return {
        **plain, "assignment": str(part.id if part else 1), "request": str(asked or 1), "unit_id": str(town.units["city"]),
        "category_code": "0501", "urgency": "urgent", "confidentiality": "masked", "mode": "phone", "way": "phone",
        "facts": WORDS if action == "false_reply" else "true", "target": "110", "taken_over": "no", "accept": "yes", "approve": "yes",
        "code": "litigation", "reason_class": "works", "review_on": "2026-12-20", "limit_value": "1", "limit_unit": "wd",
        "hand_over": "no", "by_leader": "no",
        "false_reply": "no", "excluded": "yes", "cause": "not_solved", "days": "3", "colour": "yellow",
        "receiver": "接警员0317", "outcome": "no_answer", "satisfaction": "satisfied", "attitude": "good", "contacted": "yes",
        "solved": "yes", "due_at": "2026-12-20",
        "co_until": (town.clock.now() + timedelta(minutes=1)).isoformat(), "master": other, "earlier": other, "return_call": "1",
        **({"unit_id": str(town.units["brigade"])} if action == "pass_on" else {}),
        **({"code": "empty"} if action == "invalidate" else {}),
    }  # fmt: skip


NEEDS_MORE = {"name", "merge", "link_repeat", "upload"}
"""Offered to whoever may, and refused by what only the form can say: which people, which other ticket."""


async def tried(town: City, session: AsyncSession, actor: Actor, number: str, action: str, other: str) -> str:
    """Empty when the step was taken; else why not. Nothing of it stays."""
    trial = await session.begin_nested()
    try:
        acting = ensure(actor, PERMISSIONS[action])
        ticket = await access_ticket(town.core, session, acting, number, lock=True)
        form = await form_for(town, session, acting, ticket, action, other)
        many = {
            "gates": ["law", "wording", "signoff", "letter"],
            "user_ids": [str(town.supervisor.user_id)],
            "unit_ids": list(map(str, overlap(town).unit_ids)),
        }
        await HANDLERS[action](Step(town.core, session, acting, ticket, form, lambda name: many.get(name, [])))
        await session.flush()
        return ""
    except InvalidInput as error:
        return f"invalid: {error.errors or error}"
    except HotlineError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await trial.rollback()
        session.expire_all()


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
async def test_what_is_offered_is_what_is_accepted(town: City, life: Life) -> None:
    number = (await town.register()).ticket.number
    other = (await town.register()).ticket.number
    await life(town, number)
    wrong: list[str] = []
    for login in PEOPLE:
        actor = town.people[login]
        async with town.database.transaction() as session:
            try:
                offered = set(
                    actions_of(await load_page(town.core, session, actor, await access_ticket(town.core, session, actor, number)), actor)
                )
            except HotlineError:
                offered = set()
        for action in sorted(set(HANDLERS) - NEEDS_MORE):
            async with town.database.transaction() as session:
                why = await tried(town, session, actor, number, action, other)
            if (why == "") != (action in offered):
                wrong.append(f"{login} {action}: {'taken, not offered' if why == '' else 'offered, but ' + why}")
    assert not wrong, "\n".join(wrong)


def test_every_state_is_met() -> None:
    """The lives above are named after what they lead to; the ones that end somewhere new are here for that."""
    assert len({life.__name__ for life in LIVES}) == len(LIVES)
