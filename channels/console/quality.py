"""Quality inspection in the console: the list, one call with player, transcript and sheet, averages, the rules."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.grants import make_grant, valid_grant
from channels.console.pages import page, see_other
from channels.console.recordings import call_id_of
from channels.console.session import Staff, require_may
from channels.console.supervision import month_bounds
from channels.web.files import play
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _, texts
from ticketing.conversation.recordings import note_listening
from ticketing.conversation.service import messages
from ticketing.people.models import User
from ticketing.people.permissions import Scope, may, scope_of
from ticketing.quality import access, appeals, averages, book, checks, sampling
from ticketing.quality.access import Line
from ticketing.quality.models import CheckState
from ticketing.ticket.access import access_call, is_reason, visible
from ticketing.ticket.models import Ticket

TABS: dict[str, tuple[str, tuple[CheckState, ...]]] = texts(
    {
        "waiting": ("要评的", (CheckState.WAITING,)),
        "appealed": ("申诉", (CheckState.APPEALED,)),
        "done": ("评过的", (CheckState.SCORED, CheckState.DECIDED)),
        "averages": ("平均分", ()),
    }
)
_SEES = ("quality.score", "quality.appeal")


def _nav(person: Staff) -> str:
    return "quality" if may(person.actor, "quality.score") else "own_quality"


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/quality?tab=…&agent=…&before=…: what waits, appeals, what was scored, averages of a month."""
    person, core = require_may(request, *_SEES), request.app[CORE]
    scores = may(person.actor, "quality.score")
    tabs = {key: _(label) for key, (label, _states) in TABS.items() if scores or key != "waiting"}
    tab = request.query.get("tab", "")
    tab = tab if tab in tabs else next(iter(tabs)) if scores else "done"
    month, start, end = month_bounds(request.query.get("month", ""), core.clock.now())
    agent, before = whole_number(request.query.get("agent")), whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        states = TABS[tab][1]
        found = (
            await access.list_checks(core, session, person.actor, states=states, agent_id=agent, before=before, limit=access.PAGE + 1)
            if states
            else []
        )
        people = await averages.averages(core, session, person.actor, start, end) if tab == "averages" else []
        rules = await book.current(session)
    return page(
        request, "console/quality.html", nav=_nav(person), tabs=tabs, tab=tab, lines=found[: access.PAGE], more=len(found) > access.PAGE,
        people=people, teams=averages.teams(people), month=month, rules=rules, scores=scores, agent=agent,
        manages=may(person.actor, "quality.rules"),
    )  # fmt: skip


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/quality/{id}: one call with what may be done about it."""
    require_may(request, *_SEES)
    return await _respond(request)


async def _respond(request: web.Request, problem: HotlineError | None = None, entered: dict[str, Any] | None = None) -> web.Response:
    person, core, check_id = require_may(request, *_SEES), request.app[CORE], int(request.match_info["id"])
    async with request.app[DATABASE].transaction() as session:
        line = await access.access_check(core, session, person.actor, check_id)
        call, check = line.call, line.check
        hears = await access.hears(core, session, person.actor, line)
        needs_reason = scope_of(person.actor, "recording.listen") is Scope.REASON
        grant = request.query.get("grant", "")
        listens = hears and (not needs_reason or valid_grant(request, grant, str(call.id)))
        seen = select(Ticket).where(Ticket.conversation_id == call.conversation_id, visible(core, person.actor)).order_by(Ticket.id.desc())
        mine = check.agent_id == person.user.id
        values = {
            "said": await messages(session, call.conversation_id) if listens else [],
            "ticket": (await session.scalars(seen.limit(1))).first(),
            "rules": await book.of_version(session, check.book_version),
            "people": await _names(session, line),
            "scores": check.state == CheckState.WAITING.value and may(person.actor, "quality.score"),
            "appeals": mine and check.state == CheckState.SCORED.value and await access.appeal_open(core, session, check),
            "decides": check.state == CheckState.APPEALED.value and may(person.actor, "quality.decide")
            and check.scored_by_id != person.user.id,
        }  # fmt: skip
    errors = getattr(problem, "errors", None) or {}
    return page(
        request, "console/quality_check.html", nav=_nav(person), status=problem.status if problem else 200, line=line, check=check,
        call=call, hears=hears, listens=listens, needs_reason=needs_reason, grant=grant, mine=mine, problem=str(problem) if problem else "",
        errors=errors, field=problem.field if isinstance(problem, InvalidInput) else "", entered=entered or {},
        began=call.answered_at or call.started_at, **values,
    )  # fmt: skip


async def _names(session: AsyncSession, line: Line) -> dict[int, str]:
    """Who scored and decided, by account."""
    ids = {line.check.scored_by_id, line.check.decided_by_id} - {None}
    return {row.id: row.name for row in await session.execute(select(User.id, User.name).where(User.id.in_(ids)))} if ids else {}


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/quality/{id}/{step}: score, appeal, decide, listen. A refused step shows the page again with what was typed."""
    person, core, form = require_may(request, *_SEES), request.app[CORE], await request.post()
    check_id, step = int(request.match_info["id"]), request.match_info["step"]
    words = {name: str(value).strip() for name, value in form.items() if isinstance(value, str)}
    target = f"/console/quality/{check_id}"
    try:
        async with request.app[DATABASE].transaction() as session:
            if step == "score":
                points, fatal = _sheet(form, await book.current(session))
                await checks.score(core, session, person.actor, check_id, points=points, fatal=fatal, remark=words.get("remark", ""))
                following = await access.list_checks(core, session, person.actor, states=(CheckState.WAITING,), limit=1)
                target = f"/console/quality/{following[0].check.id}" if following else "/console/quality"
            elif step == "appeal":
                await appeals.appeal(core, session, person.actor, check_id, words.get("words", ""))
            elif step == "decide":
                await _decide(request, session, check_id, form, words)
            else:
                target = await _allow(request, session, check_id, words.get("reason", ""))
    except NotFound:
        raise
    except HotlineError as problem:
        return await _respond(request, problem, {**words, "fatal": form.getall("fatal", [])})
    return see_other(request, target, f"quality_{step}")


