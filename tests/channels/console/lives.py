"""Every life of a ticket that leads to another choice of steps: brought there by the people who do that.

A function takes the small city and the number of a fresh ticket; `LIVES` has them all, named after what they lead to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, LegalProcedure
from ticketing.assignment.service import access_assignment
from ticketing.callback import service as callbacks
from ticketing.callback.service import CallbackResult
from ticketing.deadline.limits import Limit
from ticketing.people.actor import SYSTEM, Actor, citizen_actor
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
