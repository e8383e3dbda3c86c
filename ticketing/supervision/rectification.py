"""整改: the task that a card opens. The unit writes cause and measure, the supervisor confirms or sends it back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.calendar.service import work_calendar
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import may
from ticketing.supervision import rules
from ticketing.supervision.models import Card, Rectification
from ticketing.supervision.notices import Directory, NoticeKind, tell_people
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell

OPEN = ("open", "done")
PAGE = 50
Pair = tuple[int, int | None]
"""Ticket and unit; no unit is the centre."""


async def open_tasks(core: Core, session: AsyncSession, pairs: Collection[Pair]) -> dict[Pair, int]:
    """The open task of each pair, made if there is none; one that waited for confirmation is open again. Ids by pair."""
    now = core.clock.now()
    due = (await work_calendar(session)).add_working_days(now, rules.load().cards.rectification_days)
    fields = {"state": "open", "opened_at": now, "due_at": due, "cause": "", "measure": "", "note": ""}
    rows = [
        {"ticket_id": ticket_id, "unit_id": unit_id, **fields}
        for ticket_id, unit_id in sorted(pairs, key=lambda pair: (pair[0], pair[1] or 0))
    ]
    await session.execute(insert(Rectification).on_conflict_do_nothing(), rows)
    tickets = {ticket_id for ticket_id, _unit in pairs}
    of_these = (Rectification.ticket_id.in_(tickets), Rectification.state.in_(OPEN))
    found = {
        (row.ticket_id, row.unit_id): (row.id, row.state)
        for row in await session.execute(
            select(Rectification.id, Rectification.ticket_id, Rectification.unit_id, Rectification.state).where(*of_these)
        )
    }
    again = [found[pair][0] for pair in pairs if found[pair][1] == "done"]
    if again:
        values = {"state": "open", "due_at": due, "done_at": None, "done_by_id": None, "overdue_told_at": None}
        await session.execute(update(Rectification).where(Rectification.id.in_(again)).values(**values))
    return {pair: found[pair][0] for pair in pairs}


async def drop_without_card(session: AsyncSession, rectification_id: int | None) -> None:
    """A task whose cards are all revoked is no longer owed."""
    if rectification_id is None:
        return
    held = select(func.count()).where(Card.rectification_id == rectification_id, Card.state == "given")
    if not await session.scalar(held):
        owed = (Rectification.id == rectification_id, Rectification.state.in_(OPEN))
        await session.execute(update(Rectification).where(*owed).values(state="dropped"))


def may_see(core: Core, actor: Actor) -> ColumnElement[bool]:
    """Tasks on tickets that the actor may see; unit people only their own unit's. For statements with Rectification and Ticket."""
    if not (may(actor, "rectification.do") or may(actor, "rectification.confirm")):
        return Rectification.id.is_(None)
    condition = visible(core, actor)
    return condition & (Rectification.unit_id == actor.unit_id) if actor.role and actor.role.in_unit else condition


async def access_task(core: Core, session: AsyncSession, actor: Actor, task_id: int) -> tuple[Rectification, Ticket]:
    """The task and its ticket, the ticket locked. Raises NotFound for what the actor may not see."""
    statement = select(Ticket).join(Rectification, Rectification.ticket_id == Ticket.id).where(Rectification.id == task_id)
    ticket = (await session.scalars(statement.where(may_see(core, actor)).with_for_update(of=Ticket))).first()
    if ticket is None:
        raise NotFound(_("没有找到这个整改任务"))
    return (await session.scalars(select(Rectification).where(Rectification.id == task_id).with_for_update())).one(), ticket


async def finish(core: Core, session: AsyncSession, actor: Actor, task_id: int, *, cause: str, measure: str) -> None:
    """The unit (for the centre: its dispatcher or supervisor) says why it happened and what was done about it."""
    task, ticket = await access_task(core, session, actor, task_id)
    of_unit = bool(actor.role and actor.role.in_unit)
    if not may(actor, "rectification.do") or of_unit != (task.unit_id is not None):
        raise NotAllowed(_("整改由被发牌的单位填写"))
    if task.state != "open":
        raise IllegalStep(_("这个整改任务已经提交，等督办确认"))
    errors = {}
    if len(cause.strip()) < 5:
        errors["cause"] = _("请写明原因，至少5个字")
    if len(measure.strip()) < 10:
        errors["measure"] = _("请写明整改措施和结果，至少10个字")
    if errors:
        raise InvalidInput(errors=errors)
    task.cause, task.measure = cause.strip()[:2000], measure.strip()[:4000]
    task.state, task.done_at, task.done_by_id = "done", core.clock.now(), actor.user_id
    await session.flush()
    data = {"task": task.id, "unit": task.unit_id, "note": f"{task.cause}；{task.measure}"[:500]}
    await tell(core, session, actor, ticket, "rectification.done", data)
    people = (await Directory.load(session)).of_role(ticket.line, Role.SUPERVISOR)
    await tell_people(core, session, people, NoticeKind.RECTIFICATION_DONE, ticket, task=task.id)


