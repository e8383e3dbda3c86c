"""Clocks: start, pause, go on, extend, stop. A clock is a row; the sweep in `ticketing.supervision` moves its stage.

Every function flushes and never commits, and expects the ticket row to be locked by the caller.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.calendar.service import work_calendar
from ticketing.calendar.working_time import WorkCalendar
from ticketing.context import Core
from ticketing.deadline import compute
from ticketing.deadline.book import policies, policy_for, policy_of
from ticketing.deadline.compute import Extension, Moments, Pause
from ticketing.deadline.limits import MOST_HOURS, Limit, Options, options_of
from ticketing.deadline.models import OPEN, ClockKind, ClockState, Deadline, Stage
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency
from ticketing.words import word

HANDLING = (ClockKind.SIGN, ClockKind.CONTACT, ClockKind.ON_SITE, ClockKind.PLAN, ClockKind.HANDLE)
"""The clocks of a unit's part, in the order in which they start."""


async def start_clock(
    core: Core,
    session: AsyncSession,
    ticket: Ticket,
    kind: ClockKind,
    limit: Limit,
    *,
    assignment_id: int | None = None,
    started_at: datetime | None = None,
    options: Options | None = None,
) -> Deadline:
    """Start a clock, now or counted from `started_at`. A running one of the same kind must have been stopped before.

    `options` (end, roll, warnings) are those of the ticket's policy unless given. The database refuses a second clock.
    """
    deadline = Deadline(
        ticket_id=ticket.id,
        assignment_id=assignment_id,
        kind=kind.value,
        state=ClockState.RUNNING.value,
        stage=Stage.CALM.value,
        started_at=(started_at or core.clock.now()).astimezone(UTC),
        adjustments=[],
        extensions=0,
    )
    if options is None:
        options = (await policy_of(session, ticket)).options if ticket.policy_key else compute.USUAL
    set_terms(core, deadline, limit, options)
    recompute(await work_calendar(session), deadline)
    session.add(deadline)
    await session.flush()
    return deadline


def set_terms(core: Core, deadline: Deadline, limit: Limit, options: Options) -> None:
    """Write limit and options into the row; with the literal reading, working days become calendar days."""
    limit = limit.literal() if core.literal_days else limit
    deadline.limit_value, deadline.limit_unit, deadline.options = limit.value, limit.unit, options.as_data()


def terms_of(deadline: Deadline) -> tuple[Limit, Options, tuple[compute.Adjustment, ...]]:
    """What the moments of a clock are computed from."""
    limit = Limit(deadline.limit_value, deadline.limit_unit)
    return limit, options_of(deadline.options or {}), compute.adjustments_of(deadline.adjustments or [])


def recompute(calendar: WorkCalendar, deadline: Deadline) -> None:
    """Compute all moments of an open clock anew from what its row keeps, and what the sweep looks for next.

    A stage may fall back when the due time moved away, so that the reminders come again; cards already given stay. A
    stage is never raised here: the sweep does that, with its events and cards.
    """
    limit, options, adjustments = terms_of(deadline)
    _write(calendar, deadline, compute.moments(calendar, deadline.started_at, limit, options, adjustments))


def _write(calendar: WorkCalendar, deadline: Deadline, times: Moments) -> None:
    deadline.white_at, deadline.amber_at, deadline.red_at = times.white_at, times.amber_at, times.red_at
    deadline.yellow_at = times.yellow_at if times.yellow_at != times.due_at else None
    deadline.due_at, deadline.provisional, deadline.calendar_version = times.due_at, times.provisional, calendar.version
    deadline.next_stage_at = deadline.moment_after(Stage(deadline.stage)) if deadline.state == ClockState.RUNNING.value else None


