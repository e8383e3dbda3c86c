"""The ticket page; every step on a ticket passes `act`. The list stands in `queue_page`."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import receipt
from channels.console.actions import HANDLERS, PERMISSIONS, Step
from channels.console.ahead import what_next
from channels.console.callback_view import callback_words
from channels.console.choices import category_options, named_boxes, unit_boxes, unit_options
from channels.console.clash import clashes
from channels.console.grants import valid_grant
from channels.console.kept import kept_words
from channels.console.next_step import next_step
from channels.console.pages import page, see_other
from channels.console.session import Staff, require_may, staff
from channels.console.ticket_view import TicketPage, load_page
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, IllegalStep, InvalidInput
from hotline.events import history
from hotline.i18n import _
from ticketing.assignment.models import AssignmentState
from ticketing.callback.tasks import pull_next
from ticketing.citizen.service import Person
from ticketing.people.models import Role, Unit, User
from ticketing.people.permissions import Scope, ensure, may, roles_reaching
from ticketing.people.units import units_below
from ticketing.publication.service import PROPOSE, fits
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import access_ticket
from ticketing.ticket.lists import list_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.queues import Queue
from ticketing.ticket.refusal_reasons import choices as refusal_choices

SEVERAL = ("attachments", "for_citizen", "files", "gates", "co_unit_ids", "unit_ids", "user_ids")
"""Fields of which a form may send several."""


async def show_ticket(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}."""
    require_may(request, "ticket.see")
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(request.app[CORE], session, staff(request).actor, request.match_info["number"])
        return await ticket_response(request, session, ticket)


