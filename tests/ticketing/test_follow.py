"""What people whose tickets were merged are told: of every event of the master, and never of the master's citizen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from hotline.clock import to_city
from hotline.errors import IllegalStep
from hotline.events import Event, history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import procedure
from ticketing.assignment import service as assignments
from ticketing.assignment.models import LegalProcedure
from ticketing.callback import service as callbacks
from ticketing.callback.redo import reopen
from ticketing.callback.service import CallbackResult
from ticketing.citizen.models import Citizen
from ticketing.deadline.limits import Limit
from ticketing.notice.service import notices_of, text_of
from ticketing.people.actor import citizen_actor
from ticketing.relation import merge
from ticketing.relation.follow import FOLLOWED
from ticketing.relation.links import access_other
from ticketing.request import extension, suspension
from ticketing.request import service as requests
from ticketing.request.states import SuspensionReason
from ticketing.supervision import sweep
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket import exits, refusal
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction

PRIVATE = "周女士住在3栋402"
"""Stands in every free text that is about the master's citizen."""
DISSATISFIED = CallbackResult(Satisfaction.DISSATISFIED, solved=False, note=f"{PRIVATE}，还在施工")
SATISFIED = CallbackResult(Satisfaction.SATISFIED, solved=True, note=PRIVATE)
ANSWER = "夜间施工要有证明，可以拨打12345反映，执法队会到现场检查。"


async def pair(city: City) -> tuple[str, str]:
    """A master, and a ticket of somebody else that was merged into it."""
    master = (await city.register(title="工地夜间施工", content=f"{PRIVATE}，工地夜间施工")).ticket.number
    other = (await city.register(title="半夜打桩", name="李先生", phone="13900002717")).ticket.number
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, other, lock=True)
        into = await access_other(city.core, session, city.dispatcher, ticket, master)
        await merge.merge(city.core, session, city.dispatcher, ticket, into, reason="同一处工地的夜间施工")
    return master, other


async def told(city: City, number: str) -> list[tuple[str, str]]:
    """Template and words of every notice after the merging."""
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        citizen = await session.get_one(Citizen, ticket.citizen_id)
        found = [(notice.template, text_of(city.core, notice, citizen)) for notice in reversed(await notices_of(session, ticket))]
    return found[2:]


async def written(city: City, number: str) -> list[Event]:
    """The events under the number after the merging."""
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        found = await history(session, "ticket", ticket.id)
    names = [event.name for event in found]
    return list(found[names.index("ticket.merged") + 1 :])


async def as_citizen(city: City, number: str, step: Callable[..., Awaitable[object]], *args: object, **more: object) -> None:
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        await step(city.core, session, citizen_actor(), ticket, *args, **more)


async def dispatched(city: City, number: str) -> None:
    await city.dispatch(number)


async def suspended(city: City, number: str) -> None:
    assignment = await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.clerk, number, lock=True)
        asked = await suspension.ask(
            city.core, session, city.clerk, await session.merge(assignment), ticket, reason_class=SuspensionReason.WORKS,
            reason=f"{PRIVATE}，管网改造完工后才能修复路面", told=f"已电话告诉{PRIVATE}",
            review_on=to_city(city.clock.now()).date() + timedelta(days=30),
        )  # fmt: skip
    await city.act(number, city.chief, requests.consent, asked.id)
    await city.act(number, city.supervisor, suspension.decide, asked.id, approve=True, note=PRIVATE)


async def resumed(city: City, number: str) -> None:
    await suspended(city, number)
    await city.act(number, city.supervisor, suspension.resume, note=PRIVATE)


async def extended(city: City, number: str) -> None:
    assignment = await city.dispatch(number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.clerk, number, lock=True)
        asked = await extension.ask(
            city.core, session, city.clerk, await session.merge(assignment), ticket, limit=Limit(1, "wd"),
            reason=f"{PRIVATE}，要等检测报告，已经取样", told=f"已告诉{PRIVATE}要等检测报告",
        )  # fmt: skip
    await city.act(number, city.chief, requests.consent, asked.id)
    await city.act(number, city.supervisor, extension.decide, asked.id, approve=True, note=PRIVATE)