def fall_back(deadline: Deadline, now: datetime) -> None:
    """Put a stage whose moment lies ahead again back to the one that holds at `now`, and look for the next from there."""
    stage = Stage(deadline.stage)
    stages = list(Stage)
    while stage is not Stage.CALM and deadline.moment(stage) > now:
        stage = stages[stages.index(stage) - 1]
    deadline.stage = stage.value
    if deadline.state == ClockState.RUNNING.value:
        deadline.next_stage_at = deadline.moment_after(stage)


async def start_dispatch_clock(core: Core, session: AsyncSession, ticket: Ticket, *, started_at: datetime | None = None) -> Deadline:
    """The centre's own clock until dispatch, by urgency."""
    limits = (await policies(session, core.clock.now())).dispatch
    options = compute.USUAL
    return await start_clock(
        core, session, ticket, ClockKind.DISPATCH, limits[Urgency(ticket.urgency)], started_at=started_at, options=options
    )


async def plan_dispatch_clock(core: Core, session: AsyncSession, ticket: Ticket) -> Deadline:
    """The same clock before its ticket is stored, without the ticket's id: registration writes both with their due time at once."""
    limits = (await policies(session, core.clock.now())).dispatch
    deadline = Deadline(
        kind=ClockKind.DISPATCH.value,
        state=ClockState.RUNNING.value,
        stage=Stage.CALM.value,
        started_at=core.clock.now().astimezone(UTC),
        adjustments=[],
        extensions=0,
    )
    set_terms(core, deadline, limits[Urgency(ticket.urgency)], compute.USUAL)
    recompute(await work_calendar(session), deadline)
    return deadline


async def start_window(core: Core, session: AsyncSession, ticket: Ticket, kind: ClockKind) -> Deadline:
    """Start a window of citizen or centre (or the ruling of a dispute) with the limit of the centre's policy."""
    centre = (await policies(session, core.clock.now())).centre
    return await start_clock(core, session, ticket, kind, centre.windows[kind], options=compute.USUAL)


async def start_window_until(
    core: Core, session: AsyncSession, ticket: Ticket, kind: ClockKind, until: datetime, *, assignment_id: int | None = None
) -> Deadline:
    """Start a window that ends at a moment somebody chose, such as a suspension's review date."""
    now = core.clock.now()
    if until <= now:
        raise InvalidInput(_("日期应在今天以后"), field="until")
    limit = Limit((until - now).total_seconds() / 3600, "h")
    return await start_clock(core, session, ticket, kind, limit, assignment_id=assignment_id, options=compute.USUAL)


async def start_policy_clock(
    core: Core, session: AsyncSession, ticket: Ticket, kind: ClockKind, *, assignment_id: int | None = None
) -> Deadline | None:
    """Start the clock of `kind` that the ticket's policy has; None when the policy has none (praise, consult's contact)."""
    chosen = await policy_of(session, ticket)
    limit = chosen.limits.get(kind)
    if limit is None:
        return None
    return await start_clock(core, session, ticket, kind, limit, assignment_id=assignment_id, options=chosen.options)


async def start_review_clock(core: Core, session: AsyncSession, ticket: Ticket) -> Deadline:
    """The centre's own clock of the review (T19): as the ticket's policy says, else the centre's, also for praise (decision 0243)."""
    chosen = await policy_of(session, ticket)
    limit = chosen.limits.get(ClockKind.REVIEW) or (await policies(session, core.clock.now())).centre.review
    return await start_clock(core, session, ticket, ClockKind.REVIEW, limit, options=chosen.options)


