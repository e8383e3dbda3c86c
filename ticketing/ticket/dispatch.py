"""Handing a ticket to units, and the steps before: submit, answer, refuse, ask for more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback.tasks import cancel_open, evaluated
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import (
    pause_clocks,
    policy_for,
    resume_clocks,
    running,
    start_dispatch_clock,
    start_handling_clocks,
    start_window,
    stop_clocks,
)
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role, Unit
from ticketing.plain_text import plain
from ticketing.relation.investigation import open_investigation
from ticketing.relation.links import master_of
from ticketing.request.pending import withdraw_pending
from ticketing.suggestion import similar
from ticketing.taxonomy.models import Category
from ticketing.ticket import workflow_versions
from ticketing.ticket.area import MAX_AREA
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality, DispatchMode, HandlingKind, Kind, TicketState, Urgency
from ticketing.ticket.steps import move, take_step, tell

LEADER_DAYS = (7, 10, 30)
MAX_INFO_REQUESTS = 2


async def submit(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, category_code: str, urgency: Urgency, title: str = ""
) -> None:
    """T8: the ticket is complete and may be dispatched. Raises InvalidInput for an unknown category."""
    if await session.get(Category, category_code) is None:
        raise InvalidInput(_("请选择类别"), field="category_code")
    changed: dict[str, Any] = {"category_code": category_code, "urgency": urgency.value}
    if plain(title).strip():
        changed["title"] = plain(title).strip()[:100]
    faster, other = urgency.value != ticket.urgency, category_code != ticket.category_code
    await take_step(core, session, actor, ticket, "submit", data={"category": category_code, "urgency": urgency.value}, **changed)
    if other:
        await similar.remember(session, ticket)
    if faster:
        await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH, cancelled=True)
        await start_dispatch_clock(core, session, ticket)


@dataclass(frozen=True)
class CoUnit:
    """A unit that helps (协办), with its own sub-deadline."""

    unit_id: int
    until: datetime | None = None
    """Its own due time, not after the lead unit's; None: the policy's limit for co-units."""


@dataclass(frozen=True)
class Order:
    """What the dispatcher decides (T9)."""

    unit_id: int
    mode: DispatchMode
    handling: HandlingKind | None = None
    leader_days: int | None = None
    """7, 10 or 30, for a leader's instruction."""
    instruction: str = ""
    co_units: tuple[CoUnit, ...] = ()
    override_reason: str = ""
    """Why the reported unit may lead all the same; only a supervisor's counts (B12)."""
    district: str = ""
    """The area, where registration left it open or had it wrong; see `ticketing.ticket.area`."""
    why: dict[str, Any] = field(default_factory=dict)
    """What an automatic dispatch was decided by; stands in the event."""

    @property
    def unit_ids(self) -> set[int]:
        """Lead and co-units."""
        return {self.unit_id, *(co.unit_id for co in self.co_units)}


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
    co_until: datetime | None = None,
    override_reason: str = "",
    handling: HandlingKind | None = None,
    leader_days: int | None = None,
    district: str = "",
) -> Assignment:
    """T9 with plain arguments; see `dispatch_order`."""
    co_units = tuple(CoUnit(unit, co_until) for unit in dict.fromkeys(co_unit_ids))
    order = Order(unit_id, mode, handling, leader_days, instruction, co_units, override_reason, district)
    return await dispatch_order(core, session, actor, ticket, order)


async def dispatch_order(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, order: Order) -> Assignment:
    """T9 and T12: give the ticket to a lead unit (and co-units) and start their clocks.

    A registered ticket that already has a category is submitted in the same transaction. The handling clock starts here,
    not when the unit signs, so that nobody stops time by not signing. Raises InvalidInput or IllegalStep.
    """
    if ticket.state == TicketState.REGISTERED.value:
        if ticket.category_code is None:
            raise InvalidInput(_("请选择类别"), field="category_code")
        await submit(core, session, actor, ticket, category_code=ticket.category_code, urgency=Urgency(ticket.urgency))
    if order.mode is DispatchMode.LEADER and order.leader_days not in LEADER_DAYS:
        raise InvalidInput(_("领导批示件请选择7天、10天或30天"), field="leader_days")
    area = _area(ticket, order)
    await check_units(session, actor, ticket, order)
    now = core.clock.now()
    handling = order.handling or _handling(ticket, order)
    days = order.leader_days if order.mode is DispatchMode.LEADER else None
    chosen = await policy_for(session, ticket, at=now, mode=order.mode, handling=handling, leader_days=days)
    data = {"unit": order.unit_id, "mode": order.mode.value, "policy": chosen.key, "policy_version": chosen.version}
    if order.instruction.strip():
        data["instruction"] = order.instruction.strip()
    if area != ticket.district:
        data["area"] = area
    if order.override_reason.strip():
        data["override"] = order.override_reason.strip()
    await take_step(
        core, session, actor, ticket, "dispatch", data={**data, **order.why},
        district=area, dispatch_mode=order.mode.value, leader_days=days, handling_kind=handling.value,
        policy_key=chosen.key, policy_version=chosen.version, dispatched_at=now,
    )  # fmt: skip
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH)
    return await assign_units(core, session, actor, ticket, order)


