"""Steps of a unit before its reply: the plan of a difficult matter, first feedback from the place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from channels.console.step import Step
from channels.console.step_buttons import ON_SITE, PLAN, Action
from channels.console.ticket_view import TicketPage
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


def buttons(page: TicketPage) -> list[Action]:
    """What the unit of this page has a clock for."""
    kinds = {due.kind for due in page.mine.dues} if page.mine else set()
    return [action for kind, action in ((ClockKind.ON_SITE, ON_SITE), (ClockKind.PLAN, PLAN)) if kind.value in kinds]


PROGRESS_HANDLERS: dict[str, Callable[[Step], Awaitable[str]]] = {"plan": _plan, "on_site": _on_site}
PROGRESS_PERMISSIONS = {"plan": "assignment.work", "on_site": "assignment.work"}

__all__ = ["PROGRESS_HANDLERS", "PROGRESS_PERMISSIONS", "buttons"]
