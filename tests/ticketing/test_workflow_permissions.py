"""Workflow and matrix agree: whom the package's workflow lets take a step, the permissions let take it."""

from __future__ import annotations

from ticketing.people import permissions
from ticketing.people.models import Role
from ticketing.ticket import workflow
from ticketing.ticket.workflow_compare import entries
from ticketing.ticket.workflow_permissions import NEEDED, not_permitted

STAFF = {role.value for role in Role}


def _people() -> dict[tuple[str, str, str], frozenset[str]]:
    """Who is named, by part, name and property."""
    found = {}
    for (part, name), entry in entries(workflow.load()).items():
        props = ("asks", "consents", "decides") if part == "requests" else ("who",)
        found |= {(part, name, prop): getattr(entry, prop) for prop in props}
    return found


def test_the_packages_workflow_names_nobody_in_vain() -> None:
    vain = {key: sorted(idle) for key, people in _people().items() if (idle := not_permitted(*key, people))}
    assert vain == {("ticket", "register", "who"): ["chief"]}, "a chief has no form for it: matrix 4b"


def test_every_step_that_somebody_of_the_staff_takes_has_a_permission() -> None:
    steps = {(part, f"{name}.{prop}" if part == "requests" else name) for (part, name, prop), people in _people().items() if people & STAFF}
    assert steps == set(NEEDED)
    assert {permission for needed in NEEDED.values() for permission in needed} <= set(permissions.load().permissions)


def test_who_is_added_without_the_permission_is_named() -> None:
    assert not_permitted("ticket", "invalidate", "who", {"dispatcher", "supervisor", "citizen"}) == {"dispatcher"}
    assert not_permitted("requests", "extension", "decides", {"leader", "clerk"}) == {"clerk"}
    assert not_permitted("ticket", "archive", "who", {"system", "admin"}) == {"admin"}, "no member of the staff files anything"
