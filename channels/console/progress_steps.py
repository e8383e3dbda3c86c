"""Steps of a unit beside its reply: the plan of a difficult matter, first feedback from the place, the result of a statutory procedure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from channels.console.step import Step
from channels.console.step_buttons import ON_SITE, PLAN, Action
from channels.console.ticket_view import TicketPage
from ticketing.assignment import procedure
from ticketing.assignment.progress import MAX_TEXT, report_progress
from ticketing.deadline.models import ClockKind


async def _plan(step: Step) -> str:
    text = step.text("text", MAX_TEXT)
    await report_progress(step.core, step.session, step.actor, await step.assignment(), ClockKind.PLAN, text)
    return "progress_saved"


async def _on_site(step: Step) -> str:
    text = step.text("text", MAX_TEXT)
    await report_progress(step.core, step.session, step.actor, await step.assignment(), ClockKind.ON_SITE, text)
    return "progress_saved"


async def _conclude_procedure(step: Step) -> str:
    result = step.text("result", procedure.MAX_RESULT)
    await procedure.conclude(step.core, step.session, step.actor, await step.assignment(), result)
    return "procedure_concluded"


def procedure_runs(page: TicketPage) -> bool:
    """Whether the unit of this page led the matter into a statutory procedure whose result nobody has told yet."""
    if page.mine is None or page.mine.assignment.procedure_ended_at is not None:
        return False
    return any(due.kind == ClockKind.STATUTE.value for due in page.mine.dues)


def buttons(page: TicketPage) -> list[Action]:
    """What the unit of this page has a clock for."""
    kinds = {due.kind for due in page.mine.dues} if page.mine else set()
    return [action for kind, action in ((ClockKind.ON_SITE, ON_SITE), (ClockKind.PLAN, PLAN)) if kind.value in kinds]


PROGRESS_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {
    "plan": _plan,
    "on_site": _on_site,
    "conclude_procedure": _conclude_procedure,
}
PROGRESS_PERMISSIONS = {"plan": "assignment.work", "on_site": "assignment.work", "conclude_procedure": "assignment.work"}

__all__ = ["PROGRESS_HANDLERS", "PROGRESS_PERMISSIONS", "buttons", "procedure_runs"]
