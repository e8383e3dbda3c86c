"""The state machine as data: its file is checked, and no way through it closes a ticket without a callback result."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import IllegalStep, NotAllowed
from hotline.events import ActorKind
from ticketing.people.actor import BOT, SYSTEM, Actor, citizen_actor
from ticketing.people.models import Role
from ticketing.request.states import RequestKind
from ticketing.ticket import workflow
from ticketing.ticket.states import TicketState
from ticketing.ticket.workflow_compare import differences

ACTORS = [SYSTEM, BOT, citizen_actor(), *(Actor(ActorKind.STAFF, role.value, 1, role) for role in Role)]


@given(st.lists(st.tuples(st.sampled_from(sorted(workflow.load().transitions)), st.sampled_from(ACTORS)), max_size=40))
def test_no_sequence_of_allowed_steps_closes_without_a_callback_result_or_a_recorded_reason(tries: list[tuple[str, Actor]]) -> None:
    """The engine plus the rule that `take_step` and the database hold: a step with `result` fills that column."""
    state = TicketState.DRAFT
    filled: set[str] = set()
    for action, actor in tries:
        try:
            transition = workflow.load().step(state, action, actor)
        except (IllegalStep, NotAllowed):
            continue
        state = transition.target
        filled = {transition.result} if transition.result else set()
        if state.is_closed:
            assert filled & {"satisfaction", "no_callback_reason"}


def test_every_state_with_a_way_in_has_a_way_out_or_is_final() -> None:
    transitions = workflow.load().transitions.values()
    reached = {TicketState.DRAFT, *(item.target for item in transitions)}
    left = {source for item in transitions for source in item.sources}
    assert {state for state in reached - left if state.is_open} == set()


def test_overdue_never_closes__section_4a_5() -> None:
    """The system by itself ends an answer that nobody rated, what no callback rule asks about, and what was ended before: no handling."""
    own = [item for item in workflow.load().transitions.values() if item.target.is_closed and "system" in item.who]
    assert [item.action for item in own] == ["close_unreached", "archive", "answer_window_over", "rejection_final"]
    unhandled = {TicketState.IN_PROGRESS, TicketState.DISPUTED, TicketState.SUSPENDED, TicketState.REPLY_REVIEW, TicketState.TO_DISPATCH}
    assert not [item for item in own if item.sources & unhandled]


def test_a_refusal_says_what_is_allowed_instead() -> None:
    dispatcher = Actor(ActorKind.STAFF, "刘洋", 1, Role.DISPATCHER)
    with pytest.raises(IllegalStep, match="派单"):
        workflow.load().step(TicketState.TO_DISPATCH, "accept_reply", dispatcher)
    with pytest.raises(NotAllowed):
        workflow.load().step(TicketState.TO_DISPATCH, "dispatch", citizen_actor())


GOOD: dict[str, Any] = {"action": "x", "from": ["draft"], "to": "answered", "who": ["agent"], "event": "e", "public": True}


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("text", "list `ticket`"),
        ({"ticket": [{**GOOD, "from": ["nowhere"]}]}, "transition 1"),
        ({"ticket": [{**GOOD, "who": ["king"]}]}, "unknown role king"),
        ({"ticket": [GOOD, GOOD]}, "stands there twice"),
        ({"ticket": [{**GOOD, "to": "closed"}]}, "needs a result"),
        ({"ticket": [{**GOOD, "from": ["suspended"], "to": "closed", "result": "satisfaction"}]}, "nothing reaches"),
        ({"ticket": [GOOD]}, "nothing leads out of answered"),
        ({"ticket": [{**GOOD, "to": "rejected", "also_who": ["bot"]}]}, "needs a `why`"),
        ({"ticket": [{"action": "x"}]}, "transition 1"),
        ({"ticket": [{**GOOD, "to": "rejected"}], "requests": {"wish": {}}}, "request wish"),
        ({"ticket": [{**GOOD, "to": "rejected"}], "version": "two"}, "whole number"),
        ({"ticket": [{**GOOD, "who": [1, "king"]}]}, "unknown role 1, king"),
        ({"ticket": [{**GOOD, "guard": [["a"] * 9] * 9}]}, "expected a text"),
        ({"ticket": [GOOD], "initial": "nowhere"}, "initial: 'nowhere'"),
        ({"ticket": [GOOD], "initial": [["a"] * 9] * 9}, "initial: expected a text"),
        ({"ticket": [{**GOOD, "to": [["a"] * 9] * 9}]}, "expected a text"),
        ({"ticket": [{**GOOD, "from": [[["a"] * 9] * 9]}]}, "expected a text"),
        ({"ticket": [{**GOOD, "to": "closed", "result": ["satisfaction"]}]}, "expected a text"),
        ({"ticket": [GOOD], "assignment": {"x": 1}}, "`assignment` must be a list"),
        ({"ticket": [GOOD], "requests": ["x"]}, "`requests` must be a dict"),
        ({"ticket": [{**GOOD, "to": "rejected"}], "acts": ["urge"]}, "act 1"),
        ({"ticket": [{**GOOD, "to": "rejected"}], "acts": [{"row": "T29", "action": "a", "from": ["any_open"], "who": ["king"]}]}, "king"),
    ],
)
def test_a_wrong_file_is_refused_and_the_entry_named(raw: Any, complaint: str) -> None:
    with pytest.raises(workflow.WorkflowError, match=complaint):
        workflow.parse(raw)


def test_a_step_that_the_version_in_force_does_not_have_is_refused_in_words() -> None:
    """A city's own version may be older than the program."""
    found = workflow.parse({"ticket": [{**GOOD, "to": "rejected"}]})
    dispatcher = Actor(ActorKind.STAFF, "刘洋", 1, Role.DISPATCHER)
    with pytest.raises(IllegalStep, match="没有“派单”"):
        found.step(TicketState.TO_DISPATCH, "dispatch", dispatcher)
    with pytest.raises(IllegalStep, match="没有“催办”"):
        found.act(TicketState.TO_DISPATCH, "urge", dispatcher)
    with pytest.raises(IllegalStep, match="没有“退单”"):
        found.may(RequestKind.RETURN, "asks", dispatcher)


def test_a_difference_names_the_step_the_property_and_both_values() -> None:
    before = workflow.load()
    text = workflow.seed_text().replace("to: in_progress, who: [dispatcher, system]", "to: in_progress, who: [dispatcher]", 1)
    [found] = differences(before, workflow.parse_text(text))
    assert (found.part, found.name, found.prop) == ("ticket", "dispatch", "who")
    assert found.before - found.after == {"system"}
    shorter = workflow.parse_text(workflow.seed_text().split("acts:")[0])
    gone = differences(before, shorter)
    assert [(each.part, each.name, each.prop, each.after) for each in gone] == [("acts", name, "", None) for name in before.acts]
    assert [each.before for each in differences(shorter, before)] == [None] * len(before.acts)
    assert differences(before, before) == []
