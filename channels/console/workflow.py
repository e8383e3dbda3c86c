"""The workflow: the steps in force in Chinese, a proposal for the second person beside them, and what was decided before."""

from __future__ import annotations

import re

from aiohttp import web

from channels.console import second_person
from channels.console import workflow_words as words
from channels.console.pages import page, see_other
from channels.console.second_person import SHOWN
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput
from ticketing.ticket import workflow, workflow_versions
from ticketing.ticket.workflow import Workflow, WorkflowError
from ticketing.ticket.workflow_compare import differences
from ticketing.ticket.workflow_proposals import MOST_CHARACTERS, MOST_REASON, WORKFLOWS, WorkflowProposal
from ticketing.ticket.workflow_versions import WorkflowVersion

PAGE = "/console/workflow"
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
                await WORKFLOWS.propose(request.app[CORE], session, person.actor, text, reason=reason)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem, text=text, reason=reason)
    if form.get("do") == "check":
        return await _respond(request, text=text, reason=reason, checked=[words.change(each) for each in changed])
    return see_other(request, PAGE, "workflow_proposed")


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/workflow/proposals/{id}/{approve|refuse|withdraw}."""
    return await second_person.decide(request, WORKFLOWS, PAGE, _respond)


async def _respond(
    request: web.Request,
    problem: HotlineError | None = None,
    *,
    text: str = "",
    reason: str = "",
    note: str = "",
    checked: list[words.Change] | None = None,
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        now = await workflow_versions.current(session)
        published = await workflow_versions.history(session, limit=SHOWN)
        proposals = await second_person.proposals(session, WORKFLOWS, staff(request), published)
        base = text or await workflow_versions.in_force_text(session)
    newest = max([now.version, *(row.version for row in published)])
    changes, unfit = _changes(now, proposals["waiting"])
    return page(
        request, "console/workflow.html", nav="workflow", version=now.version, parts=words.table(now), published=published,
        changes=changes, unfit=unfit,
        text=text if problem or checked is not None else _NUMBER.sub(f"version: {newest + 1}", base, count=1), reason=reason, note=note,
        checked=checked, is_open=bool(text), **proposals, **second_person.told(problem),
    )  # fmt: skip


def _changes(now: Workflow, waiting: WorkflowProposal | None) -> tuple[list[words.Change], str]:
    """What the waiting proposal changes, or why this version of the program cannot read it any more."""
    try:
        found = differences(now, workflow.parse_text(waiting.document)) if waiting else []
    except WorkflowError as error:
        return [], str(error)
    return [words.change(each) for each in found], ""
