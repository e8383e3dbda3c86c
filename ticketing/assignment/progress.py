"""What a unit reports before its reply: the plan of a difficult matter (疑难), first feedback from the place (特急)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.assignment.models import AssignmentState
from ticketing.assignment.service import access_assignment, at_work
from ticketing.context import Core
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.deadline.service import stop_clocks
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.ticket.steps import tell

EVENTS = {ClockKind.PLAN: "assignment.planned", ClockKind.ON_SITE: "assignment.on_site"}
MIN_TEXT, MAX_TEXT = 10, 2000
_WORKING = (AssignmentState.SIGNED.value, AssignmentState.WORKING.value, AssignmentState.REDO.value)


async def report_progress(core: Core, session: AsyncSession, actor: Actor, assignment_id: int, kind: ClockKind, text: str) -> None:
    """The unit's plan (`PLAN`) or its first feedback from the place (`ON_SITE`); the clock of that kind stops.

    May be given again, which only adds to the timeline. Raises NotFound (another unit's), NotAllowed, IllegalStep before
    the unit has signed or after it replied or when the policy asks for none, InvalidInput when the text is too short or too long.
    """
    if kind not in EVENTS:
        raise ValueError(f"no progress of kind {kind.value}")
    if not actor.has(Role.CLERK, Role.CHIEF):
        raise NotAllowed(_("你的岗位不能做这一步"))
    assignment, ticket = await access_assignment(session, actor, assignment_id)
    at_work(ticket)
    if assignment.state not in _WORKING:
        raise IllegalStep(_("签收以后、答复以前才能提交办理方案和现场反馈"))
    asked = select(Deadline.id).where(
        Deadline.assignment_id == assignment.id, Deadline.kind == kind.value, Deadline.state != ClockState.CANCELLED.value
    )
    if await session.scalar(asked.limit(1)) is None:
        raise IllegalStep(_("这件工单按规定不用提交这一项"))
    words = text.strip()
    if not MIN_TEXT <= len(words) <= MAX_TEXT:
        raise InvalidInput(_("请写{least}到{most}个字").format(least=MIN_TEXT, most=MAX_TEXT), field="text")
    await stop_clocks(core, session, ticket.id, kind, assignment_id=assignment.id)
    data = {"assignment": assignment.id, "unit": assignment.unit_id, "text": words}
    await tell(core, session, actor, ticket, EVENTS[kind], data, public=kind is ClockKind.ON_SITE)


__all__ = ["EVENTS", "report_progress"]
