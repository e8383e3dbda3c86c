"""Roles and permissions: data in ticketing/seed/permissions.yaml (domain.md 4b), read by one small engine.

`may(actor, "ticket.edit")` is asked by services, pages, navigation, lists and the API alike; `scope_of` says how far the
permission reaches. What an actor may see of a thing is the matter of that thing's `access_…` function, which asks here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from hotline.errors import NotAllowed
from hotline.events import ActorKind
from hotline.i18n import _
from ticketing.people.actor import Actor
from ticketing.people.models import Role

FILE = Path(__file__).parent.parent / "seed" / "permissions.yaml"
CITIZEN = "citizen"
COLUMNS = (CITIZEN, *(role.value for role in Role))


class Scope(StrEnum):
    """How far a permission reaches. Whoever is bound to a line has it within that line only, whatever the scope."""

    ALL = "all"
    LINE = "line"
    """The line the account is bound to; all lines when it is bound to none."""
    TREE = "tree"
    """The own unit and those below it."""
    UNIT = "unit"
    """The own unit."""
    OWN = "own"
    """What the person did or registered."""
    TODAY = "today"
    """Today's tickets, and those the person registered."""
    QUEUE = "queue"
    """What lies in the callback queue, and what the person called."""
    SAMPLE = "sample"
    """Tickets with a recorded call."""
    NAMED = "named"
    """Tickets on which the person is named."""
    REASON = "reason"
    """Only after a reason was written down."""
    PUBLIC = "public"
    QUALITY = "quality"
    KNOWLEDGE = "knowledge"
    TECHNICAL = "technical"
    """Figures of the installation, no case content."""


class PermissionsError(ValueError):
    """The permissions file is wrong; the text says where."""


@dataclass(frozen=True)
class Row:
    """One row of the matrix."""

    action: str
    name: str
    """In Chinese, for the documentation and the page of an account."""
    ours: bool
    """Not a row of domain.md 4b."""
    cells: dict[str, str]
    """The words of the matrix by column; who is missing may not."""
    permissions: dict[str, dict[str, Scope]]
    """Permission -> column -> scope."""


@dataclass(frozen=True)
class Matrix:
    """The validated file."""

    version: int
    rows: tuple[Row, ...]
    permissions: dict[str, dict[str, Scope]]

    def scope(self, column: str, permission: str) -> Scope | None:
        """How far it reaches for this column, None when not at all. Raises KeyError for a permission that does not exist."""
        return self.permissions[permission].get(column)


def parse(raw: Any) -> Matrix:
    """Check and build the matrix; raises PermissionsError naming the entry at fault."""
    if not isinstance(raw, dict) or not isinstance(raw.get("rows"), list):
        raise PermissionsError("permissions: expected a mapping with a list `rows`")
    rows = tuple(_row(item) for item in raw["rows"])
    found: dict[str, dict[str, Scope]] = {}
    for row in rows:
        for permission, scopes in row.permissions.items():
            if permission in found:
                raise PermissionsError(f"permission {permission} stands in two rows")
            found[permission] = scopes
    if len({row.action for row in rows}) < len(rows):
        raise PermissionsError("two rows have the same action")
    return Matrix(int(raw.get("version", 0)), rows, found)


def _row(item: Any) -> Row:
    if not isinstance(item, dict) or not isinstance(item.get("action"), str):
        raise PermissionsError(f"row {item!r}: expected a mapping with `action`")
    action = item["action"]
    if unknown := set(item) - {"action", "name", "ours", "cells", "permissions"}:
        raise PermissionsError(f"row {action}: unknown fields {sorted(unknown)}")
    cells = {str(column): str(words) for column, words in (item.get("cells") or {}).items()}
    if unknown := set(cells) - set(COLUMNS):
        raise PermissionsError(f"row {action}: unknown roles {sorted(unknown)}")
    permissions: dict[str, dict[str, Scope]] = {}
    for permission, scopes in (item.get("permissions") or {}).items():
        if beyond := set(scopes) - set(cells):
            raise PermissionsError(f"row {action}: {permission} is given to {sorted(beyond)}, whose cell is empty")
        try:
            permissions[permission] = {column: Scope(scope) for column, scope in scopes.items()}
        except ValueError as error:
            raise PermissionsError(f"row {action}: {permission}: {error}") from error
    if idle := set(cells) - {column for scopes in permissions.values() for column in scopes}:
        raise PermissionsError(f"row {action}: the cells of {sorted(idle)} give nothing")
    return Row(action, str(item.get("name", "")), bool(item.get("ours", False)), cells, permissions)


@lru_cache(maxsize=1)
def load() -> Matrix:
    """The matrix that is in force."""
    return parse(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def scope_of(actor: Actor, permission: str) -> Scope | None:
    """How far the permission reaches for this actor; None: it has not got it. Machines (bot, system) have none of these."""
    if actor.kind is ActorKind.CITIZEN:
        return load().scope(CITIZEN, permission)
    if actor.role is None:
        return None
    return load().scope(actor.role.value, permission)


def may(actor: Actor, permission: str) -> bool:
    """Whether the actor has the permission, itself or as somebody's deputy. How far it reaches is the access function's matter."""
    if scope_of(actor, permission) is not None:
        return True
    return any(load().scope(other.role.value, permission) is not None for other in actor.stands_in)


def ensure(actor: Actor, permission: str) -> Actor:
    """The actor as it may do this, as deputy if need be (the event says 代). Raises NotAllowed."""
    acting = actor.acting_as(roles_with(permission))
    if scope_of(acting, permission) is None:
        raise NotAllowed(_("你的岗位不能做这一步"))
    return acting


def roles_with(*permissions: str) -> frozenset[Role]:
    """The staff roles that have at least one of these permissions. Raises KeyError for one that does not exist."""
    matrix = load()
    return frozenset(role for role in Role if any(matrix.scope(role.value, permission) for permission in permissions))


def roles_reaching(permission: str, scope: Scope) -> frozenset[Role]:
    """The staff roles that have this permission with exactly this scope."""
    return frozenset(role for role in Role if load().scope(role.value, permission) is scope)


def permissions_of(columns: Iterable[str]) -> frozenset[str]:
    """Every permission that one of these columns has."""
    wanted = set(columns)
    return frozenset(name for name, scopes in load().permissions.items() if wanted & set(scopes))