async def start_handling_clocks(
    core: Core,
    session: AsyncSession,
    ticket: Ticket,
    assignment_id: int,
    *,
    lead: bool,
    until: datetime | None = None,
    parent_id: int | None = None,
    kinds: Collection[ClockKind] = HANDLING,
) -> list[Deadline]:
    """Start the clocks of an assignment by the ticket's policy: sign, contact, on_site, plan, handle, of them those in `kinds`.

    A co-unit has a sign clock and its own, shorter handle clock (`co_handle`); the dispatcher may set its end himself
    (`until`), which may not lie after that of whom it helps (`parent_id`, or the lead unit). Nobody is contacted when the
    person is unknown.
    """
    chosen = await policy_of(session, ticket)
    nobody = ticket.anonymous or ticket.citizen_id is None
    limits = dict(chosen.limits)
    if not lead:
        limits = {kind: limit for kind, limit in limits.items() if kind is ClockKind.SIGN}
        if handle := chosen.co_handle or chosen.limits.get(ClockKind.HANDLE):
            limits[ClockKind.HANDLE] = handle
    started = []
    for kind in HANDLING:
        if kind not in kinds or kind not in limits or (kind is ClockKind.CONTACT and nobody):
            continue
        limit, options = limits[kind], chosen.options
        if kind is ClockKind.HANDLE and until is not None:
            limit, options = _until(core.clock.now(), until, await latest_end(core, session, ticket.id, parent_id)), compute.USUAL
        started.append(await start_clock(core, session, ticket, kind, limit, assignment_id=assignment_id, options=options))
    return started


async def clocks_of_new_lead(core: Core, session: AsyncSession, ticket: Ticket, assignment: Assignment) -> None:
    """A unit that helped leads from now on: its own shorter clock ends, and it owes what a lead unit owes (contact, plan, reply).

    Whether it has signed stays as it is; who has spoken with the citizen already need not do so again.
    """
    kinds = {ClockKind.ON_SITE, ClockKind.PLAN, ClockKind.HANDLE} | ({ClockKind.CONTACT} if assignment.contacted_at is None else set())
    await stop_clocks(core, session, ticket.id, *kinds, assignment_id=assignment.id, cancelled=True)
    await start_handling_clocks(core, session, ticket, assignment.id, lead=True, kinds=kinds)


async def latest_end(core: Core, session: AsyncSession, ticket_id: int, parent_id: int | None = None) -> datetime | None:
    """How late a co-unit's own date may lie: when the unit that passed the part on, or the lead unit, is due itself.

    Who has answered already was due by the date that the citizen was told: it holds for those who help as long as it lies ahead.
    """
    answered = Deadline.state.in_((ClockState.MET.value, ClockState.LATE.value)) & (Deadline.due_at > core.clock.now())
    ends = select(Deadline.due_at).where(
        Deadline.ticket_id == ticket_id,
        Deadline.kind == ClockKind.HANDLE.value,
        (Deadline.state == ClockState.RUNNING.value) | answered,
    )
    whose = Deadline.assignment_id == parent_id
    if parent_id is None:
        gone = (AssignmentState.RETURNED.value, AssignmentState.CANCELLED.value)
        leads = select(Assignment.id).where(Assignment.ticket_id == ticket_id, Assignment.lead, Assignment.state.not_in(gone))
        whose = Deadline.assignment_id.in_(leads)
    return await session.scalar(ends.where(whose).order_by(Deadline.id.desc()).limit(1))


def _until(now: datetime, until: datetime, latest: datetime | None) -> Limit:
    """The length of a sub-deadline that somebody chose. Raises InvalidInput."""
    hours = (until - now).total_seconds() / 3600
    if not 0 < hours <= MOST_HOURS or (latest is not None and now < latest < until):
        raise InvalidInput(_("协办期限应在现在以后、主办期限以前"), field="co_until")
    return Limit(hours, "h")


async def set_end(core: Core, session: AsyncSession, deadline: Deadline, until: datetime, *, latest: datetime | None) -> None:
    """Let a running clock end at `until`, whatever its policy says; pauses so far stay. The caller's event keeps the old one.

    Raises InvalidInput for what is past or after `latest`.
    """
    _until(core.clock.now(), until, latest)
    pauses = [each for each in compute.adjustments_of(deadline.adjustments or []) if isinstance(each, Pause)]
    paused = sum((each.end - each.start).total_seconds() for each in pauses)
    deadline.adjustments = [compute.as_data(each) for each in pauses]
    set_terms(core, deadline, Limit(((until - deadline.started_at).total_seconds() - paused) / 3600, "h"), compute.USUAL)
    recompute(await work_calendar(session), deadline)
    fall_back(deadline, core.clock.now())
    await session.flush()


