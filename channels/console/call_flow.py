"""The page of the call flow: a form for what changes often, the document as text, what waits for the second person, the versions before."""

from __future__ import annotations

from aiohttp import web

from channels.console import call_flow_form as forms
from channels.console import second_person
from channels.console.call_flow_words import WORDS, Difference, differences
from channels.console.pages import page, see_other
from channels.console.session import Staff, require_may, staff
from channels.web.keys import CORE, DATABASE
from hotline.errors import Conflict, HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, Document, parse_text
from ticketing.call_flow.proposals import CALL_FLOWS, MOST_REASON, CallFlowProposal

PAGE = "/console/call-flow"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/call-flow."""
    require_may(request, "call_flow.manage")
    return await _respond(request)


async def propose_text(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow: the document as text; check, and propose it."""
    person, form = require_may(request, "call_flow.manage"), await request.post()
    text, reason = str(form.get("document", ""))[: MOST_CHARACTERS + 1], str(form.get("reason", ""))[:MOST_REASON]
    try:
        await _propose(request, person, text, reason)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem, text, reason)
    return see_other(request, PAGE, "call_flow_proposed")


async def fill_in(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow/form: with `do=check` say what would change, else propose it."""
    person = require_may(request, "call_flow.manage")
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    reason = form.get("reason", "")[:MOST_REASON]
    async with request.app[DATABASE].transaction() as session:
        before = forms.plain(await versions.current_text(session))
        now = await versions.current(session)
    after = forms.applied(before, form)
    text = forms.written(after)
    try:
        if form.get("based_on") != str(before["version"]):
            raise InvalidInput(_("有人刚刚发布了新的一版，请核对后再提交"), field="document")
        wanted = parse_text(text)
        if form.get("do") == "check":
            return await _respond(request, reason=reason, entered=after, changed=differences(now, wanted))
        await _propose(request, person, text, reason)
    except (InvalidInput, Conflict) as problem:
        return await _respond(request, problem, reason=reason, entered=after)
    return see_other(request, PAGE, "call_flow_proposed")


async def _propose(request: web.Request, person: Staff, text: str, reason: str) -> None:
    async with request.app[DATABASE].transaction() as session:
        await CALL_FLOWS.propose(request.app[CORE], session, person.actor, text, reason=reason)


async def decide(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow/proposals/{id}/{approve|refuse|withdraw}."""
    return await second_person.decide(request, CALL_FLOWS, PAGE, _respond)


async def _respond(
    request: web.Request,
    problem: HotlineError | None = None,
    text: str = "",
    reason: str = "",
    *,
    note: str = "",
    entered: forms.Plain | None = None,
    changed: list[Difference] | None = None,
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        history = await versions.history(session)
        document = await versions.current(session)
        now = await versions.current_text(session)
        proposals = await second_person.proposals(session, CALL_FLOWS, staff(request), history)
    proposed, unfit = _changes(document, proposals["waiting"])
    return page(
        request, "console/call_flow.html", nav="call_flow",
        history=history, document=document, text=text or now, reason=reason, note=note, form=forms.fields(entered or forms.plain(now)),
        queue_fields=_queue_fields(), changed=changed, as_text=bool(text), proposed=proposed, unfit=unfit,
        show_forms=proposals["waiting"] is None or bool(text) or entered is not None,
        **proposals, **second_person.told(problem),
    )  # fmt: skip


def _changes(now: Document, waiting: CallFlowProposal | None) -> tuple[list[Difference], str]:
    """What the waiting proposal changes, or why this version of the program cannot read it any more."""
    try:
        return (differences(now, parse_text(waiting.document)) if waiting else []), ""
    except InvalidInput as problem:
        return [], str(problem)


def _queue_fields() -> list[tuple[str, str]]:
    """Names of a queue's numbers in words."""
    return [(name, _(WORDS[name])) for name in forms.QUEUE_FIELDS]