def _handling(ticket: Ticket, order: Order) -> HandlingKind:
    """How it is handled when the dispatcher does not say: jointly as long as units help, and not any more when one unit is left (T12)."""
    usual = HandlingKind(ticket.handling_kind)
    if usual is HandlingKind.HARD:
        return usual
    if order.co_units:
        return HandlingKind.JOINT
    return HandlingKind.PROMISED if usual is HandlingKind.JOINT else usual


def _area(ticket: Ticket, order: Order) -> str:
    """T1: nothing is dispatched while nobody has said where it is. Raises InvalidInput."""
    area = plain(order.district).strip() or ticket.district
    if not area:
        raise InvalidInput(_("登记时没有说清在哪里，请选择区县；涉及全市的选“全市”，问不清的选“不详”"), field="district")
    if len(area) > MAX_AREA:
        raise InvalidInput(_("这里最多{limit}个字").format(limit=MAX_AREA), field="district")
    return area


async def assign_units(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, order: Order, *, by_ruling: bool = False
) -> Assignment:
    """The assignments of an order with their clocks. From the third return on the supervisor owns it and the unit only helps (D06)."""
    investigated = await open_investigation(session, ticket)
    gone = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.state == AssignmentState.RETURNED.value).limit(1)
    again = await session.scalar(gone) is not None
    lead = await assign(
        core,
        session,
        actor,
        ticket,
        order.unit_id,
        lead=investigated is None,
        instruction=order.instruction,
        by_ruling=by_ruling,
        again=again,
    )
    for co in order.co_units:
        await assign(
            core, session, actor, ticket, co.unit_id, lead=False, instruction=order.instruction, until=co.until, by_ruling=by_ruling
        )
    return lead


async def check_units(session: AsyncSession, actor: Actor, ticket: Ticket, order: Order) -> None:
    """Whether these units may get this ticket. Raises InvalidInput."""
    wanted, co_units = order.unit_ids, [co.unit_id for co in order.co_units]
    active = set(await session.scalars(select(Unit.id).where(Unit.id.in_(wanted), Unit.active, Unit.level > 1)))
    if order.unit_id not in active:
        raise InvalidInput(_("请选择承办单位"), field="unit_id")
    if wanted - active or len(wanted) <= len(co_units):
        raise InvalidInput(_("协办单位不存在，或与主办单位相同"), field="co_unit_ids")
    if ticket.reported_unit_id in wanted and not (actor.has(Role.SUPERVISOR) and order.override_reason.strip()):
        raise InvalidInput(_("不能派给被反映的单位。确有必要时由督办说明理由后派出"), field="unit_id")


async def assign(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    ticket: Ticket,
    unit_id: int,
    *,
    lead: bool,
    instruction: str = "",
    until: datetime | None = None,
    by_ruling: bool = False,
    again: bool = False,
    parent_id: int | None = None,
) -> Assignment:
    """One unit's part with its clocks. `again`: another unit returned it before (T12). Raises InvalidInput."""
    rule = (await workflow_versions.current(session)).assignment.transitions["reassign" if again else "assign"]
    assignment = Assignment(
        ticket_id=ticket.id,
        unit_id=unit_id,
        lead=lead,
        state=rule.target.value,
        instruction=instruction.strip()[:1000],
        assigned_at=core.clock.now(),
        assigned_by_id=actor.user_id,
        by_ruling=by_ruling,
        parent_id=parent_id,
    )
    session.add(assignment)
    await session.flush()
    await start_handling_clocks(core, session, ticket, assignment.id, lead=lead, until=until, parent_id=parent_id)
    data: dict[str, Any] = {"assignment": assignment.id, "unit": unit_id, "lead": lead}
    if parent_id is not None:
        data["parent"] = parent_id
    await tell(core, session, actor, ticket, rule.event, data)
    return assignment


