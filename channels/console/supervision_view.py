"""What the ticket page shows of supervision: promises, rectification, orders, urgings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy import types as sa

_OWED = """SELECT jsonb_agg(jsonb_build_object('id', {id}, 'who', {who}, 'text', {text}, 'state', state, 'due', due_at, 'unit', unit_id,
    'proof', {more}) ORDER BY id) FROM {table} WHERE ticket_id = :ticket {where}"""
_MINE = "AND (:unit IS NULL OR unit_id = :unit)"


def _list(table: str, *, where: str = "", **columns: str) -> TextClause:
    words = _OWED.format(table=table, where=where, **columns)
    binds = [bindparam("ticket", type_=sa.BigInteger), *([bindparam("unit", type_=sa.BigInteger)] if where else [])]
    return text(words).bindparams(*binds)


LISTS = {
    "promises": _list("commitment", id="id", who="promised_by", text="what", more="proof"),
    "tasks_owed": _list("rectification", where=_MINE, id="id", who="''", text="measure", more="''"),
    "orders": _list("formal_supervision", where=_MINE, id="number", who="ordered_by", text="demands", more="instruction"),
    "urged": text("SELECT count(*) FROM urging WHERE ticket_id = :ticket").bindparams(bindparam("ticket", type_=sa.BigInteger)),
}
"""Columns of the ticket page's statement (`ticket_rows`); people of a unit see their own unit's tasks and orders, and every promise."""


@dataclass(frozen=True)
class Owed:
    """Something with a due time that a unit or the centre owes."""

    id: str
    who: str
    text: str
    state: str
    due: datetime
    unit_id: int | None
    more: str
    """Proof of a promise, instruction of an order."""
    overdue: bool


@dataclass(frozen=True)
class Supervision:
    """Empty lists for what there is none of."""

    promises: list[Owed]
    tasks: list[Owed]
    orders: list[Owed]
    urged: int

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.promises or self.tasks or self.orders or self.urged)


def supervision_of(rows: Mapping[str, Any], now: datetime) -> Supervision:
    """From what `LISTS` found."""
    return Supervision(
        [_owed(item, now, "open") for item in rows["promises"] or ()],
        [_owed(item, now, "open") for item in rows["tasks_owed"] or ()],
        [_owed(item, now, "issued") for item in rows["orders"] or ()],
        rows["urged"],
    )


def _owed(item: dict[str, Any], now: datetime, waiting: str) -> Owed:
    due = datetime.fromisoformat(item["due"])
    late = item["state"] == waiting and due <= now
    return Owed(str(item["id"]), item["who"], item["text"], item["state"], due, item["unit"], item["proof"], late)
