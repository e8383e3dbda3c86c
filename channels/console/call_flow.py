"""The administrator's page of the call flow: a form for what changes often, the document as text, the versions before."""

from __future__ import annotations

from aiohttp import web

from channels.console import call_flow_form as forms
from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, parse_text

LONGEST_NOTE = 500


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/call-flow."""
    require_may(request, "call_flow.manage")
    return await _respond(request)


async def publish(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow: the document as text; check, and put in force from the next call on."""
    person, form = require_may(request, "call_flow.manage"), await request.post()
    text, note = str(form.get("document", ""))[: MOST_CHARACTERS + 1], str(form.get("note", ""))[:LONGEST_NOTE]
    try:
        async with request.app[DATABASE].transaction() as session:
            await versions.publish(request.app[CORE], session, person.actor, text, note=note)
    except InvalidInput as problem:
        return await _respond(request, problem, text, note)
    return see_other(request, "/console/call-flow", "call_flow_published")


async def fill_in(request: web.Request) -> web.StreamResponse:
    """POST /console/call-flow/form: with `do=check` say what would change, else put it in force."""
    person = require_may(request, "call_flow.manage")
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    note = form.get("note", "")[:LONGEST_NOTE]
    async with request.app[DATABASE].transaction() as session:
        before = forms.plain(await versions.current_text(session))
    after = forms.applied(before, form)
    text = forms.written(after)
    try:
        if form.get("based_on") != str(before["version"]):
            raise InvalidInput(_("有人刚刚发布了新的一版，请核对后再提交"), field="document")
        parse_text(text)
        if form.get("do") == "check":
            return await _respond(request, note=note, entered=after, changed=forms.changes(before, after))
        async with request.app[DATABASE].transaction() as session:
            await versions.publish(request.app[CORE], session, person.actor, text, note=note)
    except InvalidInput as problem:
        return await _respond(request, problem, note=note, entered=after)
    return see_other(request, "/console/call-flow", "call_flow_published")


async def _respond(
    request: web.Request,
    problem: HotlineError | None = None,
    text: str = "",
    note: str = "",
    *,
    entered: forms.Plain | None = None,
    changed: list[str] | None = None,
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        history = await versions.history(session)
        document = await versions.current(session)
        now = await versions.current_text(session)
    return page(
        request, "console/call_flow.html", nav="call_flow", status=problem.status if problem else 200,
        history=history, document=document, text=text or now, note=note, form=forms.fields(entered or forms.plain(now)),
        queue_fields=_queue_fields(), changed=changed, as_text=bool(text),
        problem=str(problem) if problem else "", field=problem.field if isinstance(problem, InvalidInput) else "",
    )  # fmt: skip


def _queue_fields() -> list[tuple[str, str]]:
    """Names of a queue's numbers in words."""
    words = (
        _("振铃（秒）"),
        _("话后整理（秒）"),
        _("最多等待人数"),
        _("最长等待（秒）"),
        _("几秒后提供回拨，0不提供"),
        _("报位间隔（秒）"),
    )
    return list(zip(forms.QUEUE_FIELDS, words, strict=True))
