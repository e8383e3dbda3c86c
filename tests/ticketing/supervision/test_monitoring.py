"""Monitoring rules: what they find, what they do not, how fast, and what people decide on it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Reply
from ticketing.assignment.service import access_assignment
from ticketing.callback import service as callbacks
from ticketing.deadline.limits import Limit
from ticketing.deadline.models import Deadline
from ticketing.relation import investigation
from ticketing.relation.models import Investigation
from ticketing.request import extension
from ticketing.supervision import false_reply, findings, nightly
from ticketing.supervision.likeness import bands, likeness, own_words, shingles
from ticketing.supervision.models import Card
from ticketing.supervision.suspicions import Finding, HandOver, ReplyPrint, Rule
from ticketing.ticket.access import reveal
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Satisfaction

OTHER = "供水管网抢修队连夜更换了破损的阀门，凌晨四点恢复供水，今后每季度检查一次管线。"


async def rules_found(city: City) -> list[str]:
    async with city.database.transaction() as session:
        return list(await session.scalars(select(Finding.rule).order_by(Finding.id)))


async def handled(city: City, *, measures: str = GOOD_REPLY.measures, contact: bool = True, minutes: float = 60, **fields: object) -> str:
    """A ticket handled by the unit up to the sign-off, with this reply."""
    number = (await city.register(**fields)).ticket.number
    part = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, part)
    city.clock.advance(minutes=minutes)
    if contact:
        await city.by_unit(city.clerk, assignments.contact, part, way="phone", note="已与市民通话，说明今晚检查")
    await city.by_unit(city.clerk, assignments.draft_reply, part, replace(GOOD_REPLY, measures=measures))
    await city.by_unit(city.chief, assignments.sign_off, part)
    return number


async def close(city: City, number: str, *, look: bool = True, contacted: bool = True) -> None:
    await city.accept(number)
    if look:
        await city.act(number, city.callback, reveal, "回访核实办理结果")
    result = callbacks.CallbackResult(Satisfaction.SATISFIED, solved=True, contacted=contacted)
    await city.act(number, city.callback, callbacks.finish_callback, result)


async def test_honest_handling_leaves_no_finding(city: City) -> None:
    await close(city, await handled(city))
    assert await rules_found(city) == []


async def test_a_reply_that_mostly_quotes_the_complaint_is_too_short(city: City) -> None:
    complaint = "江畔花园北门工地每天夜里十一点以后还在施工，噪音很大，孩子没法睡觉，影响休息"
    await handled(city, measures=f"您反映的{complaint}的问题已收悉，已经办理。", content=complaint)
    assert "short_reply" in await rules_found(city)


async def test_phrases_that_answer_nothing_are_found_though_they_pass_the_gate(city: City) -> None:
    await handled(city, measures="我单位高度重视，已安排专人跟进，请耐心等待，下一步将加强日常管理和巡查力度，不断提升水平。")
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding).where(Finding.rule == "brush_off"))).one()
    assert finding.data["phrases"] == ["请耐心等待", "下一步将加强"]
    assert (finding.unit_id, finding.user_id) == (city.units["city"], city.clerk.user_id)


async def test_signed_and_answered_within_two_minutes_is_found_and_after_two_minutes_not(city: City) -> None:
    await handled(city, minutes=1.9)
    assert "instant" in await rules_found(city)
    async with city.database.transaction() as session:
        await session.delete((await session.scalars(select(Finding))).one())
    await handled(city, minutes=2, measures=OTHER)
    assert await rules_found(city) == []


async def test_the_same_text_the_third_time_is_found_whatever_its_dates_and_numbers(city: City) -> None:
    text = "执法队{}到场检查，已责令工地停止夜间施工，并约谈项目负责人，处罚款{}元，安排连续三晚巡查。"
    first = await handled(city, measures=text.format("11月18日晚", "20000"))
    second = await handled(city, measures=text.format("11月19日晚", "5000"))
    assert await rules_found(city) == []
    await handled(city, measures=OTHER)
    await handled(city, measures=text.format("11月21日晚", "8000"))
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding))).one()
    assert (finding.rule, finding.data["times"]) == ("same_text", 3)
    assert set(finding.data["tickets"]) == {first, second}


async def test_the_same_text_after_ninety_days_is_a_new_one(city: City) -> None:
    await handled(city)
    await handled(city)
    city.clock.advance(days=91)
    await handled(city)
    assert await rules_found(city) == []


async def test_closed_without_contact_is_found(city: City) -> None:
    await close(city, await handled(city, contact=False))
    assert await rules_found(city) == ["no_contact"]


async def test_an_anonymous_citizen_cannot_be_contacted_and_nobody_is_blamed(city: City) -> None:
    number = await handled(city, contact=False, anonymous=True, name="", phone="", contact_by="none")
    await city.accept(number)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        ticket.state, ticket.closed_at, ticket.no_callback_reason = "closed", city.clock.now(), "anonymous"
    await nightly.monitor(city.core, city.database)
    assert "no_contact" not in await rules_found(city)


async def test_a_contact_that_the_citizen_knows_nothing_of_is_found(city: City) -> None:
    await close(city, await handled(city), contacted=False)
    assert await rules_found(city) == ["contact_denied"]


async def test_a_callback_by_somebody_who_never_looked_at_the_number_is_found(city: City) -> None:
    await close(city, await handled(city), look=False)
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding))).one()
    assert (finding.rule, finding.unit_id, finding.user_id) == ("callback_without_call", None, city.callback.user_id)


async def test_the_nightly_run_finds_what_was_missed_and_nothing_twice(city: City) -> None:
    number = await handled(city, contact=False, minutes=1)
    await close(city, number)
    assert sorted(await rules_found(city)) == ["instant", "no_contact"]
    async with city.database.transaction() as session:
        for finding in await session.scalars(select(Finding)):
            await session.delete(finding)
    looked = await nightly.monitor(city.core, city.database)
    assert (looked.replies, looked.closed, looked.found) == (1, 1, 2)
    assert (await nightly.monitor(city.core, city.database)).found == 0
    assert sorted(await rules_found(city)) == ["instant", "no_contact"]


async def test_the_unit_does_not_read_on_the_ticket_that_it_is_looked_at(city: City) -> None:
    await handled(city, minutes=1)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket))).one()
        finding = (await session.scalars(select(Finding))).one()
        assert not [event for event in await history(session, "ticket", ticket.id) if "monitor" in event.name]
        assert [event.name for event in await history(session, "finding", finding.id)] == ["monitor.found"]
        for person in (city.clerk, city.chief, city.dispatcher):
            assert await findings.list_findings(city.core, session, person) == []
        (line,) = await findings.list_findings(city.core, session, city.supervisor)
        assert (line.number, line.unit) == (ticket.number, "市城市管理局")


async def test_a_failing_rule_never_keeps_a_unit_from_answering(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    from ticketing.supervision import heed

    async def broken(*_args: object) -> None:
        raise RuntimeError("a rule with a mistake")

    monkeypatch.setitem(heed.HEEDERS, "assignment.replied", broken)
    number = await handled(city)
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Ticket.state).where(Ticket.number == number))).one() == "reply_review"


async def decide(city: City, person: str, outcome: str, note: str = "已核对办理记录和通话记录，情况属实，单位承认") -> None:
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding.id))).one()
        await findings.decide(city.core, session, city.people[person], finding, outcome=outcome, note=note)


async def test_a_finding_is_dismissed_with_a_reason_or_confirmed_with_a_card(city: City) -> None:
    await handled(city, minutes=1)
    with pytest.raises(NotAllowed):
        await decide(city, "chief", "dismiss")
    with pytest.raises(InvalidInput):
        await decide(city, "supervisor", "dismiss", "没事")
    with pytest.raises(InvalidInput):
        await decide(city, "supervisor", "shoot")
    await decide(city, "supervisor", "yellow")
    with pytest.raises(IllegalStep):
        await decide(city, "supervisor", "dismiss")
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding))).one()
        card = (await session.scalars(select(Card))).one()
        assert (finding.state, finding.card_id, card.reason, card.colour) == ("confirmed", card.id, "finding", "yellow")
        with pytest.raises(NotFound):
            await findings.decide(city.core, session, city.supervisor, 999, outcome="dismiss", note="没有这一条，不应当能够处理")


async def test_a_false_reply_brings_a_red_card_and_a_record_for_the_discipline_organ(city: City) -> None:
    number = await handled(city, minutes=1)
    await decide(city, "supervisor", "false_reply", "答复称已巡查三晚，调取监控显示三晚均无人到场，执法记录系事后补写")
    async with city.database.transaction() as session:
        (line,) = await false_reply.list_hand_overs(city.core, session, city.supervisor)
        assert (line.record.number, line.ticket_number, line.record.state) == ("YJ-2026-00001", number, "sent")
        assert line.record.persons == "、".join(person.label for person in (city.chief, city.clerk))
        card = (await session.scalars(select(Card))).one()
        assert (card.colour, card.reason, line.record.card_id) == ("red", "false_reply", card.id)
        assert await false_reply.list_hand_overs(city.core, session, city.chief) == []
    with pytest.raises(IllegalStep):
        await city.act(
            number,
            city.supervisor,
            false_reply.establish,
            unit_id=city.units["city"],
            facts="答复称已巡查三晚，监控显示三晚都没有人到过现场",
        )
    async with city.database.transaction() as session:
        await false_reply.answered(city.core, session, city.supervisor, "YJ-2026-00001", "已立案，主要负责人诫勉谈话")
        assert (await session.scalars(select(HandOver.state))).one() == "answered"


async def test_a_false_reply_needs_facts_a_reply_and_a_supervisor(city: City) -> None:
    number = (await city.register()).ticket.number
    await city.dispatch(number)
    facts = "答复称已巡查三晚，监控显示三晚均没有人到场"
    with pytest.raises(InvalidInput):  # nothing was answered yet
        await city.act(number, city.supervisor, false_reply.establish, unit_id=city.units["city"], facts=facts)
    with pytest.raises(InvalidInput):
        await city.act(number, city.supervisor, false_reply.establish, unit_id=city.units["city"], facts="假的")
    with pytest.raises(NotAllowed):
        await city.act(number, city.dispatcher, false_reply.establish, unit_id=city.units["city"], facts=facts)


async def test_the_same_text_is_found_fast_among_many_replies_of_a_unit(city: City) -> None:
    """Ten thousand replies with other words: looking for the likeness reads a handful of them."""
    await handled(city)
    async with city.database.transaction() as session:
        part = (await session.scalars(select(Assignment))).one()
        ticket_id = part.ticket_id
        common = {"round": 1, "facts": "true", "author_id": city.clerk.user_id, "written_at": city.clock.now(), "assignment_id": part.id}
        texts = [f"{n}号管线" + "".join(chr(0x4E00 + (n * 37 + i * i * 13) % 20000) for i in range(40)) for n in range(3000)]
        rows = await session.scalars(insert(Reply).returning(Reply.id), [{**common, "measures": text} for text in texts])
        prints = [
            {"reply_id": reply_id, "ticket_id": ticket_id, "at": city.clock.now(), "bands": bands(shingles(text), str(part.unit_id))}
            for reply_id, text in zip(rows, texts, strict=True)
        ]
        await session.execute(insert(ReplyPrint), prints)
    began = time.process_time()
    await handled(city)
    await handled(city)
    assert time.process_time() - began < 5  # two whole journeys; reading 3,000 texts twice would take much longer than the steps
    assert "same_text" in await rules_found(city)


def test_own_words_are_what_is_left_without_quotations() -> None:
    assert own_words("您反映的路灯整夜不亮一事，已更换灯头。", "滨河路的路灯整夜不亮一事请处理", 6) == "您反映已更换灯头"
    assert own_words("已更换灯头", "", 6) == "已更换灯头"
    assert own_words("", "路灯", 6) == ""


def test_likeness_does_not_mind_numbers_signs_and_width() -> None:
    one = shingles("执法队１１月１８日到场，罚款20000元。")
    assert likeness(one, shingles("执法队11月19日到场 罚款500元")) == 1
    assert likeness(one, shingles(OTHER)) == 0
    assert set(bands(one, "1")) & set(bands(shingles("执法队3月1日到场,罚款1元!"), "1"))
    assert not set(bands(one, "1")) & set(bands(one, "2"))  # another unit


def test_the_bands_of_a_text_never_change() -> None:
    """They are stored: a change of the arithmetic would make old replies invisible."""
    assert bands(shingles("执法队到场检查，已责令停工。"), "1") == bands(shingles("执法队到场检查 已责令停工"), "1")
    assert bands(shingles("执法队到场检查，已责令停工。"), "1")[0] == 1643133366009024691


def test_the_rules_are_data_and_a_mistake_is_named() -> None:
    from ticketing.supervision.rules import RuleError, load, parse

    law = load()
    assert law.monitoring.same_text.times == 3
    raw = {"version": 1, "cards": {"points": {"yellow": 1}, "yellows_for_red": 2, "rectification_days": 5}}
    with pytest.raises(RuleError, match="urging"):
        parse(raw)
    assert {rule.value for rule in Rule} >= {"no_contact", "short_reply", "same_text", "brush_off"}


async def test_an_extension_asked_for_in_the_last_hour_is_found(city: City) -> None:
    part = await city.dispatch((await city.register()).ticket.number)
    await city.by_unit(city.clerk, assignments.sign, part)
    async with city.database.transaction() as session:
        due = (await session.scalars(select(Deadline.due_at).where(Deadline.kind == "handle"))).one()
    city.clock.set(due - timedelta(minutes=59))
    async with city.database.transaction() as session:
        found, ticket = await access_assignment(session, city.clerk, part.id)
        values: dict[str, Any] = {"limit": Limit(1, "wd"), "reason": "检测报告要后天才能出具", "told": "已电话向市民说明"}
        await extension.ask(city.core, session, city.clerk, found, ticket, **values)
    async with city.database.transaction() as session:
        finding = (await session.scalars(select(Finding))).one()
    assert (finding.rule, finding.data["seconds"]) == ("last_minute", 59 * 60)


async def test_an_investigation_that_finds_a_false_reply_hands_it_over_by_itself(city: City) -> None:
    number = await handled(city)
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number).with_for_update())).one()
        session.add(Investigation(ticket_id=ticket.id, level=3, opened_at=city.clock.now()))
    await city.act(number, city.supervisor, investigation.take)
    facts = "督办三个夜晚到场核查，施工照旧，执法记录系事后补写，答复称已责令停工不属实。"
    await city.act(number, city.supervisor, investigation.conclude, findings=facts, false_reply=True)
    async with city.database.transaction() as session:
        (line,) = await false_reply.list_hand_overs(city.core, session, city.supervisor)
        assert (line.ticket_number, line.record.facts, line.unit) == (number, facts, "市城市管理局")
        assert [(card.colour, card.reason) for card in await session.scalars(select(Card))] == [("red", "false_reply")]
