"""Exchange of tickets with the system of a unit (A06, integration mode 2).

Out: a ticket that is dispatched to a unit with a partner is pushed there, from the outbox. In: the partner signs, contacts,
reports progress and replies by the API with the token of an account of that unit; the same message twice has one effect.
Every message is a row of the journal with its state.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotFound
from hotline.events import Event, Outbox, enqueue, record
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.exchange.models import ExchangeMessage, ExchangePartner, MessageState
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Unit
from ticketing.people.permissions import ensure
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.ticket.steps import tell
from ticketing.webhook.service import PERMISSION
from ticketing.webhook.urls import check_url

CHANNEL = "exchange"
VERSION = 1
MAX_EXTERNAL_ID = 100


@dataclass(frozen=True)
class NewPartner:
    """A partner that was just made. The secret exists in clear only here."""

    partner: ExchangePartner
    secret: str


@dataclass(frozen=True)
class Outgoing:
    """What is to be sent, and where."""

    url: str
    secret: str
    message_id: str
    version: int
    payload: dict[str, Any]


async def add_partner(
    core: Core, session: AsyncSession, actor: Actor, *, unit_id: int, name: str, url: str, allowed_hosts: tuple[str, ...]
) -> NewPartner:
    """Push tickets of a unit to `url` from now on; an earlier partner of the unit is replaced. Only an administrator."""
    actor = ensure(actor, PERMISSION)
    if await session.get(Unit, unit_id) is None:
        raise InvalidInput(_("请选择承办单位"), field="unit_id")
    if not 1 <= len(name.strip()) <= 60:
        raise InvalidInput(_("请写明对方系统的名称，最多60个字"), field="name")
    secret = "exs_" + secrets.token_urlsafe(32)
    address = check_url(url.strip(), allowed_hosts)
    known = (await session.scalars(select(ExchangePartner).where(ExchangePartner.unit_id == unit_id).with_for_update())).first()
    partner = known or ExchangePartner(unit_id=unit_id, created_at=core.clock.now(), created_by_id=actor.user_id)
    partner.name, partner.url, partner.secret_sealed, partner.active = name.strip(), address, core.vault.seal(secret), True
    session.add(partner)
    await _partner_event(core, session, actor, partner, "exchange.partner_set")
    return NewPartner(partner, secret)


async def partners(session: AsyncSession, actor: Actor) -> list[tuple[ExchangePartner, Unit]]:
    """All partners with their units."""
    ensure(actor, PERMISSION)
    rows = await session.execute(select(ExchangePartner, Unit).join(Unit, Unit.id == ExchangePartner.unit_id).order_by(ExchangePartner.id))
    return [(row.ExchangePartner, row.Unit) for row in rows]


async def switch_partner(core: Core, session: AsyncSession, actor: Actor, partner_id: int, *, active: bool) -> ExchangePartner:
    """Switch a partner off or on again."""
    actor = ensure(actor, PERMISSION)
    found = (await session.scalars(select(ExchangePartner).where(ExchangePartner.id == partner_id).with_for_update())).first()
    if found is None:
        raise NotFound(_("没有找到这个系统"))
    found.active = active
    await _partner_event(core, session, actor, found, "exchange.partner_switched")
    return found


async def push_new(core: Core, session: AsyncSession, events: list[Event]) -> int:
    """Write a message for every part that was given to a unit with a partner; returns how many."""
    given = {int(event.stored["assignment"]): event for event in events if _gives_a_part(event)}
    if not given:
        return 0
    statement = (
        select(Assignment, ExchangePartner, Ticket)
        .join(ExchangePartner, (ExchangePartner.unit_id == Assignment.unit_id) & ExchangePartner.active)
        .join(Ticket, Ticket.id == Assignment.ticket_id)
        .where(Assignment.id.in_(given), Ticket.confidentiality != Confidentiality.SECRET.value)
    )
    count = 0
    for row in list(await session.execute(statement)):
        await _enqueue(core, session, row.ExchangePartner, row.Ticket, row.Assignment.id)
        count += 1
    return count


def _gives_a_part(event: Event) -> bool:
    return event.subject == "ticket" and event.name in ("assignment.created", "assignment.reassigned") and "assignment" in event.stored


async def _enqueue(core: Core, session: AsyncSession, partner: ExchangePartner, ticket: Ticket, assignment_id: int) -> None:
    now, name = core.clock.now(), f"asg_{assignment_id}"
    same = (ExchangeMessage.partner_id == partner.id) & (ExchangeMessage.direction == "out") & (ExchangeMessage.message_id == name)
    if await session.scalar(select(ExchangeMessage.id).where(same)) is not None:
        return
    message = ExchangeMessage(
        partner_id=partner.id, direction="out", message_id=name, kind="ticket", ticket_id=ticket.id, assignment_id=assignment_id,
        body_hash="", state=MessageState.WAITING.value, at=now,
    )  # fmt: skip
    session.add(message)
    await session.flush()
    await enqueue(
        session, at=now, channel=CHANNEL, kind="ticket", recipient=str(partner.id), payload={"message": message.id},
        dedupe_key=f"exchange:{message.id}",
    )  # fmt: skip


async def outgoing(core: Core, session: AsyncSession, message_id: int) -> Outgoing | None:
    """What a message says now; None when the unit has no part in the ticket any more or the partner is off.

    The citizen's name and number are not part of it: the unit's people open them in the console, with a reason.
    """
    statement = (
        select(ExchangeMessage, ExchangePartner, Ticket, Assignment)
        .join(ExchangePartner, ExchangePartner.id == ExchangeMessage.partner_id)
        .join(Ticket, Ticket.id == ExchangeMessage.ticket_id)
        .join(Assignment, Assignment.id == ExchangeMessage.assignment_id)
        .where(ExchangeMessage.id == message_id)
    )
    row = (await session.execute(statement)).first()
    if row is None:
        return None
    partner, ticket, part, message = row.ExchangePartner, row.Ticket, row.Assignment, row.ExchangeMessage
    gone = part.state in (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    if gone or not partner.active or ticket.confidentiality == Confidentiality.SECRET.value:
        return None
    clock = select(Deadline.due_at).where(
        Deadline.assignment_id == part.id, Deadline.kind == ClockKind.HANDLE.value, Deadline.state == ClockState.RUNNING.value
    )
    due = await session.scalar(clock)
    payload = {
        "version": VERSION,
        "message_id": message.message_id,
        "number": ticket.number,
        "assignment": part.id,
        "lead": part.lead,
        "kind": ticket.kind,
        "category": ticket.category_code,
        "urgency": ticket.urgency,
        "title": ticket.title,
        "content": ticket.content,
        "occurred": ticket.occurred,
        "district": ticket.district,
        "address": ticket.address,
        "instruction": part.instruction,
        "assigned_at": part.assigned_at.isoformat(),
        "due_at": due.isoformat() if due else None,
    }
    return Outgoing(partner.url, core.vault.open(partner.secret_sealed), message.message_id, VERSION, payload)


async def delivered(core: Core, session: AsyncSession, message_id: int, answer: str) -> None:
    """The other system took it; it may have told its own number."""
    message = (await session.scalars(select(ExchangeMessage).where(ExchangeMessage.id == message_id).with_for_update())).one()
    message.state, message.done_at, message.problem = MessageState.DELIVERED.value, core.clock.now(), ""
    message.external_id = _external_id(answer) or message.external_id
    ticket = await session.get(Ticket, message.ticket_id) if message.ticket_id else None
    if ticket is not None:
        data = {"assignment": message.assignment_id, "external_id": message.external_id}
        await tell(core, session, SYSTEM, ticket, "exchange.pushed", data)


async def not_delivered(core: Core, session: AsyncSession, message_id: int, problem: str, *, over: bool) -> None:
    """A try failed; `over`: it was the last."""
    message = (await session.scalars(select(ExchangeMessage).where(ExchangeMessage.id == message_id).with_for_update())).one()
    message.problem = problem[:200]
    if over:
        message.state, message.done_at = MessageState.FAILED.value, core.clock.now()


def _external_id(answer: str) -> str | None:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    value = found.get("external_id") if isinstance(found, dict) else None
    ok = isinstance(value, str) and 0 < len(value) <= MAX_EXTERNAL_ID and value.isprintable()
    return value if ok else None


async def push_again(core: Core, session: AsyncSession, actor: Actor, message_id: int) -> ExchangeMessage:
    """Send a message once more that was given up."""
    actor = ensure(actor, PERMISSION)
    given_up = (ExchangeMessage.id == message_id) & (ExchangeMessage.state == MessageState.FAILED.value)
    message = (await session.scalars(select(ExchangeMessage).where(given_up).with_for_update())).first()
    if message is None:
        raise NotFound(_("没有找到这条消息，或者它已经重新发送"))
    row = (await session.scalars(select(Outbox).where(Outbox.dedupe_key == f"exchange:{message.id}").with_for_update())).one()
    row.state, row.attempts, row.not_before, row.leased_until = "waiting", 0, core.clock.now(), None
    message.state, message.done_at = MessageState.WAITING.value, None
    return message


async def journal(session: AsyncSession, actor: Actor, *, limit: int = 100) -> list[tuple[ExchangeMessage, str | None]]:
    """The newest messages with their ticket's number."""
    ensure(actor, PERMISSION)
    statement = select(ExchangeMessage, Ticket.number).outerjoin(Ticket, Ticket.id == ExchangeMessage.ticket_id)
    rows = await session.execute(statement.order_by(ExchangeMessage.id.desc()).limit(limit))
    return [(row.ExchangeMessage, row.number) for row in rows]


