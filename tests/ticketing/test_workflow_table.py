"""The workflow data against domain.md's table (copied to transitions.md), row by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ticketing.assignment.models import AssignmentState
from ticketing.request.states import RequestKind
from ticketing.ticket import workflow
from ticketing.ticket.states import TicketState
from ticketing.ticket.workflow_table import as_markdown

TABLE = Path(__file__).parent / "transitions.md"
DOCS = Path(__file__).parents[2] / "docs" / "workflow.md"
WORKFLOW = workflow.load()
ANY_OPEN = {state for state in TicketState if state.is_open and state is not TicketState.DRAFT}
WHO: dict[str, set[str]] = {
    "agent, web, WeChat bot": {"agent", "citizen", "bot"},
    "agent, bot (guide items only)": {"agent", "bot"},
    "agent; bot only proposes": {"agent"},
    "agent proposes, dispatcher or supervisor confirms": {"dispatcher", "supervisor"},
    "agent, dispatcher": {"agent", "dispatcher"},
    "citizen, agent": {"citizen", "agent"},
    "dispatcher": {"dispatcher"},
    "agent": {"agent"},
    "dispatcher; auto if rule confidence and no secret flag": {"dispatcher", "system"},
    "unit clerk (A or B post)": {"clerk"},
    "unit clerk; dispatcher approves": {"dispatcher"},
    "dispatcher / supervisor (leader if needed)": {"dispatcher", "supervisor", "leader"},
    "unit clerk": {"clerk"},
    "unit clerk with chief's consent / supervisor": {"supervisor"},
    "unit asks, supervisor decides; leader for > 90 days": {"supervisor", "leader"},
    "unit, supervisor, system at review date": {"clerk", "chief", "supervisor", "system"},
    "clerk; unit chief representative": {"clerk", "chief"},
    "system": {"system"},
    "reviewer (dispatcher or supervisor, not the same unit)": {"dispatcher", "supervisor"},
    "reviewer": {"dispatcher", "supervisor"},
    "callback clerk, robot, citizen link": {"callback", "bot", "citizen"},
    "callback clerk; supervisor for 2nd": {"callback", "supervisor"},
    "supervisor only": {"supervisor"},
    "citizen in window, agent": {"citizen", "agent"},
    "citizen": {"citizen"},
    "supervisor": {"supervisor"},
    "system, supervisor, leader": {"system", "supervisor", "leader"},
    "citizen, system": {"citizen", "system"},
    "agent, supervisor": {"agent", "supervisor"},
    "citizen / system": {"citizen", "system"},
}
"""The words of the table's column «Who» as the names of the workflow."""
TICKET_STATES = {state.value for state in TicketState}
UNIT_STATES = {state.value for state in AssignmentState}


def _rows() -> list[tuple[str, ...]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| T")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


ROWS = {row[0]: row for row in _rows()}


def _data(row: str) -> list[Any]:
    """What the workflow has for a row, of all its parts."""
    parts: list[Any] = [*WORKFLOW.ticket.transitions.values(), *WORKFLOW.assignment.transitions.values(), *WORKFLOW.acts.values()]
    return [item for item in parts if item.row == row]


def test_the_table_is_whole() -> None:
    assert list(ROWS) == [f"T{number}" for number in range(1, 35)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_in_the_data_with_its_states(row: str) -> None:
    """The states that the table names are the states of the row's transitions, without what is marked as going beyond it."""
    path = ROWS[row][1]
    named = set(re.findall(r"[a-z_]+", path)) & (TICKET_STATES | UNIT_STATES)
    if "any open" in path:
        named |= {state.value for state in ANY_OPEN}
    items = _data(row)
    found: set[str] = set()
    for item in items:
        found |= {state.value for state in item.sources - getattr(item, "also_sources", frozenset())}
        if hasattr(item, "target"):
            found.add(item.target.value)
    requests = [rule for rule in WORKFLOW.requests.values() if rule.row == row]
    if row in ("T14", "T15"):  # nothing of the ticket moves: a record of the unit, and a request object
        assert path == "in_progress"
        assert items or requests
        return
    assert items, f"{row} has no transition"
    ticket_only = {"T9", "T12", "T20", "T21", "T26"}  # rows of the ticket that move the units' parts as well
    if row in ticket_only:
        assert named - found == set()
    else:
        extra = {"working"} if row == "T18" else set()  # refuse_draft leads back to where drafting starts
        assert found - extra == named - extra


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_open_to_whom_the_table_names(row: str) -> None:
    """Who may, without what is marked as going beyond the table, is who the table names."""
    wanted = WHO[ROWS[row][3]]
    rule = next((rule for rule in WORKFLOW.requests.values() if rule.row == row), None)
    if row == "T15":
        assert rule is not None
        assert wanted <= rule.decides
        assert "clerk" in rule.asks
        assert rule.consents == {"chief"}
        return
    found: set[str] = set()
    for item in _data(row):
        found |= item.who - item.also_who
    assert wanted <= found
    assert found <= wanted | ({"clerk", "chief"} if row == "T18" else set())


@pytest.mark.parametrize("row", ROWS)
def test_guard_and_deadline_effect_are_the_tables(row: str) -> None:
    for item in _data(row):
        if hasattr(item, "guard"):
            assert (item.guard, item.clocks) == (ROWS[row][4], ROWS[row][5])


@pytest.mark.parametrize("row", ROWS)
def test_the_events_are_the_tables(row: str) -> None:
    text = ROWS[row][6].replace(", notice sent", "")
    if text == "supervise.*":
        assert all(item.event.startswith("supervise.") for item in _data(row))
        return
    prefix = text.split(".")[0]
    wanted = {part if "." in part else f"{prefix}.{part}" for part in re.split(r"[/,] ?", text)} - {"callback.done"}
    written = {item.event for item in _data(row)}
    for rule in WORKFLOW.requests.values():
        if rule.row == row:
            written |= set(rule.events.values())
    assert wanted <= written, f"{wanted - written} missing"


def test_what_goes_beyond_the_table_says_why() -> None:
    parts: list[Any] = [*WORKFLOW.ticket.transitions.values(), *WORKFLOW.assignment.transitions.values(), *WORKFLOW.acts.values()]
    assert all(item.why for item in parts if item.also_who or getattr(item, "also_sources", None))


def test_every_kind_of_request_has_its_rule() -> None:
    assert set(WORKFLOW.requests) == set(RequestKind)


def test_the_table_in_the_documentation_is_generated_from_the_data() -> None:
    assert DOCS.read_text(encoding="utf-8") == as_markdown(WORKFLOW), "run: .venv/bin/hotline workflow table > docs/workflow.md"
