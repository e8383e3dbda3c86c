"""What the ticket page shows of supervision: promises, rectification, orders, urgings. One statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy import types as sa
from sqlalchemy.ext.asyncio import AsyncSession

from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket

_LOAD = text(
    """
    SELECT (SELECT jsonb_agg(jsonb_build_object('id', id, 'who', promised_by, 'text', what, 'state', state, 'due', due_at,
                             'unit', unit_id, 'proof', proof) ORDER BY id)
              FROM commitment WHERE ticket_id = :ticket) AS promises,
           (SELECT jsonb_agg(jsonb_build_object('id', id, 'who', '', 'text', measure, 'state', state, 'due', due_at,
                             'unit', unit_id, 'proof', '') ORDER BY id)
              FROM rectification WHERE ticket_id = :ticket AND (:unit IS NULL OR unit_id = :unit)) AS tasks,
           (SELECT jsonb_agg(jsonb_build_object('id', number, 'who', ordered_by, 'text', demands, 'state', state, 'due', due_at,
                             'unit', unit_id, 'proof', instruction) ORDER BY id)
              FROM formal_supervision WHERE ticket_id = :ticket AND (:unit IS NULL OR unit_id = :unit)) AS orders,
           (SELECT count(*) FROM urging WHERE ticket_id = :ticket) AS urged
    """
).bindparams(bindparam("ticket", type_=sa.BigInteger), bindparam("unit", type_=sa.BigInteger))


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


async def load_supervision(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> Supervision:
    """For a ticket that came through its door; unit people see their own unit's tasks and orders, and every promise."""
    unit = actor.unit_id if actor.role and actor.role.in_unit else None
    row = (await session.execute(_LOAD, {"ticket": ticket.id, "unit": unit})).one()
    now = core.clock.now()
    return Supervision(
        [_owed(item, now, "open") for item in row.promises or ()],
        [_owed(item, now, "open") for item in row.tasks or ()],
        [_owed(item, now, "issued") for item in row.orders or ()],
        row.urged,
    )


def _owed(item: dict[str, Any], now: datetime, waiting: str) -> Owed:
    due = datetime.fromisoformat(item["due"])
    late = item["state"] == waiting and due <= now
    return Owed(str(item["id"]), item["who"], item["text"], item["state"], due, item["unit"], item["proof"], late)
