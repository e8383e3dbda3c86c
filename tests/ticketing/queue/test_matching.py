"""Who is offered to whom, as a pure function."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ticketing.call_flow.document import QueueOptions
from ticketing.queue.matching import Agent, Caller, pair

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)


def caller(number: int, *, age: int = 0, **values: Any) -> Caller:
    fields = {"queue": "q", "line": "12345", "language": "zh", "dialect": "", "weight": 0, "priority": 0, **values}
    return Caller(waiting_id=number, entered_at=NOW - timedelta(seconds=age), **fields)


def agent(number: int, *, idle: int = 0, **values: Any) -> Agent:
    return Agent(number, NOW - timedelta(seconds=idle), **values)


def pairs(callers: list[Caller], agents: list[Agent], busy: tuple[Agent, ...] = (), **options: Any) -> list[tuple[int, int]]:
    queues = {"q": QueueOptions(name="队列", **options)}
    return [(one.waiting_id, other.user_id) for one, other in pair(callers, agents, queues, random.Random(1), busy)]


def test_who_waits_longest_gets_who_is_idle_longest() -> None:
    assert pairs([caller(1, age=5), caller(2, age=60)], [agent(7, idle=10), agent(8, idle=90)]) == [(2, 8), (1, 7)]


def test_weight_comes_before_priority_and_priority_before_time() -> None:
    line_up = [caller(1, age=300), caller(2, age=10, priority=10), caller(3, age=1, weight=5)]
    assert [one for one, _ in pairs(line_up, [agent(n) for n in range(3)])] == [3, 2, 1]


def test_the_line_is_needed_language_and_dialect_are_preferred() -> None:
    people = [agent(1, idle=99, lines=frozenset({"12319"})), agent(2, idle=50), agent(3, idle=1, dialects=frozenset({"yue"}))]
    assert pairs([caller(1, dialect="yue")], people) == [(1, 3)]
    assert pairs([caller(1, line="12319")], people) == [(1, 1)]
    assert pairs([caller(1, language="en")], [*people, agent(4, languages=frozenset({"en"}))]) == [(1, 4)]


def test_nobody_waits_for_a_language_that_nobody_on_duty_speaks() -> None:
    elsewhere = agent(3, lines=frozenset({"12319"}), languages=frozenset({"en"}), dialects=frozenset({"yue"}))
    for wish in (caller(1, language="en"), caller(1, dialect="yue")):
        assert pairs([wish], [agent(2)]) == [(1, 2)], "at once: an agent of another tongue is better than none"
        assert pairs([wish], [agent(2)], (elsewhere,)) == [(1, 2)], "who speaks it answers another line only"


def test_who_speaks_it_is_waited_for_a_while_and_then_anybody_answers() -> None:
    speaker = agent(3, languages=frozenset({"en"}), dialects=frozenset({"yue"}))
    for wish in ({"language": "en"}, {"dialect": "yue"}):
        assert pairs([caller(1, waited_s=29.0, **wish)], [agent(2)], (speaker,)) == [], "the speaker is in a call"
        assert pairs([caller(1, waited_s=30.0, **wish)], [agent(2)], (speaker,)) == [(1, 2)]
        assert pairs([caller(1, waited_s=5.0, **wish)], [agent(2)], (speaker,), **{"skill-wait": 5}) == [(1, 2)]
        assert pairs([caller(1, **wish)], [agent(2)], (speaker,), **{"skill-wait": 0}) == [(1, 2)]
        assert pairs([caller(1, waited_s=99.0, **wish)], [agent(2, idle=99), speaker]) == [(1, 3)], "free: still the better one"
        assert pairs([caller(1, age=50, **wish), caller(2)], [agent(2)], (speaker,)) == [(2, 2)], "who waits holds nobody back"


def test_an_overflow_reaches_agents_of_other_lines_but_not_those_who_belong_to_theirs() -> None:
    skilled, bound = agent(1, lines=frozenset({"12319"})), agent(2, lines=frozenset({"12319"}), bound=True)
    assert pairs([caller(1)], [skilled, bound]) == []
    assert pairs([caller(1, any_line=True)], [skilled, bound]) == [(1, 1)]
    assert pairs([caller(1, any_line=True)], [bound]) == []


def test_a_caller_whom_nobody_can_serve_holds_nobody_back() -> None:
    assert pairs([caller(1, age=99, line="12319"), caller(2)], [agent(1, lines=frozenset({"12345"}))]) == [(2, 1)]


def test_who_did_not_answer_a_moment_ago_is_not_rung_again_for_this_caller() -> None:
    assert pairs([caller(1, rest=frozenset({1}))], [agent(1, idle=99), agent(2)]) == [(1, 2)]
    assert pairs([caller(1, rest=frozenset({1})), caller(2)], [agent(1)]) == [(2, 1)]


def test_fewest_calls() -> None:
    assert pairs([caller(1)], [agent(1, idle=99, taken=9), agent(2, taken=3)], strategy="fewestcalls") == [(1, 2)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=12), st.integers(0, 12))
def test_nobody_twice_nobody_idle_beside_somebody_who_waits(waiting: list[tuple[int, int]], ready: int) -> None:
    found = pairs([caller(n, age=age, priority=p) for n, (p, age) in enumerate(waiting)], [agent(100 + n) for n in range(ready)])
    assert len({one for one, _ in found}) == len({other for _, other in found}) == len(found) == min(len(waiting), ready)
    order = sorted(range(len(waiting)), key=lambda n: (-waiting[n][0], -waiting[n][1], n))
    assert [one for one, _ in found] == order[: len(found)]
