"""Handing a ticket to units, and the steps before: submit, answer, refuse, ask for more."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.tasks import cancel_open
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import policy_for, start_dispatch_clock, start_handling_clocks, stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.taxonomy.models import Category
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode, TicketState, Urgency
from ticketing.ticket.steps import take_step, tell


async def submit(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, category_code: str, urgency: Urgency, title: str = ""
) -> None:
    """T8: the ticket is complete and may be dispatched. Raises InvalidInput for an unknown category."""
    if await session.get(Category, category_code) is None:
        raise InvalidInput(_("请选择类别"), field="category_code")
    changed = {"category_code": category_code, "urgency": urgency.value}
    if title.strip():
        changed["title"] = title.strip()[:100]
    faster = urgency.value != ticket.urgency
    await take_step(core, session, actor, ticket, "submit", data={"category": category_code, "urgency": urgency.value}, **changed)
    if faster:
        await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH, cancelled=True)
        await start_dispatch_clock(core, session, ticket)


async def dispatch(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    *,
    unit_id: int,
    mode: DispatchMode,
    instruction: str = "",
    co_unit_ids: tuple[int, ...] = (),
    override_reason: str = "",
) -> Assignment:
    """T9: give the ticket to a lead unit (and co-units) and start their clocks.

    A registered ticket that already has a category is submitted in the same transaction. The reported unit cannot lead
    unless a supervisor gives a reason (B12). Raises InvalidInput or IllegalStep.
    """
    if ticket.state == TicketState.REGISTERED.value:
        if ticket.category_code is None:
            raise InvalidInput(_("请选择类别"), field="category_code")
        await submit(core, session, actor, ticket, category_code=ticket.category_code, urgency=Urgency(ticket.urgency))
    await _check_units(session, actor, ticket, unit_id, co_unit_ids, override_reason)
    chosen = await policy_for(session, ticket, at=core.clock.now(), mode=mode)
    await take_step(
        core,
        session,
        actor,
        ticket,
        "dispatch",
        data={
            "unit": unit_id,
            "mode": mode.value,
            "policy": chosen.key,
            "instruction": instruction,
            **({"override": override_reason} if override_reason else {}),
        },
        dispatch_mode=mode.value,
        policy_key=chosen.key,
        policy_version=chosen.version,
        dispatched_at=core.clock.now(),
    )
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH)
    lead = await _assign(core, session, actor, ticket, unit_id, lead=True, instruction=instruction)
    for co_unit in dict.fromkeys(co_unit_ids):
        await _assign(core, session, actor, ticket, co_unit, lead=False, instruction=instruction)
    return lead


async def _check_units(
    session: AsyncSession, actor: Actor, ticket: Ticket, unit_id: int, co_unit_ids: tuple[int, ...], override_reason: str
) -> None:
    wanted = {unit_id, *co_unit_ids}
    active = set(await session.scalars(select(Unit.id).where(Unit.id.in_(wanted), Unit.active, Unit.level > 1)))
    if unit_id not in active:
        raise InvalidInput(_("请选择承办单位"), field="unit_id")
    if wanted - active or unit_id in co_unit_ids:
        raise InvalidInput(_("协办单位不存在，或与主办单位相同"), field="co_unit_ids")
    if ticket.reported_unit_id in wanted and not (actor.has(Role.SUPERVISOR) and override_reason.strip()):
        raise InvalidInput(_("不能派给被反映的单位。确有必要时由督办说明理由后派出"), field="unit_id")


async def _assign(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, unit_id: int, *, lead: bool, instruction: str
) -> Assignment:
    now = core.clock.now()
    assignment = Assignment(
        ticket_id=ticket.id,
        unit_id=unit_id,
        lead=lead,
        state=AssignmentState.ASSIGNED.value,
        instruction=instruction.strip()[:1000],
        assigned_at=now,
        assigned_by_id=actor.user_id,
    )
    session.add(assignment)
    await session.flush()
    await start_handling_clocks(core, session, ticket, assignment.id, lead=lead)
    await tell(core, session, actor, ticket, "assignment.created", {"assignment": assignment.id, "unit": unit_id, "lead": lead})
    return assignment


async def answer(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, text: str) -> None:
    """T2: answered on the spot. At least 20 characters; the citizen is asked to rate it."""
    if len(text.strip()) < 20:
        raise InvalidInput(_("答复至少写20个字，把依据和办法说清楚"), field="answer")
    await take_step(core, session, actor, ticket, "answer", data={"answer": text.strip()}, answer=text.strip())
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH)


async def reject(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, reason: str, legal_way: str) -> None:
    """T4: not accepted; the reason and the right legal way are told to the citizen."""
    if not reason.strip() or len(legal_way.strip()) < 5:
        raise InvalidInput(_("不予受理要写明理由，并告诉市民应当走的法定途径"), field="reason")
    text = f"{reason.strip()}。{legal_way.strip()}"
    await take_step(core, session, actor, ticket, "reject", data={"reason": reason.strip(), "legal_way": legal_way.strip()}, answer=text)
    await stop_clocks(core, session, ticket.id, cancelled=True)


async def request_info(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, missing: str) -> None:
    """T5: ask the citizen for everything that is missing, in one notice. The dispatch clock stops meanwhile."""
    if len(missing.strip()) < 5:
        raise InvalidInput(_("请一次写明要补充的全部内容"), field="missing")
    await take_step(core, session, actor, ticket, "request_info", data={"missing": missing.strip()})
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH, cancelled=True)


async def supplement(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, text: str) -> None:
    """T6 when the citizen was asked; otherwise only noted on the open ticket. The words are kept as they came."""
    text = text.strip()
    if not 2 <= len(text) <= 2000:
        raise InvalidInput(_("请写明要补充的内容，2000字以内"), field="text")
    if ticket.state == TicketState.NEED_INFO.value:
        await take_step(core, session, actor, ticket, "supplement", data={"text": text})
        await start_dispatch_clock(core, session, ticket)
    elif TicketState(ticket.state).is_open:
        await tell(core, session, actor, ticket, "ticket.supplemented", {"text": text}, public=True)
    else:
        raise InvalidInput(_("这件事已经办结，不能再补充。如有新情况，请重新反映"), field="text")


async def urge(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, note: str = "") -> None:
    """催办: by citizen, agent, dispatcher, supervisor or leader, on an open ticket."""
    if not TicketState(ticket.state).is_open:
        raise InvalidInput(_("这件事已经办结，不需要再催"))
    await tell(core, session, actor, ticket, "supervise.urged", {"note": note.strip()[:500]}, public=True)


async def withdraw(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str = "") -> None:
    """T26: the citizen takes the appeal back; open assignments end."""
    await take_step(core, session, actor, ticket, "withdraw", data={"reason": reason.strip()[:500]})
    await end_open_work(core, session, ticket)


async def end_open_work(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """Nobody has to do anything for this ticket any more: clocks, assignments and the callback are cancelled."""
    await stop_clocks(core, session, ticket.id, cancelled=True)
    open_states = [state.value for state in AssignmentState if state.is_open]
    for assignment in await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state.in_(open_states))):
        assignment.state = AssignmentState.CANCELLED.value
    await cancel_open(core, session, ticket)
    await session.flush()
