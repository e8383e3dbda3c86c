"""The permissions are data, and that data is domain.md's matrix 4b, row by row and role by role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotline.errors import NotAllowed
from hotline.events import ActorKind
from ticketing.people.actor import BOT, SYSTEM, Actor, StandIn, citizen_actor
from ticketing.people.models import Role
from ticketing.people.permissions import (
    CITIZEN,
    COLUMNS,
    PermissionsError,
    Scope,
    ensure,
    load,
    may,
    parse,
    permissions_of,
    roles_reaching,
    roles_with,
    scope_of,
)
from ticketing.people.permissions_table import page

MATRIX = Path(__file__).parent / "data" / "permission_matrix.md"
"""The table of domain.md 4b, copied as it stands there."""


def specified() -> dict[str, dict[str, str]]:
    """Action -> column -> the words of the cell."""
    lines = [line for line in MATRIX.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len(cells[0]) == len(COLUMNS) + 1
    return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in cells[2:]}


def actor(role: Role, *stands_in: StandIn) -> Actor:
    return Actor(ActorKind.STAFF, "某人 1001", 1, role, 7, stands_in=stands_in)


def test_every_row_of_the_specification_is_there_and_no_other_passes_for_one() -> None:
    assert [row.action for row in load().rows if not row.ours] == list(specified())


@pytest.mark.parametrize("action", list(specified()))
@pytest.mark.parametrize("column", COLUMNS)
def test_each_cell_says_what_the_specification_says(action: str, column: str) -> None:
    row = next(row for row in load().rows if row.action == action)
    assert row.cells.get(column, "-") == specified()[action][column]


@pytest.mark.parametrize("role", list(Role))
def test_role_by_permission_no_right_without_a_cell_and_no_cell_without_a_right(role: Role) -> None:
    person = actor(role)
    for row in load().rows:
        rights = {permission for permission in row.permissions if may(person, permission)}
        assert bool(rights) == (role.value in row.cells), (row.action, rights)
        for permission in row.permissions:
            if permission in rights:
                assert ensure(person, permission) is person
                assert role in roles_with(permission)
            else:
                assert role not in roles_with(permission)
                assert scope_of(person, permission) is None
                with pytest.raises(NotAllowed):
                    ensure(person, permission)


def test_the_letters_of_the_matrix_and_the_scopes_agree() -> None:
    """A plain Y reaches everything, an O never does."""
    for row in (row for row in load().rows if not row.ours):
        for column, words in row.cells.items():
            scopes = {scopes[column] for scopes in row.permissions.values() if column in scopes}
            if words == "Y":
                assert not scopes & {Scope.OWN, Scope.NAMED}, (row.action, column)
            if words.startswith("O"):
                assert Scope.ALL not in scopes, (row.action, column)


def test_the_administrator_has_no_case_content() -> None:
    cases = ("ticket.", "private.", "recording.", "callback.", "reply.", "desk.", "chat.", "board.", "return_call.", "file.")
    assert not [name for name in permissions_of([Role.ADMIN.value]) if name.startswith(cases)]


def test_machines_and_citizens_have_no_permissions_of_staff() -> None:
    for permission in load().permissions:
        assert not may(BOT, permission)
        assert not may(SYSTEM, permission)
    assert may(citizen_actor(), "ticket.supplement")
    assert not may(citizen_actor(), "ticket.edit")


def test_a_deputy_has_the_right_while_it_stands_in_and_the_event_will_say_so() -> None:
    chief = StandIn(9, "刘建平", Role.CHIEF, 7)
    clerk = actor(Role.CLERK, chief)
    assert may(clerk, "reply.sign")
    acting = ensure(clerk, "reply.sign")
    assert (acting.role, acting.user_id, acting.label) == (Role.CHIEF, 1, "某人 1001（代刘建平）")
    assert ensure(clerk, "reply.draft") is clerk
    elsewhere = actor(Role.CLERK, StandIn(9, "刘建平", Role.CHIEF, 8))
    with pytest.raises(NotAllowed):
        ensure(elsewhere, "reply.sign")


def test_roles_by_scope() -> None:
    assert roles_reaching("recording.listen", Scope.REASON) == {Role.SUPERVISOR, Role.LEADER}
    assert CITIZEN not in {role.value for role in roles_with("ticket.see")}


def test_a_permission_that_does_not_exist_is_a_mistake_in_the_code() -> None:
    with pytest.raises(KeyError):
        may(actor(Role.AGENT), "ticket.sea")


def row(**changes: Any) -> dict[str, Any]:
    return {"action": "look", "cells": {"agent": "Y"}, "permissions": {"a.b": {"agent": "all"}}, **changes}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "list `rows`"),
        ({"rows": [{"cells": {}}]}, "action"),
        ({"rows": [row(cells={"agnet": "Y"})]}, "unknown roles"),
        ({"rows": [row(colour="red")]}, "unknown fields"),
        ({"rows": [row(permissions={"a.b": {"chief": "all"}})]}, "cell is empty"),
        ({"rows": [row(permissions={"a.b": {"agent": "everything"}})]}, "everything"),
        ({"rows": [row(permissions={})]}, "give nothing"),
        ({"rows": [row(), row(action="other")]}, "two rows"),
        ({"rows": [row(), row(permissions={"c.d": {"agent": "all"}})]}, "same action"),
    ],
)
def test_a_faulty_file_is_refused_with_the_place(raw: Any, words: str) -> None:
    with pytest.raises(PermissionsError, match=words):
        parse(raw)


def test_the_documentation_is_written_from_the_data_of_today() -> None:
    written = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
    assert written == page(), "run script/permissions"
    for action, cells in specified().items():
        assert f"| {action} | " + " | ".join(cells[column] for column in COLUMNS) + " |" in written
