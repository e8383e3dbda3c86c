"""公开答复: answers for everybody. A supervisor words one from a closed ticket, another person passes it; either takes it off."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy import select

from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from hotline.i18n import texts
from ticketing.people.models import User
from ticketing.publication import service
from ticketing.publication.models import PublicationState, PublishedAnswer
from ticketing.publication.service import APPROVE, LENGTHS, PROPOSE, Words
from ticketing.taxonomy.models import Category
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

NAV, HOME = "published", "/console/published-answers"
PAGE = 30
STATES = texts(
    {
        PublicationState.PROPOSED.value: "待审核",
        PublicationState.PUBLISHED.value: "已公开",
        PublicationState.REFUSED.value: "不公开",
        PublicationState.RECALLED.value: "已撤下",
    }
)
STEPS = "approve|end|reword"


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/published-answers?state=&before=: those in one state, newest first."""
    require_may(request, APPROVE)
    return await _list(request)


async def _list(
    request: web.Request, problem: HotlineError | None = None, entered: Mapping[str, str] | None = None, at: int = 0
) -> web.Response:
    person, core = staff(request), request.app[CORE]
    asked = request.query.get("state", PublicationState.PROPOSED.value)
    state = PublicationState(asked if asked in STATES else PublicationState.PROPOSED.value)
    before = whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        rows = await service.listed(session, person.actor, state, before=before, limit=PAGE + 1)
        people = select(User.id, User.name).where(User.id.in_({row.author_id for row in rows} | {row.reviewer_id for row in rows}))
        names = {row.id: row.name for row in await session.execute(people)}
        categories = {row.code: row.name for row in await session.execute(select(Category.code, Category.name))}
        numbers = select(PublishedAnswer.id, Ticket.number).join(Ticket, Ticket.id == PublishedAnswer.ticket_id)
        seen = numbers.where(PublishedAnswer.id.in_([row.id for row in rows]), visible(core, person.actor))
        tickets = {row.id: row.number for row in await session.execute(seen)}
    errors = problem.errors if isinstance(problem, InvalidInput) else {}
    return page(
        request, "console/published_answers.html", nav=NAV, rows=rows[:PAGE], more=len(rows) > PAGE, state=state.value, states=STATES,
        names=names, categories=categories, tickets=tickets, own=person.actor.user_id,
        problem=str(problem) if problem and not errors else "", errors=errors, entered=entered or {}, at=at, lengths=LENGTHS,
        status=problem.status if problem else 200,
    )  # fmt: skip


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/published-answers/{id}/{step}: pass, reword, refuse or take off."""
    person, core, data = require_may(request, APPROVE), request.app[CORE], await request.post()
    number, seen, step = whole_number(request.match_info["id"]) or 0, whole_number(str(data.get("version", ""))) or 0, ""
    typed = _typed(data)
    try:
        async with request.app[DATABASE].transaction() as session:
            match step := request.match_info["step"]:
                case "approve":
                    await service.approve(core, session, person.actor, number, seen=seen)
                case "reword":
                    await service.reword(core, session, person.actor, number, Words(**typed), seen=seen)
                case _:
                    await service.end(core, session, person.actor, number, str(data.get("note", "")), seen=seen)
    except NotFound:
        raise
    except HotlineError as problem:
        return await _list(request, problem, typed if step == "reword" else None, number)
    return see_other(request, HOME, f"publication_{step}")


def _typed(data: Mapping[str, object]) -> dict[str, str]:
    return {name: str(data.get(name, ""))[: most + 500] for name, (_least, most) in LENGTHS.items()}


async def show_form(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/{number}/publish: a first wording with the person covered, to be mended."""
    require_may(request, PROPOSE)
    async with request.app[DATABASE].transaction() as session:
        ticket, words = await service.draft(request.app[CORE], session, staff(request).actor, request.match_info["number"])
    return _form(request, ticket, {name: getattr(words, name) for name in LENGTHS})


async def propose(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/{number}/publish."""
    person, number, typed = require_may(request, PROPOSE), request.match_info["number"], _typed(await request.post())
    core = request.app[CORE]
    try:
        async with request.app[DATABASE].transaction() as session:
            await service.propose(core, session, person.actor, number, Words(**typed))
    except (NotFound, NotAllowed):
        raise
    except HotlineError as problem:
        async with request.app[DATABASE].transaction() as session:
            ticket, _words = await service.draft(core, session, person.actor, number)
        return _form(request, ticket, typed, problem)
    return see_other(request, f"/console/tickets/{number}", "publication_proposed")


def _form(request: web.Request, ticket: Ticket, words: Mapping[str, str], problem: HotlineError | None = None) -> web.Response:
    errors = problem.errors if isinstance(problem, InvalidInput) else {}
    return page(
        request, "console/publish.html", nav="tickets", ticket=ticket, words=words, lengths=LENGTHS, errors=errors,
        problem=str(problem) if problem and not errors else "", status=problem.status if problem else 200,
    )  # fmt: skip


__all__ = ["STEPS", "act", "propose", "show_form", "show_list"]