def _open_clocks(ticket_id: int, kinds: tuple[ClockKind, ...], assignment_id: int | None, states: tuple[str, ...]) -> Select[Any]:
    statement = select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.state.in_(states))
    if kinds:
        statement = statement.where(Deadline.kind.in_([kind.value for kind in kinds]))
    if assignment_id is not None:
        statement = statement.where(Deadline.assignment_id == assignment_id)
    return statement.order_by(Deadline.id).with_for_update()


async def pause_clocks(
    core: Core, session: AsyncSession, ticket_id: int, *kinds: ClockKind, assignment_id: int | None = None
) -> list[Deadline]:
    """Stop the running clocks of these kinds (all when none is named) for a while; returns those that were paused.

    What is left is kept in the time the clock counts: office time for `wd` and `wh`, any time for `h` and `d`. It is
    negative for a clock that is late already, which a pause does not make punctual.
    """
    now, calendar, paused = core.clock.now(), await work_calendar(session), []
    for deadline in await session.scalars(_open_clocks(ticket_id, kinds, assignment_id, (ClockState.RUNNING.value,))):
        limit = Limit(deadline.limit_value, deadline.limit_unit)
        deadline.state, deadline.paused_at, deadline.next_stage_at = ClockState.PAUSED.value, now, None
        deadline.remaining_seconds = compute.elapsed(calendar, limit, now, deadline.due_at)
        paused.append(deadline)
    await session.flush()
    return paused


async def resume_clocks(
    core: Core, session: AsyncSession, ticket_id: int, *kinds: ClockKind, assignment_id: int | None = None
) -> list[Deadline]:
    """Let paused clocks of these kinds (all when none is named) go on with what was left; returns them."""
    now, calendar, resumed = core.clock.now(), await work_calendar(session), []
    for deadline in await session.scalars(_open_clocks(ticket_id, kinds, assignment_id, (ClockState.PAUSED.value,))):
        if deadline.paused_at is not None and deadline.paused_at < now:
            deadline.adjustments = [*deadline.adjustments, compute.as_data(Pause(deadline.paused_at, now))]
        deadline.state, deadline.paused_at, deadline.remaining_seconds = ClockState.RUNNING.value, None, None
        recompute(calendar, deadline)
        resumed.append(deadline)
    await session.flush()
    return resumed


async def extend_clock(core: Core, session: AsyncSession, deadline: Deadline, limit: Limit) -> Deadline:
    """Move the due time by `limit`. The first due time stays in `original_due_at`; cards already given stay.

    Only before expiry and only as often as the ticket's policy allows. Who may approve it is the policy's
    `extension(deadline.extensions).by`; the request object checks that. Raises IllegalStep or InvalidInput.
    """
    now = core.clock.now()
    if not ClockState(deadline.state).is_open:
        raise IllegalStep(_("这个时限已经结束，不能再延期"))
    if (deadline.paused_at or now) >= deadline.due_at:
        raise IllegalStep(_("已经到期，不能再延期。延期要在到期以前批准"))
    ticket = await session.get_one(Ticket, deadline.ticket_id)
    if ticket.policy_key is not None:
        rule = (await policy_of(session, ticket)).extension(deadline.extensions)
        if rule is None:
            raise IllegalStep(_("这张工单不能再延期：已延期{n}次").format(n=deadline.extensions))
        if rule.limit is not None:
            refuse_longer(limit, rule.limit)
    if core.literal_days:
        limit = limit.literal()
    deadline.original_due_at = deadline.original_due_at or deadline.due_at
    deadline.extensions += 1
    deadline.adjustments = [*deadline.adjustments, compute.as_data(Extension(limit))]
    calendar = await work_calendar(session)
    recompute(calendar, deadline)
    fall_back(deadline, deadline.paused_at or now)
    if deadline.paused_at is not None:
        counted = Limit(deadline.limit_value, deadline.limit_unit)
        deadline.remaining_seconds = compute.elapsed(calendar, counted, deadline.paused_at, deadline.due_at)
    await session.flush()
    return deadline


