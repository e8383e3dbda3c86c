"""督办: a written order to a unit with number, demands and due date; its answer and conclusion; a leader's instruction (批示)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import may
from ticketing.supervision.models import FORMAL_SEQUENCE, FormalSupervision
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import tell

OPEN = ("issued", "answered")
MOST_DAYS = 90
PAGE = 50
_GONE = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)


@dataclass(frozen=True)
class Order:
    """What is ordered."""

    unit_id: int
    demands: str
    days: int
    """Working days until the answer is due."""
    ordered_by: str = ""
    """As it is printed; empty: the person who issues it."""
    instruction: str = ""
    """批示"""


async def issue(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, order: Order) -> FormalSupervision:
    """Order a unit that handles the ticket in writing. Raises InvalidInput per field, NotAllowed, IllegalStep."""
    if not may(actor, "supervision.open") or actor.user_id is None:
        raise NotAllowed(_("督办单由督办或领导签发"))
    if not TicketState(ticket.state).is_open:
        raise IllegalStep(_("这件事已经结束，不能再督办；认为没有办好的，请重新办理"))
    await _check(session, ticket, order)
    now = core.clock.now()
    row = FormalSupervision(
        number=await next_number(session, "DB", FORMAL_SEQUENCE, now),
        ticket_id=ticket.id,
        unit_id=order.unit_id,
        ordered_by=order.ordered_by.strip()[:60] or actor.label,
        instruction=order.instruction.strip()[:2000],
        demands=order.demands.strip(),
        state="issued",
        issued_at=now,
        issued_by_id=actor.user_id,
        due_at=(await work_calendar(session)).add_working_days(now, order.days),
    )
    session.add(row)
    await session.flush()
    data = {"formal": row.id, "number": row.number, "unit": row.unit_id, "due": row.due_at.isoformat(), "note": row.demands[:500]}
    if row.instruction:
        data["instruction"] = row.instruction
    await tell(core, session, actor, ticket, "supervise.formal", data)
    people = (await Directory.load(session)).of_unit(row.unit_id, ticket.line)
    kind = NoticeKind.INSTRUCTED if row.instruction else NoticeKind.FORMAL
    await tell_people(core, session, people, kind, ticket, formal=row.id, number=row.number)
    return row


async def _check(session: AsyncSession, ticket: Ticket, order: Order) -> None:
    errors = {}
    if not 10 <= len(order.demands.strip()) <= 4000:
        errors["demands"] = _("请写明督办要求，10到4000字")
    if not 1 <= order.days <= MOST_DAYS:
        errors["days"] = _("期限要在1到{n}个工作日之间").format(n=MOST_DAYS)
    handles = select(Assignment.id).where(
        Assignment.ticket_id == ticket.id, Assignment.unit_id == order.unit_id, Assignment.state.not_in(_GONE)
    )
    if (await session.scalars(handles.limit(1))).first() is None:
        errors["unit_id"] = _("请选择承办这张工单的单位")
    if errors:
        raise InvalidInput(errors=errors)


async def next_number(session: AsyncSession, prefix: str, sequence: object, now: datetime) -> str:
    """A number such as DB-2026-00012, from a sequence: two at once never get the same (lesson 14)."""
    value = await session.scalar(select(sequence.next_value()))  # type: ignore[attr-defined]
    return f"{prefix}-{to_city(now).year}-{value:05}"


def may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Orders on tickets that the actor may see; unit people only their own unit's. For statements with FormalSupervision and Ticket."""
    if not (may(actor, "card.see") or may(actor, "formal.answer")):
        return FormalSupervision.id.is_(None)
    condition = visible(core, actor)
    return condition & (FormalSupervision.unit_id == actor.unit_id) if actor.role and actor.role.in_unit else condition


async def access_formal(
    core: Core, session: AsyncSession, actor: Actor, number: str, *, lock: bool = False
) -> tuple[FormalSupervision, Ticket]:
    """The order with this number and its ticket, both locked when asked. Raises NotFound for what the actor may not see."""
    statement = select(Ticket).join(FormalSupervision, FormalSupervision.ticket_id == Ticket.id)
    statement = statement.where(FormalSupervision.number == number, may_see(core, actor))
    ticket = (await session.scalars(statement.with_for_update(of=Ticket) if lock else statement)).first()
    if ticket is None:
        raise NotFound(_("没有找到这份督办单"))
    row = select(FormalSupervision).where(FormalSupervision.number == number)
    return (await session.scalars(row.with_for_update() if lock else row)).one(), ticket


async def answer(core: Core, session: AsyncSession, actor: Actor, number: str, text: str) -> None:
    """The unit's chief or clerk reports what was done. The order stays open until it is concluded."""
    row, ticket = await access_formal(core, session, actor, number, lock=True)
    if not may(actor, "formal.answer"):
        raise NotAllowed(_("督办单由被督办的单位答复"))
    if row.state != "issued":
        raise IllegalStep(_("这份督办单已经答复，等督办审定"))
    if len(text.strip()) < 30:
        raise InvalidInput(_("答复至少写30个字：查到什么、怎么办的、结果如何"), field="answer")
    row.state, row.answer = "answered", text.strip()[:5000]
    row.answered_at, row.answered_by_id = core.clock.now(), actor.user_id
    await _note(core, session, actor, ticket, row, "supervise.formal_answered", row.answer)
    people = (await Directory.load(session)).of_role(ticket.line, Role.SUPERVISOR)
    await tell_people(core, session, [*people, row.issued_by_id], NoticeKind.FORMAL_ANSWERED, ticket, formal=row.id, number=row.number)