def _sheet(form: MultiDictProxy[Any], rules: book.Book) -> tuple[dict[str, int], list[str]]:
    """The points of the form by item; what is no number is left out, and the service says which are missing."""
    asked = {item.key: whole_number(str(form.get(f"p-{item.key}", ""))) for item in rules.items}
    return {key: value for key, value in asked.items() if value is not None}, [str(value) for value in form.getall("fatal", [])]


async def _decide(request: web.Request, session: AsyncSession, check_id: int, form: MultiDictProxy[Any], words: dict[str, str]) -> None:
    person, core = require_may(request, "quality.decide"), request.app[CORE]
    if words.get("upheld") not in ("yes", "no"):
        raise InvalidInput(_("请选择申诉是否成立"), field="upheld")
    line = await access.access_check(core, session, person.actor, check_id)
    points, fatal = _sheet(form, await book.of_version(session, line.check.book_version))
    upheld, note = words["upheld"] == "yes", words.get("note", "")
    await appeals.decide(core, session, person.actor, check_id, upheld=upheld, note=note, points=points, fatal=fatal)


async def _allow(request: web.Request, session: AsyncSession, check_id: int, reason: str) -> str:
    """Who needs a reason says it; then the player shows for ten minutes."""
    person, core = require_may(request, *_SEES), request.app[CORE]
    line = await access.access_check(core, session, person.actor, check_id)
    if not await access.hears(core, session, person.actor, line):
        raise NotAllowed(_("申诉期已过，录音和转写不再开放"))
    if not is_reason(reason):
        raise InvalidInput(_("请写明调听的理由，至少4个字"), field="reason")
    await note_listening(core, session, person.actor, line.call.id, reason=reason[:200], check=check_id)
    return f"/console/quality/{check_id}?grant={make_grant(request, str(line.call.id))}"


async def play_recording(request: web.Request) -> web.StreamResponse:
    """GET /console/quality/{id}/recording, with ranges. Who begins to listen is written down, with the check as the reason."""
    person, core, check_id = require_may(request, *_SEES), request.app[CORE], int(request.match_info["id"])
    async with request.app[DATABASE].transaction() as session:
        line = await access.access_check(core, session, person.actor, check_id)
        if not await access.hears(core, session, person.actor, line):
            raise NotAllowed(_("申诉期已过，录音和转写不再开放"))
        needs_reason = scope_of(person.actor, "recording.listen") is Scope.REASON
        if needs_reason and not valid_grant(request, request.query.get("grant", ""), str(line.call.id)):
            raise NotAllowed(_("调听要先说明理由"))
        if line.call.recording_path is None:
            raise NotFound(_("这通电话没有录音"))
        if request.method == "GET" and request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
            await note_listening(core, session, person.actor, line.call.id, check=check_id)
    return await play(request, line.call.recording_path)


async def pick(request: web.Request) -> web.StreamResponse:
    """POST /console/recordings/{id}/inspect: put this call on the list, and open it."""
    person, core = require_may(request, "quality.score"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        call = await access_call(core, session, person.actor, call_id_of(request))
        check = await sampling.pick(core, session, person.actor, call)
    return see_other(request, f"/console/quality/{check.id}")


async def show_book(request: web.Request) -> web.StreamResponse:
    """GET /console/quality/book: what is drawn and the sheet; supervisors publish, inspectors read."""
    require_may(request, "quality.score")
    return await _book(request)


async def publish(request: web.Request) -> web.StreamResponse:
    """POST /console/quality/book: check, and put in force."""
    person, form = require_may(request, "quality.rules"), await request.post()
    text, note = str(form.get("document", ""))[: book.MOST_CHARACTERS + 1], str(form.get("note", ""))[:500]
    try:
        async with request.app[DATABASE].transaction() as session:
            await book.publish(request.app[CORE], session, person.actor, text, note=note)
    except InvalidInput as problem:
        return await _book(request, problem, text, note)
    return see_other(request, "/console/quality/book", "quality_published")


async def _book(request: web.Request, problem: InvalidInput | None = None, text: str = "", note: str = "") -> web.Response:
    person = require_may(request, "quality.score")
    async with request.app[DATABASE].transaction() as session:
        rules, history, written = await book.current(session), await book.history(session), await book.text_of(session)
    return page(
        request, "console/quality_book.html", nav=_nav(person), status=problem.status if problem else 200, rules=rules, history=history,
        text=text or written, note=note, problem=str(problem) if problem else "", field=problem.field if problem else "",
        manages=may(person.actor, "quality.rules"),
    )  # fmt: skip