async def answer(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, text: str) -> None:
    """T2: answered on the spot. At least 20 characters; the citizen is asked to rate it.

    Once per matter: who was not satisfied with such an answer is not answered so again, a unit handles it (T30).
    Raises InvalidInput, IllegalStep.
    """
    if len(text.strip()) < 20:
        raise InvalidInput(_("答复至少写20个字，把依据和办法说清楚"), field="answer")
    if await evaluated(session, ticket):
        raise IllegalStep(_("市民对当场的答复不满意，不能再直接答复，请派给承办单位办理"))
    await take_step(core, session, actor, ticket, "answer", data={"answer": text.strip()}, answer=text.strip())
    await stop_clocks(core, session, ticket.id, ClockKind.DISPATCH)
    await start_window(core, session, ticket, ClockKind.EVALUATION)


async def request_info(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, missing: str) -> None:
    """T5: ask the citizen for everything that is missing, in one notice; at most two notices. The dispatch clock is paused."""
    if len(missing.strip()) < 5:
        raise InvalidInput(_("请一次写明要补充的全部内容"), field="missing")
    if ticket.info_requests >= MAX_INFO_REQUESTS:
        raise IllegalStep(_("已经请市民补充过{n}次，不能再要求补充：按已知情况办理，或按无法联系办结").format(n=MAX_INFO_REQUESTS))
    data = {"missing": missing.strip(), "notice": ticket.info_requests + 1}

    async def clocks() -> None:
        await pause_clocks(core, session, ticket.id, ClockKind.DISPATCH)
        await start_window(core, session, ticket, ClockKind.SUPPLEMENT)

    await take_step(core, session, actor, ticket, "request_info", data=data, clocks=clocks, info_requests=ticket.info_requests + 1)


async def supplement(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, text: str) -> None:
    """T6 when the citizen was asked; otherwise only noted on the open ticket (B15). The words are kept as they came.

    What is said under the number of a merged ticket reaches its master (zammad 983).
    """
    text = plain(text).strip()
    if not 2 <= len(text) <= 2000:
        raise InvalidInput(_("请写明要补充的内容，2000字以内"), field="text")
    if ticket.state == TicketState.NEED_INFO.value:
        await go_on(core, session, actor, ticket, {"text": text})
        return
    master = await master_of(session, ticket)
    if not TicketState(master.state).is_open:
        raise InvalidInput(_("这件事已经办结，不能再补充。如有新情况，请重新反映"), field="text")
    if master is not ticket:
        await tell(core, session, actor, master, "ticket.supplemented", {"text": text, "from_number": ticket.number})
    await tell(core, session, actor, ticket, "ticket.supplemented", {"text": text}, public=True)


async def go_on(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, data: dict[str, Any]) -> None:
    """T6: back from waiting for the citizen; the dispatch clock goes on with what was left."""
    await take_step(core, session, actor, ticket, "supplement", data=data)
    await stop_clocks(core, session, ticket.id, ClockKind.SUPPLEMENT)
    resumed = await resume_clocks(core, session, ticket.id, ClockKind.DISPATCH)
    # after the second window the dispatcher's clock runs already: he is to decide (ticketing.ticket.windows)
    if not resumed and not any(clock.kind == ClockKind.DISPATCH.value for clock in await running(session, ticket.id)):
        await start_dispatch_clock(core, session, ticket)


def why_not_withdrawn(ticket: Ticket) -> str:
    """Why the citizen cannot take this open appeal back, in words for him; empty: he can (T26).

    Danger stays with us even when he thinks better of it, and so does what was handed to an emergency line and not followed up yet.
    """
    secret_report = ticket.kind == Kind.REPORT.value and ticket.confidentiality == Confidentiality.SECRET.value
    if ticket.urgency == Urgency.EMERGENCY.value or ticket.state == TicketState.EMERGENCY_OUT.value or secret_report:
        return _("涉及人身安全的事项和保密举报不能撤回，我们会继续办理")
    if ticket.interest_count > 1:
        return _("同一件事还有其他市民反映，不能撤回，我们会继续办理")
    return ""


async def withdraw(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str = "") -> None:
    """T26: the citizen takes the appeal back; open assignments end. Raises IllegalStep: `why_not_withdrawn`."""
    if why := why_not_withdrawn(ticket):
        raise IllegalStep(why)
    await take_step(core, session, actor, ticket, "withdraw", data={"reason": reason.strip()[:500]})
    await end_open_work(core, session, ticket)


async def end_open_work(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """Nobody has to do anything for this ticket any more: clocks, assignments and the callback are cancelled."""
    await stop_clocks(core, session, ticket.id, cancelled=True)
    done = (AssignmentState.ACCEPTED.value, AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
    for assignment in await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id, Assignment.state.not_in(done))):
        await move(session, SYSTEM, assignment, "cancel")
    await withdraw_pending(core, session, ticket)
    await cancel_open(core, session, ticket)
    await session.flush()