async def conclude(core: Core, session: AsyncSession, actor: Actor, number: str, *, accept: bool, text: str) -> None:
    """The supervisor or leader ends it, or sends the answer back with what is missing."""
    if not may(actor, "supervision.open"):
        raise NotAllowed(_("督办单由督办或领导审定"))
    row, ticket = await access_formal(core, session, actor, number, lock=True)
    if row.state != "answered":
        raise IllegalStep(_("单位还没有答复，不能审定"))
    if len(text.strip()) < (2 if accept else 5):
        raise InvalidInput(_("请写明审定意见；退回的，写明还缺什么"), field="conclusion")
    if accept:
        row.state, row.conclusion = "concluded", text.strip()[:2000]
        row.concluded_at, row.concluded_by_id = core.clock.now(), actor.user_id
    else:
        row.state, row.sent_back = "issued", row.sent_back + 1
    kind = NoticeKind.FORMAL_CONCLUDED if accept else NoticeKind.FORMAL_SENT_BACK
    await _note(core, session, actor, ticket, row, f"supervise.{kind.value}", text.strip())
    people = (await Directory.load(session)).of_unit(row.unit_id, ticket.line)
    await tell_people(core, session, people, kind, ticket, formal=row.id, number=row.number)


async def withdraw(core: Core, session: AsyncSession, actor: Actor, number: str, reason: str) -> None:
    """Issued by mistake: it stays on record as withdrawn, with the reason."""
    if not may(actor, "supervision.open"):
        raise NotAllowed(_("督办单由督办或领导撤回"))
    row, ticket = await access_formal(core, session, actor, number, lock=True)
    if row.state not in OPEN:
        raise IllegalStep(_("这份督办单已经结束"))
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明撤回的理由"), field="reason")
    row.state, row.conclusion = "withdrawn", reason.strip()[:1000]
    row.concluded_at, row.concluded_by_id = core.clock.now(), actor.user_id
    await _note(core, session, actor, ticket, row, "supervise.formal_withdrawn", reason.strip())


async def _note(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, row: FormalSupervision, event: str, text: str) -> None:
    await session.flush()
    await tell(core, session, actor, ticket, event, {"formal": row.id, "number": row.number, "unit": row.unit_id, "note": text[:500]})


@dataclass(frozen=True)
class FormalLine:
    """One line of the list."""

    formal: FormalSupervision
    ticket_number: str
    title: str
    unit: str
    overdue: bool


async def list_formal(
    core: Core, session: AsyncSession, actor: Actor, *, open_only: bool = False, before: int | None = None, limit: int = PAGE
) -> list[FormalLine]:
    """Orders, newest first."""
    statement = _lines(core, actor)
    if open_only:
        statement = statement.where(FormalSupervision.state.in_(OPEN))
    if before is not None:
        statement = statement.where(FormalSupervision.id < before)
    rows = await session.execute(statement.order_by(FormalSupervision.id.desc()).limit(limit))
    return [_line(core, row) for row in rows]


async def get_line(core: Core, session: AsyncSession, actor: Actor, number: str) -> FormalLine:
    """One order with what is printed beside it. Raises NotFound for what the actor may not see."""
    row = (await session.execute(_lines(core, actor).where(FormalSupervision.number == number))).first()
    if row is None:
        raise NotFound(_("没有找到这份督办单"))
    return _line(core, row)


def _lines(core: Core, actor: Actor) -> Select[FormalSupervision, str, str, str]:
    return (
        select(FormalSupervision, Ticket.number, Ticket.title, Unit.name)
        .join(Ticket, Ticket.id == FormalSupervision.ticket_id)
        .join(Unit, Unit.id == FormalSupervision.unit_id)
        .where(may_see(core, actor))
    )


def _line(core: Core, row: Any) -> FormalLine:
    order = row.FormalSupervision
    return FormalLine(order, row.number, row.title, row.name, order.state == "issued" and order.due_at <= core.clock.now())


async def of_ticket(session: AsyncSession, actor: Actor, ticket_id: int) -> Sequence[FormalSupervision]:
    """The orders of a ticket that came through its door; unit people see their own unit's."""
    statement = select(FormalSupervision).where(FormalSupervision.ticket_id == ticket_id).order_by(FormalSupervision.id)
    if actor.role and actor.role.in_unit:
        statement = statement.where(FormalSupervision.unit_id == actor.unit_id)
    return list(await session.scalars(statement))


async def tell_overdue(core: Core, session: AsyncSession, *, batch: int = 200) -> int:
    """Tell the unit and who ordered that an answer is overdue, once each; returns how many. Overdue closes nothing."""
    now = core.clock.now()
    late = (FormalSupervision.state == "issued") & (FormalSupervision.due_at <= now) & FormalSupervision.overdue_told_at.is_(None)
    statement = select(FormalSupervision, Ticket).join(Ticket, Ticket.id == FormalSupervision.ticket_id).where(late)
    statement = statement.order_by(FormalSupervision.due_at).limit(batch)
    rows = (await session.execute(statement.with_for_update(of=(Ticket, FormalSupervision), skip_locked=True))).all()
    for row, ticket in rows:
        people = (await Directory.load(session)).of_unit(row.unit_id, ticket.line)
        await tell_people(core, session, [*people, row.issued_by_id], NoticeKind.FORMAL_OVERDUE, ticket, formal=row.id, number=row.number)
        row.overdue_told_at = now
    await session.flush()
    return len(rows)
