"""Every indicator on the month that was counted by hand (see `month`): the figure, and the list behind it."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.ticketing.conftest import City
from ticketing.callback.models import CallbackTask
from ticketing.statistics.drill import Part, drill
from ticketing.statistics.figures import compute, total
from ticketing.statistics.indicator import Measure
from ticketing.statistics.indicators import BY_KEY, INDICATORS
from ticketing.statistics.period import parse
from ticketing.statistics.scope import CITY
from ticketing.ticket import refusal_reasons
from ticketing.ticket.models import Ticket

NOVEMBER = parse("2026-11")
EXPECTED: dict[str, tuple[float, float]] = {
    # received in November: T1-T6, T8-T13, T15 = 13 (T7 is invalid; T14 is October's, T16 December's)
    "received": (13, 13),
    "accepted": (12, 12),  # T6 was refused
    "direct": (2, 12),  # T4, T5
    "closed": (8, 12),  # T1 T2 T3 T4 T10 T12 T13, and T8 with its master T1
    "repeated": (1, 12),  # T9
    "refused": (1, 13),  # T6
    **{f"refused_{code}": (int(code == "litigation"), 1) for code in refusal_reasons.load()},
    # assigned in November: T1 T2 T3 T9 (W) T9 (C) T10 T11 T12 T13 = 9
    "assigned": (9, 9),
    "dispatch_right": (7, 8),  # first dispatches: all but T9's second; only T9's first came back
    "signed": (7, 8),  # T1 T2 T3 T9 T10 T11 T12 T13; T2 late; the returned one does not count
    "contacted": (6, 7),  # the same without the anonymous T13; T9 was never contacted
    "responded": (6, 8),  # T2 signed late, T9 not contacted
    "returned": (1, 9),
    "routed": (7, 7),  # closed in November and dispatched: T1 T2 T3 T10 T12 T13 T14
    # handling due in November: T1 T2 T2' T3 T9 T10 T12 T13 T14 = 9 (T11 is paused)
    "on_time": (7, 9),  # T2's first round late, T9 still open
    "on_time_original": (6, 9),  # T3 only with its extension
    "feedback": (5, 7),  # T1 T2 T3 T9 T10 T12 T14 (T13 is anonymous); T2 told two days late, T9 not at all
    "extended": (1, 9),  # T3
    "suspended": (1, 9),  # T11
    "speed_up": (170, 8),  # 50 - 50 + 20 - 20 + 50 + 50 + 20 + 50
    "redone": (1, 8),  # closed in November: T1 T2 T3 T4 T10 T12 T13 T14; T2 once
    "first_pass": (6, 7),  # accepted: T1 T2 T3 T10 T12 T13 T14; T3 was sent back once
    "complaints": (1, 8),  # T12
    "complaints_upheld": (1, 1),
    "complaints_satisfied": (0, 1),
    "abnormal": (1, 8),  # T12
    "yellow": (2, 2),  # T2, T9
    "red": (1, 1),  # T9
    "yellow_share": (2, 9),
    "red_share": (1, 9),
    # callbacks due in November: T1 T2 T2' T3 T10 T12 T14 = 7
    "callback_tried": (7, 7),
    "callback_reached": (6, 7),  # T3 was not reached
    # ratings: T1 T2 T2' T4 T10 T14, and T12, which is left out
    "solved": (4, 5),  # T4 is a question, nothing to solve; T2's first round was not solved
    "declared": (6, 7),  # T13 could not be verified
    "satisfied": (5, 6),
    "very_satisfied": (2, 6),  # T1, T14
    "calls": (6, 6),
    "answered": (3, 5),  # call 5 was too short; 1 by the bot, 2 and 3 by a person
    "answered_15s": (1, 4),  # queued 2 3 4 6; call 2 after ten seconds
    "abandoned": (3, 5),  # queued 2 3 4 5 6; nobody came for 4 5 6
    "wait": (203, 5),  # 10 + 30 + 60 + 3 + 100
    "wait_p95": (92, 5),  # 3 10 30 60 100: four fifths of the way from 60 to 100
    "talk": (793, 6),  # 100 + 200 + 300 + 65 + 8 + 120
    "talk_p95": (275, 6),  # 8 65 100 120 200 300: three quarters of the way from 200 to 300
    "called_back": (1, 2),
    "quality_checked": (3, 3),
    "quality_score": (170, 3),  # 80 + 90 + 0
    "quality_fatal": (1, 3),
    "quality_upheld": (1, 1),  # of the appeals decided; one is open
    "sessions": (7, 7),  # six calls and a chat
    "self_solved": (1, 7),  # call 1; the chat led to T4
    "handed_over": (5, 7),  # calls 2 to 6
    "questions": (3, 3),
    "gaps": (2, 3),
    "unanswered": (1, 3),
    "wrong_answers": (1, 2),
}


def test_every_indicator_has_an_example() -> None:
    assert set(EXPECTED) == set(BY_KEY)


async def test_each_figure_is_what_was_counted_by_hand(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        figures = await total(city.core, session, CITY, NOVEMBER, INDICATORS)
    assert {key: (figure.numerator, figure.denominator) for key, figure in figures.items()} == EXPECTED


async def test_the_list_behind_each_figure_counts_the_same(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        figures = await total(city.core, session, CITY, NOVEMBER, INDICATORS)
        for key, figure in figures.items():
            above = await drill(city.core, session, city.supervisor, BY_KEY[key], NOVEMBER, part=Part.NUMERATOR)
            below = await drill(city.core, session, city.supervisor, BY_KEY[key], NOVEMBER, part=Part.DENOMINATOR)
            assert below.count == figure.denominator, key
            if BY_KEY[key].measure is not Measure.P95:
                assert above.amount == pytest.approx(figure.numerator), key
            assert above.count <= below.count or BY_KEY[key].value, key
            assert len(below.items) + below.hidden == below.count, key


async def test_the_list_names_exactly_the_tickets(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        late = await drill(city.core, session, city.supervisor, BY_KEY["on_time"], NOVEMBER, part=Part.DENOMINATOR)
        good = await drill(city.core, session, city.supervisor, BY_KEY["on_time"], NOVEMBER)
    # T10 is secret: counted, not shown
    assert sorted(item.title[:3].strip() for item in good.items if item.title) == ["T1", "T12", "T13", "T14", "T2", "T3"]
    assert good.hidden == 1
    assert late.count == 9


async def test_reviewed_tickets_are_left_out_and_published(city: City, month: dict[str, Ticket]) -> None:
    async with city.database.transaction() as session:
        figures = await total(city.core, session, CITY, NOVEMBER, [BY_KEY["satisfied"], BY_KEY["solved"]])
    assert (figures["satisfied"].excluded, figures["solved"].excluded) == (1, 1)
    assert figures["satisfied"].value == pytest.approx(83.333, abs=0.001)


async def test_who_was_reached_and_would_not_rate_counts_as_reached_never_as_satisfied(city: City, month: dict[str, Ticket]) -> None:
    wanted = [BY_KEY[key] for key in ("satisfied", "very_satisfied", "callback_reached")]
    async with city.database.transaction() as session:
        task = update(CallbackTask).where(CallbackTask.ticket_id == month["T1"].id, CallbackTask.kind == "callback")
        await session.execute(task.values(state="refused", satisfaction=None, solved=None))
        figures = await total(city.core, session, CITY, NOVEMBER, wanted)
    counted = {key: (figure.numerator, figure.denominator) for key, figure in figures.items()}
    assert counted == {"satisfied": (4, 6), "very_satisfied": (1, 6), "callback_reached": (6, 7)}  # before: 5, 2 and 6


async def test_nothing_to_divide_by_is_no_figure(city: City) -> None:
    async with city.database.transaction() as session:
        lines = await compute(city.core, session, CITY, parse("2026-10"), INDICATORS)
    for figure in lines[0].figures.values():
        assert figure.value is None or figure.indicator.measure is Measure.COUNT