async def last_step(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/last: the number of the last event; an open page asks whether it is still current."""
    require_may(request, "ticket.see")
    async with request.app[DATABASE].transaction() as session:
        ticket = await access_ticket(request.app[CORE], session, staff(request).actor, request.match_info["number"])
        events = await history(session, "ticket", ticket.id)
    return web.Response(text=str(events[-1].seq if events else 0), headers={"Cache-Control": "no-store"})


async def ticket_response(
    request: web.Request,
    session: AsyncSession,
    ticket: Ticket,
    *,
    problem: HotlineError | None = None,
    opened: str = "",
    entered: Mapping[str, str] | None = None,
    chosen: Mapping[str, list[str]] | None = None,
    seen: int | None = None,
    revealed: Person | None = None,
) -> web.Response:
    """The page of a ticket; with `problem`, the form `opened` is shown again with what was `entered`."""
    person = staff(request)
    core = request.app[CORE]
    view = await load_page(core, session, person.actor, ticket)
    step = next_step(view, person.actor)
    actions = {action.key for action in ([step.primary] if step.primary else []) + step.others}
    grant = request.query.get("grant", "")
    return page(
        request,
        "console/ticket.html",
        nav="tickets",
        status=problem.status if problem else 200,
        view=view,
        ticket=ticket,
        step=step,
        actions=actions,
        what_next=what_next,
        **await _choices(session, person, view, actions),
        **_again(view, actions, problem, opened, entered or {}, chosen or {}, seen),
        receipt=receipt.read(request, ticket.number),
        revealed=revealed,
        can_publish=may(person.actor, PROPOSE) and fits(ticket),
        can_reveal=may(person.actor, "private.reveal"),
        reveal_reason=_("回拨来电人") if view.return_call else _("回访核实") if person.role is Role.CALLBACK else "",
        listen_grant=grant if valid_grant(request, grant) else "",
    )


async def _choices(session: AsyncSession, person: Staff, view: TicketPage, actions: Set[str]) -> dict[str, Any]:
    """What the forms offer."""
    return {
        "units": view.unit_choices,
        "lower_units": await _lower_units(session, person.user.unit_id) if "pass_on" in actions else [],
        "staff_list": await _staff_list(session) if "name" in actions else [],
        "categories": view.category_choices,
        "category_options": category_options,
        "unit_options": unit_options,
        "unit_boxes": unit_boxes,
        "named_boxes": named_boxes,
        "at_work": [str(item.assignment.unit_id) for item in view.handlings if AssignmentState(item.assignment.state).is_open],
        "refusal_reasons": refusal_choices(),
        **callback_words(),
    }


def _again(
    view: TicketPage, actions: Set[str], problem: HotlineError | None, opened: str, entered: Mapping[str, str],
    chosen: Mapping[str, list[str]], seen: int | None,
) -> dict[str, Any]:  # fmt: skip
    """The form that was sent, open again with what was wrong, what had been entered and what has happened meanwhile."""
    errors = problem.errors if isinstance(problem, InvalidInput) else {}
    shown = opened if opened in actions or opened.startswith(("reveal", "listen-")) else ""
    stale = isinstance(problem, (Conflict, IllegalStep)) and seen is not None
    return {
        "problem": str(problem) if problem and (not errors or not shown) else "",
        "errors": errors,
        "opened": shown,
        "entered": entered,
        "kept": kept_words(entered, chosen, view.units),
        "chosen": chosen,
        "clash": clashes(view, shown, entered) if stale and shown else [],
        "news": [entry for entry in view.story if stale and entry.seq > (seen or 0)],
    }


async def _lower_units(session: AsyncSession, unit_id: int | None) -> list[Unit]:
    """The active units below this one, for passing a part on."""
    below = await units_below(session, unit_id) if unit_id is not None else []
    statement = select(Unit).where(Unit.id.in_(below), Unit.id != unit_id, Unit.active).order_by(Unit.id)
    return list(await session.scalars(statement))


async def _staff_list(session: AsyncSession) -> list[tuple[User, str]]:
    """Who may be named on a secret ticket, with their unit."""
    roles = [role.value for role in roles_reaching("ticket.see_secret", Scope.NAMED)]
    statement = select(User, Unit.name).outerjoin(Unit, Unit.id == User.unit_id).where(User.active, User.role.in_(roles))
    return [(row.User, row.name or "") for row in await session.execute(statement.order_by(Unit.level, Unit.id, User.id))]


async def active_categories(session: AsyncSession) -> list[Category]:
    """Categories for select boxes."""
    return list(await session.scalars(select(Category).where(Category.active).order_by(Category.code)))


async def back_to_ticket(request: web.Request) -> web.StreamResponse:
    """GET of a step's address: the back button after a refused form leads to the ticket, not to a dead end."""
    raise web.HTTPSeeOther(f"/console/tickets/{request.match_info['number']}")


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/{action}: one step, in one transaction, then back to the page.

    A refused step shows the page again with the form as it was filled in, and what changed meanwhile.
    """
    person = require_may(request, "ticket.see")
    action = request.match_info["action"]
    actor = ensure(person.actor, PERMISSIONS[action])
    data = await request.post()
    form = {name: value for name, value in data.items() if isinstance(value, str)}
    many = {name: [str(value) for value in data.getall(name)] for name in SEVERAL if name in data}
    number, core, database = request.match_info["number"], request.app[CORE], request.app[DATABASE]
    seen = whole_number(form.get("seen"))
    try:
        async with database.transaction() as session:
            ticket = await access_ticket(core, session, actor, number, lock=True, version=_version(form))
            await _check_unseen(session, ticket, seen, person.user.id)
            done = await HANDLERS[action](Step(core, session, actor, ticket, form, lambda name: many.get(name, [])))
    except (InvalidInput, Conflict, IllegalStep) as problem:
        async with database.transaction() as session:
            ticket = await access_ticket(core, session, person.actor, number)
            return await ticket_response(request, session, ticket, problem=problem, opened=action, entered=form, chosen=many, seen=seen)
    async with database.transaction() as session:  # after a return the unit may no longer see it
        onward = _ONWARD.get(action) if form.get("onward") == "1" else None
        target = await (onward(request, session) if onward else _where_next(request, session, number))
    return see_other(request, target, done)


def _version(form: Mapping[str, str]) -> int:
    value = whole_number(form.get("version"))
    if value is None:
        raise Conflict(_("这张工单刚刚有人改过，请看过新的内容再操作"))
    return value


async def _check_unseen(session: AsyncSession, ticket: Ticket, seen: int | None, user_id: int) -> None:
    """Lesson 15: what another person did after this page was shown must be seen before anything is added to it.

    The version of the row misses steps that only touch an assignment or a reply; the event chain has them all.
    """
    if seen is None:
        raise Conflict(_("这张工单刚刚有人改过，请看过新的内容再操作"))
    quiet = ("view.", "supervise.", "ticket.supplemented", "attachment.")
    for event in await history(session, "ticket", ticket.id):
        if event.seq > seen and event.actor_kind != "system" and event.actor_id != user_id and not event.name.startswith(quiet):
            raise Conflict(_("{who}刚刚改过这张工单，没有保存。请看过新的内容再操作").format(who=event.actor_label))


async def _where_next(request: web.Request, session: AsyncSession, number: str) -> str:
    try:
        await access_ticket(request.app[CORE], session, staff(request).actor, number)
    except HotlineError:
        return "/console/tickets"
    return f"/console/tickets/{number}"


async def _next_to_dispatch(request: web.Request, session: AsyncSession) -> str:
    """The ticket with the least time left that is still to be dispatched, of those this person sees; else the empty queue."""
    rows = await list_tickets(request.app[CORE], session, staff(request).actor, Queue.TO_DISPATCH, limit=1)
    return f"/console/tickets/{rows[0].ticket.number}" if rows else "/console/tickets?queue=to_dispatch"


async def _next_to_call(request: web.Request, session: AsyncSession) -> str:
    """The next callback comes into this person's hands; the desk when none is due."""
    ticket = await pull_next(request.app[CORE], session, staff(request).actor)
    return f"/console/tickets/{ticket.number}" if ticket else "/console/callbacks"


_ONWARD = {"dispatch": _next_to_dispatch, "visit": _next_to_call, "attempt": _next_to_call}
"""Steps after which the next ticket may open by itself."""


__all__ = ["act", "last_step", "show_ticket", "ticket_response"]