async def handed_to_119(city: City, number: str) -> None:
    await city.act(number, city.agent, exits.transfer_emergency, target="119", note=PRIVATE)


async def taken_over(city: City, number: str) -> None:
    await handed_to_119(city, number)
    await city.act(number, city.agent, exits.follow_emergency, taken_over=True, receiver="0427号", note=PRIVATE)


async def part_remains(city: City, number: str) -> None:
    await handed_to_119(city, number)
    await city.act(number, city.agent, exits.follow_emergency, taken_over=False, receiver="0427号", note=PRIVATE)


async def answered(city: City, number: str) -> None:
    await city.act(number, city.agent, dispatching.answer, ANSWER)


async def rated(city: City, number: str) -> None:
    await answered(city, number)
    await as_citizen(city, number, callbacks.finish_callback, SATISFIED, by="web")


async def answer_refused(city: City, number: str) -> None:
    await answered(city, number)
    await as_citizen(city, number, callbacks.finish_callback, DISSATISFIED, by="web")


async def replied(city: City, number: str) -> None:
    await city.handle(await city.dispatch(number))
    await city.accept(number)


async def redone(city: City, number: str) -> None:
    await replied(city, number)
    result = replace(DISSATISFIED, cause="not_solved", rectification=f"请给{PRIVATE}回电话")
    await city.act(number, city.callback, callbacks.finish_callback, result)


async def closed(city: City, number: str) -> None:
    await replied(city, number)
    await city.act(number, city.callback, callbacks.finish_callback, SATISFIED)


async def closed_disputed(city: City, number: str) -> None:
    await replied(city, number)
    evidence = f"{PRIVATE}要求赔偿，没有法律依据，已当面向她说明"
    await city.act(number, city.supervisor, callbacks.close_disputed, evidence=evidence, explanation=evidence)


async def reopened(city: City, number: str) -> None:
    await closed(city, number)
    await as_citizen(city, number, reopen, f"{PRIVATE}，昨晚又开始施工")


async def concluded(city: City, number: str) -> None:
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note=PRIVATE)
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, legal_procedure=LegalProcedure.PENALTY))
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.accept(number)
    await city.by_unit(city.clerk, procedure.conclude, assignment, "已对施工单位立案处罚，罚款两万元。")


TABLE = [
    ("ticket.dispatched", dispatched, "ticket.dispatched", "dispatched", "已转市城市管理局办理，预计11月23日24:00前答复您"),
    ("ticket.suspended", suspended, "ticket.suspended", "suspended", "暂缓办理。原因："),
    ("ticket.resumed", resumed, "ticket.resumed", "resumed", "已恢复办理，预计11月23日24:00前答复您"),
    ("extension.approved", extended, "extension.approved", "extended", "预计11月24日24:00前答复您。给您添麻烦了，请谅解。"),
    ("ticket.emergency_transferred", handed_to_119, "ticket.emergency_transferred", "emergency", "已立即转119处置"),
    ("ticket.emergency_followed", taken_over, "ticket.closed", "followed_closed", "已办结"),
    ("ticket.emergency_followed", part_remains, "ticket.goes_on", "followed_goes_on", "还在继续办理。进度"),
    ("ticket.answered", answered, "ticket.answered", "followed_result", ANSWER),
    ("ticket.evaluated", rated, "ticket.closed", "followed_closed", "我们会单独为您办理"),
    ("ticket.evaluated", answer_refused, "ticket.goes_on", "followed_goes_on", "还在继续办理。进度"),
    ("reply.accepted", replied, "reply.accepted", "followed_result", "已责令工地停止夜间施工"),
    ("procedure.concluded", concluded, "procedure.concluded", "procedure_result", "已对施工单位立案处罚"),
    ("ticket.redo", redone, "ticket.goes_on", "followed_goes_on", "还在继续办理，预计11月19日24:00前答复您"),
    ("ticket.reopened", reopened, "ticket.goes_on", "followed_goes_on", "还在继续办理，预计11月19日24:00前答复您"),
    ("ticket.closed", closed, "ticket.closed", "followed_closed", "已办结"),
    ("ticket.closed_disputed", closed_disputed, "ticket.closed", "followed_closed", "已办结"),
]
"""The master's event, the life that leads to it, the event under the follower's number, the notice and words of it."""


