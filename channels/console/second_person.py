"""What the pages of documents that take two people (the workflow, the call flow) have in common: the proposals, and deciding."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any, Protocol

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import see_other
from channels.console.session import Staff, require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.second_person import MOST_REASON, SecondPerson

SHOWN = 50
"""Proposals, and published versions, on a page."""


class Published(Protocol):
    """A version that was put in force."""

    published_by_id: Any


class Respond(Protocol):
    """Shows the page again with what was wrong."""

    def __call__(self, request: web.Request, problem: HotlineError, *, note: str) -> Awaitable[web.Response]:
        """`note`: what was typed."""


async def decide(request: web.Request, people: SecondPerson[Any], page: str, respond: Respond) -> web.StreamResponse:
    """POST {page}/proposals/{id}/{approve|refuse|withdraw}."""
    what = request.match_info["what"]
    person = require_may(request, people.may_propose if what == "withdraw" else people.may_decide)
    proposal, form, core = whole_number(request.match_info["id"]), await request.post(), request.app[CORE]
    if proposal is None:
        raise NotFound(_("没有找到这条修改"))
    note = str(form.get("note", ""))[:MOST_REASON]
    try:
        async with request.app[DATABASE].transaction() as session:
            if what == "withdraw":
                await people.withdraw(core, session, person.actor, proposal)
            else:
                await people.decide(core, session, person.actor, proposal, approve=what == "approve", note=note)
    except (InvalidInput, IllegalStep, NotAllowed) as problem:
        return await respond(request, problem, note=note)
    return see_other(request, page, f"{people.subject}_{what}")


async def proposals(session: AsyncSession, people: SecondPerson[Any], person: Staff, published: Iterable[Published]) -> dict[str, Any]:
    """What the templates need (`_second_person.html`); `names` are also those of who published the versions."""
    waiting = await people.waiting(session)
    rows = await people.proposals(session, limit=SHOWN)
    ids = {user_id for row in [*rows, *([waiting] if waiting else [])] for user_id in (row.proposed_by_id, row.decided_by_id)}
    ids |= {row.published_by_id for row in published}
    found = await session.execute(select(User.id, User.name).where(User.id.in_(ids - {None})))
    return {
        "waiting": waiting,
        "past": [row for row in rows if row is not waiting],
        "names": {row.id: row.name for row in found},
        "mine": waiting is not None and waiting.proposed_by_id == person.user.id,
        "may_decide": may(person.actor, people.may_decide),
    }


def told(problem: HotlineError | None) -> dict[str, Any]:
    """The page's status, and what it says of `problem`."""
    return {
        "status": problem.status if problem else 200,
        "problem": str(problem) if problem else "",
        "field": problem.field if isinstance(problem, InvalidInput) else "",
    }


__all__ = ["SHOWN", "decide", "proposals", "told"]