async def judge(core: Core, session: AsyncSession, actor: Actor, task_id: int, *, confirm: bool, note: str = "") -> None:
    """The supervisor (or leader) confirms the rectification, or sends it back with a reason. Nobody confirms his own."""
    if not may(actor, "rectification.confirm"):
        raise NotAllowed(_("整改由督办确认"))
    task, ticket = await access_task(core, session, actor, task_id)
    if task.state != "done":
        raise IllegalStep(_("单位还没有提交整改，不能确认"))
    if task.done_by_id == actor.user_id:
        raise NotAllowed(_("不能确认自己提交的整改"))
    if not confirm and len(note.strip()) < 5:
        raise InvalidInput(_("请写明退回的理由"), field="note")
    task.note = note.strip()[:1000]
    if confirm:
        task.state, task.confirmed_at, task.confirmed_by_id = "confirmed", core.clock.now(), actor.user_id
    else:
        task.state, task.done_at, task.done_by_id = "open", None, None
    await session.flush()
    name = "rectification.confirmed" if confirm else "rectification.returned"
    await tell(core, session, actor, ticket, name, {"task": task.id, "unit": task.unit_id, "note": task.note[:500]})
    if not confirm and task.unit_id is not None:
        people = (await Directory.load(session)).of_unit(task.unit_id, ticket.line)
        await tell_people(core, session, people, NoticeKind.RECTIFICATION_RETURNED, ticket, task=task.id)


@dataclass(frozen=True)
class TaskLine:
    """One line of the list of tasks."""

    task: Rectification
    number: str
    title: str
    unit: str
    overdue: bool


async def list_tasks(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    *,
    open_only: bool = True,
    beyond: tuple[datetime, int] | None = None,
    limit: int = PAGE,
) -> list[TaskLine]:
    """Rectification tasks still owed, the most pressing first; with `open_only` false all, newest first.

    `beyond`: due time and id of the last one of the page before, which stays right while tasks come and go.
    """
    now = core.clock.now()
    statement = (
        select(Rectification, Ticket.number, Ticket.title, Unit.name)
        .join(Ticket, Ticket.id == Rectification.ticket_id)
        .outerjoin(Unit, Unit.id == Rectification.unit_id)
        .where(may_see(core, actor))
    )
    if open_only:
        statement = statement.where(Rectification.state.in_(OPEN)).order_by(Rectification.due_at, Rectification.id)
    else:
        statement = statement.order_by(Rectification.id.desc())
    if beyond is not None:
        place = tuple_(Rectification.due_at, Rectification.id) > beyond if open_only else Rectification.id < beyond[1]
        statement = statement.where(place)
    rows = await session.execute(statement.limit(limit))
    return [
        TaskLine(
            row.Rectification, row.number, row.title, row.name or "", row.Rectification.state == "open" and row.Rectification.due_at <= now
        )
        for row in rows
    ]


async def of_ticket(session: AsyncSession, actor: Actor, ticket_id: int) -> list[Rectification]:
    """The tasks of a ticket that came through its door; unit people see their own unit's."""
    statement = select(Rectification).where(Rectification.ticket_id == ticket_id).order_by(Rectification.id)
    if actor.role and actor.role.in_unit:
        statement = statement.where(Rectification.unit_id == actor.unit_id)
    return list(await session.scalars(statement))


async def tell_overdue(core: Core, session: AsyncSession, *, batch: int = 200) -> int:
    """Tell unit and supervisors of tasks that are overdue, once each; returns how many tasks. Overdue closes nothing."""
    now = core.clock.now()
    owed = (Rectification.state == "open") & (Rectification.due_at <= now) & Rectification.overdue_told_at.is_(None)
    statement = select(Rectification, Ticket).join(Ticket, Ticket.id == Rectification.ticket_id).where(owed).order_by(Rectification.due_at)
    rows = (await session.execute(statement.limit(batch).with_for_update(of=(Ticket, Rectification), skip_locked=True))).all()
    if not rows:
        return 0
    directory = await Directory.load(session)
    for task, ticket in rows:
        people = directory.of_role(ticket.line, Role.SUPERVISOR)
        if task.unit_id is not None:
            people += directory.of_unit(task.unit_id, ticket.line)
        await tell_people(core, session, people, NoticeKind.RECTIFICATION_OVERDUE, ticket, task=task.id)
        task.overdue_told_at = now
    await session.flush()
    return len(rows)


__all__ = [
    "Pair",
    "TaskLine",
    "access_task",
    "drop_without_card",
    "finish",
    "judge",
    "list_tasks",
    "may_see",
    "of_ticket",
    "open_tasks",
    "tell_overdue",
]