async def partner_of(session: AsyncSession, actor: Actor) -> ExchangePartner:
    """The partner whose unit the actor belongs to. Raises NotFound."""
    found = None
    if actor.unit_id is not None and actor.role is not None and actor.role.in_unit:
        mine = (ExchangePartner.unit_id == actor.unit_id) & ExchangePartner.active
        found = (await session.scalars(select(ExchangePartner).where(mine))).first()
    if found is None:
        raise NotFound(_("本单位没有登记对接系统，请联系管理员"))
    return found


async def receive(
    core: Core, session: AsyncSession, partner: ExchangePartner, *, message_id: str, kind: str, body: str
) -> tuple[ExchangeMessage, bool]:
    """Keep a message before it is worked on; the row is locked. Second value: whether it still has to be worked on.

    Raises InvalidInput when the same id was used for another message.
    """
    from sqlalchemy.dialects.postgresql import insert

    digest = hashlib.sha256(body.encode()).hexdigest()
    values = {
        "partner_id": partner.id, "direction": "in", "message_id": message_id, "kind": kind, "body_hash": digest,
        "state": MessageState.RECEIVED.value, "problem": "", "at": core.clock.now(),
    }  # fmt: skip
    await session.execute(insert(ExchangeMessage).values(**values).on_conflict_do_nothing())
    same = (ExchangeMessage.partner_id == partner.id) & (ExchangeMessage.direction == "in") & (ExchangeMessage.message_id == message_id)
    message = (await session.scalars(select(ExchangeMessage).where(same).with_for_update())).one()
    if message.body_hash != digest:
        raise InvalidInput(_("这个message_id已经用于另一条消息，请换一个"), field="message_id")
    return message, message.state != MessageState.APPLIED.value


async def _partner_event(core: Core, session: AsyncSession, actor: Actor, partner: ExchangePartner, name: str) -> None:
    await session.flush()
    data = {"unit": partner.unit_id, "url": partner.url, "active": partner.active}
    await record(session, at=core.clock.now(), name=name, subject="exchange", subject_id=partner.id, who=actor.who, data=data)