@pytest.mark.parametrize(("event", "life", "name", "key", "words"), TABLE, ids=[f"{row[0]}-{row[1].__name__}" for row in TABLE])
async def test_what_a_follower_is_told(
    city: City, event: str, life: Callable[[City, str], Awaitable[None]], name: str, key: str, words: str
) -> None:
    master, other = await pair(city)
    await life(city, master)
    template, text = (await told(city, other))[-1]
    assert (template, words in text) == (key, True), (template, text)
    assert other in text
    events = await written(city, other)
    assert (events[-1].name, events[-1].public, events[-1].data["master"]) == (name, True, master)
    private = ("周女士", "402", "不满意", "法律依据", "又开始施工")
    everything = [text for _key, text in await told(city, other)] + [str(each.data) for each in events]
    assert [part for text in everything for part in private if part in text] == []


def test_every_event_that_is_followed_stands_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(FOLLOWED)


@pytest.mark.parametrize("step", ["reject", "propose", "invalidate", "withdraw", "close_no_contact"])
async def test_what_ends_the_matter_for_one_citizen_alone_asks_to_split_the_others_off_first(city: City, step: str) -> None:
    master, other = await pair(city)
    if step == "close_no_contact":
        for _time in range(2):
            await city.act(master, city.dispatcher, dispatching.request_info, "请补充工地的名称和施工时间")
            city.clock.advance(days=9)
            await sweep.run(city.core, city.database)
    run: dict[str, Callable[[], Awaitable[object]]] = {
        "reject": lambda: city.act(master, city.dispatcher, refusal.reject, code="litigation"),
        "propose": lambda: city.act(master, city.agent, refusal.propose, code="litigation"),
        "invalidate": lambda: city.act(master, city.supervisor, exits.invalidate, code="test"),
        "withdraw": lambda: as_citizen(city, master, dispatching.withdraw, "已经解决"),
        "close_no_contact": lambda: city.act(master, city.dispatcher, exits.close_no_contact, note="两次短信都没有回音"),
    }
    with pytest.raises(IllegalStep, match="其他市民"):
        await run[step]()
    await city.act(other, city.dispatcher, merge.unmerge, reason="另一家工地，不是同一件事")
    await run[step]()
    assert await told(city, other) != []  # that it is handled alone now
    async with city.database.transaction() as session:
        left = await session.scalar(select(Ticket.state).where(Ticket.number == other))
    assert left == "registered"


async def test_a_follower_that_was_split_off_again_has_no_step_of_the_master_on_its_way(city: City) -> None:
    from channels.portal.progress import Facts, steps

    master, other = await pair(city)
    await redone(city, master)
    await city.act(other, city.dispatcher, merge.unmerge, reason="另一家工地，不是同一件事")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == other))).one()
        events = tuple(event for event in await history(session, "ticket", ticket.id) if event.public)
    lines = [line.text for step in steps(Facts(ticket, events, "", (), {})) for line in step.lines]
    assert [line for line in lines if line.startswith(("已派单", "您不满意", "答复已审核"))] == []


async def test_who_is_merged_while_the_citizen_is_called_back_is_told_the_answer_at_once(city: City) -> None:
    """«办理结果会同样告诉您» was promised; the answer had been told before, and only the end followed."""
    master, other = await pair(city)
    assignment = await city.dispatch(master)
    await city.handle(assignment)
    await city.accept(master)
    late = (await city.register(title="夜里吵", name="赵女士", phone="13900002718")).ticket.number
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.dispatcher, late, lock=True)
        into = await access_other(city.core, session, city.dispatcher, ticket, master)
        await merge.merge(city.core, session, city.dispatcher, ticket, into, reason="同一处工地的夜间施工")
    assert [template for template, _words in await told(city, late)][-1] == "followed_result"
    assert GOOD_REPLY.measures in (await told(city, late))[-1][1]
    assert [template for template, _words in await told(city, other)].count("followed_result") == 1  # who knows it is not told again
