"""The workflow: the steps in force in Chinese, a proposal for the second person beside them, and what was decided before."""

from __future__ import annotations

import re

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import workflow_words as words
from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.ticket import workflow, workflow_proposals, workflow_versions
from ticketing.ticket.workflow import Workflow, WorkflowError
from ticketing.ticket.workflow_compare import differences
from ticketing.ticket.workflow_proposals import MOST_CHARACTERS, MOST_REASON, WorkflowProposal
from ticketing.ticket.workflow_versions import WorkflowVersion

PAGE = "/console/workflow"
SHOWN = 50
_NUMBER = re.compile(r"^version:[ \t]*\d+", re.MULTILINE)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/workflow; `base`: the version whose text is in the form, instead of the one in force."""
    require_may(request, "workflow.propose")
    base = whole_number(request.query.get("base", ""))
    async with request.app[DATABASE].transaction() as session:
        row = await session.get(WorkflowVersion, base) if base is not None else None
    return await _respond(request, text=row.document if row else "")


async def propose(request: web.Request) -> web.StreamResponse:
    """POST /console/workflow: with `do=check` say what would change, else propose it."""
    person, form = require_may(request, "workflow.propose"), await request.post()
    text = str(form.get("document", "")).replace("\r\n", "\n")[: MOST_CHARACTERS + 1]
    reason = str(form.get("reason", ""))[:MOST_REASON]
    try:
        async with request.app[DATABASE].transaction() as session:
            if form.get("do") == "check":
                wanted = await workflow_versions.checked(session, text)
                changed = differences(await workflow_versions.current(session), wanted)
            else:
                await workflow_proposals.propose(request.app[CORE], session, person.actor, text, reason=reason)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem, text=text, reason=reason)
    if form.get("do") == "check":
        return await _respond(request, text=text, reason=reason, checked=[words.change(each) for each in changed])
    return see_other(request, PAGE, "workflow_proposed")


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/workflow/proposals/{id}/{approve|refuse|withdraw}."""
    what = request.match_info["what"]
    person = require_may(request, "workflow.propose" if what == "withdraw" else "workflow.decide")
    proposal, form, core = whole_number(request.match_info["id"]), await request.post(), request.app[CORE]
    if proposal is None:
        raise NotFound(_("没有找到这条修改"))
    note = str(form.get("note", ""))[:MOST_REASON]
    try:
        async with request.app[DATABASE].transaction() as session:
            if what == "withdraw":
                await workflow_proposals.withdraw(core, session, person.actor, proposal)
            else:
                await workflow_proposals.decide(core, session, person.actor, proposal, approve=what == "approve", note=note)
    except (InvalidInput, IllegalStep, NotAllowed) as problem:
        return await _respond(request, problem, note=note)
    return see_other(request, PAGE, f"workflow_{what}")


async def _respond(
    request: web.Request,
    problem: HotlineError | None = None,
    *,
    text: str = "",
    reason: str = "",
    note: str = "",
    checked: list[words.Change] | None = None,
) -> web.Response:
    person = staff(request)
    async with request.app[DATABASE].transaction() as session:
        now = await workflow_versions.current(session)
        waiting = await workflow_proposals.waiting(session)
        past = [row for row in await workflow_proposals.proposals(session, limit=SHOWN) if row is not waiting]
        published = await workflow_versions.history(session, limit=SHOWN)
        names = await _names(session, [*past, *([waiting] if waiting else [])], published)
        base = text or await workflow_versions.in_force_text(session)
    newest = max([now.version, *(row.version for row in published)])
    changes, unfit = _changes(now, waiting)
    return page(
        request, "console/workflow.html", nav="workflow", status=problem.status if problem else 200,
        version=now.version, parts=words.table(now), published=published, past=past, names=names,
        waiting=waiting, changes=changes, unfit=unfit,
        mine=waiting is not None and waiting.proposed_by_id == person.user.id, may_decide=may(person.actor, "workflow.decide"),
        text=text if problem or checked is not None else _NUMBER.sub(f"version: {newest + 1}", base, count=1), reason=reason, note=note,
        checked=checked, is_open=bool(text), problem=str(problem) if problem else "",
        field=problem.field if isinstance(problem, InvalidInput) else "",
    )  # fmt: skip


def _changes(now: Workflow, waiting: WorkflowProposal | None) -> tuple[list[words.Change], str]:
    """What the waiting proposal changes, or why this version of the program cannot read it any more."""
    try:
        found = differences(now, workflow.parse_text(waiting.document)) if waiting else []
    except WorkflowError as error:
        return [], str(error)
    return [words.change(each) for each in found], ""


async def _names(session: AsyncSession, proposals: list[WorkflowProposal], published: list[WorkflowVersion]) -> dict[int, str]:
    ids = {user_id for row in proposals for user_id in (row.proposed_by_id, row.decided_by_id) if user_id}
    ids |= {row.published_by_id for row in published if row.published_by_id}
    found = await session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in found}