_HOURS = {"h": 1.0, "wh": 3.0, "wd": 24.0, "d": 24.0}
"""How lengths in different units compare: an office day has about eight hours."""


def refuse_longer(limit: Limit, allowed: Limit) -> None:
    """Raises InvalidInput when somebody asks for more time than the policy allows, in whatever unit."""
    if limit.value * _HOURS[limit.unit] > allowed.value * _HOURS[allowed.unit]:
        text = _("延期最多{n}{unit}").format(n=f"{allowed.value:g}", unit=word("limit_unit", allowed.unit))
        raise InvalidInput(text, field="limit_value")


async def stop_clocks(
    core: Core, session: AsyncSession, ticket_id: int, *kinds: ClockKind, assignment_id: int | None = None, cancelled: bool = False
) -> None:
    """Stop the open clocks of these kinds (all kinds when none is named), of one assignment when given.

    A clock stopped by its due moment is met, after it late; the moment itself is too late (half-open interval). A paused
    clock counts as stopped when it was paused.
    """
    now = core.clock.now()
    for deadline in await session.scalars(_open_clocks(ticket_id, kinds, assignment_id, OPEN)):
        met = ClockState.MET if (deadline.paused_at or now) < deadline.due_at else ClockState.LATE
        deadline.state = (ClockState.CANCELLED if cancelled else met).value
        deadline.stopped_at, deadline.next_stage_at, deadline.paused_at, deadline.remaining_seconds = now, None, None, None
    await session.flush()


async def go_on_after_review(core: Core, session: AsyncSession, ticket: Ticket, assignment_id: int) -> Deadline:
    """T21: the unit's handling clock after its reply was sent back. The original due time stays, the policy's least time is left.

    The new clock counts from when the old one did, with its pauses and extensions, so that a changed calendar moves it alike.
    """
    least = (await policies(session, core.clock.now())).centre.sent_back
    old = await session.scalar(
        select(Deadline)
        .where(Deadline.assignment_id == assignment_id, Deadline.kind == ClockKind.HANDLE.value)
        .order_by(Deadline.id.desc())
        .limit(1)
    )
    new = await start_clock(core, session, ticket, ClockKind.HANDLE, least, assignment_id=assignment_id)
    if old is not None and old.due_at > new.due_at:
        new.started_at, new.limit_value, new.limit_unit, new.options = old.started_at, old.limit_value, old.limit_unit, old.options
        new.adjustments, new.extensions, new.original_due_at = old.adjustments, old.extensions, old.original_due_at
        new.stage = old.stage  # who was reminded is not reminded again
        recompute(await work_calendar(session), new)
        fall_back(new, core.clock.now())
        await session.flush()
    return new


async def running(session: AsyncSession, ticket_id: int) -> list[Deadline]:
    """The clocks of a ticket that still run, most pressing first."""
    statement = select(Deadline).where(Deadline.ticket_id == ticket_id, Deadline.state == ClockState.RUNNING.value)
    return list(await session.scalars(statement.order_by(Deadline.due_at)))


__all__ = [
    "clocks_of_new_lead",
    "extend_clock",
    "go_on_after_review",
    "latest_end",
    "pause_clocks",
    "plan_dispatch_clock",
    "policies",
    "policy_for",
    "policy_of",
    "resume_clocks",
    "running",
    "set_end",
    "start_clock",
    "start_dispatch_clock",
    "start_handling_clocks",
    "start_policy_clock",
    "start_review_clock",
    "start_window",
    "start_window_until",
    "stop_clocks",
]
