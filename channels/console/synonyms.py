"""同义词: the groups of words by which search meets what citizens say with what articles say."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _, texts
from knowledge.search import synonyms
from knowledge.search.models import SynonymKind

PAGE = "/console/articles/synonyms"
KINDS = texts({SynonymKind.RELATED.value: "近义", SynonymKind.SPELLING.value: "异写"})
_LONGEST = 600


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/synonyms?q=…: all groups, or those with these characters."""
    require_may(request, "knowledge.publish")
    return await _respond(request)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/synonyms: a new group, or other words for one (`id`)."""
    person, form = require_may(request, "knowledge.publish"), await request.post()
    core = request.app[CORE]
    entered = {name: str(form.get(name, "")).strip()[:_LONGEST] for name in ("kind", "words", "id")}
    try:
        if entered["kind"] not in KINDS:
            raise InvalidInput(_("请选择这组词是近义还是异写"), field="kind")
        async with request.app[DATABASE].transaction() as session:
            await synonyms.keep(
                core,
                session,
                person.actor,
                SynonymKind(entered["kind"]),
                entered["words"],
                group_id=whole_number(entered["id"]),
            )
    except HotlineError as problem:
        return await _respond(request, problem, entered)
    return see_other(request, PAGE, "synonyms_saved")


async def remove(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/synonyms/{id}/delete."""
    person, number = require_may(request, "knowledge.publish"), whole_number(request.match_info["id"])
    try:
        if number is None:
            raise NotFound(_("这一组词已经不在了"))
        async with request.app[DATABASE].transaction() as session:
            await synonyms.drop(request.app[CORE], session, person.actor, number)
    except HotlineError as problem:
        return await _respond(request, problem)
    return see_other(request, PAGE, "synonyms_dropped")


async def _respond(request: web.Request, problem: HotlineError | None = None, entered: dict[str, str] | None = None) -> web.Response:
    query = request.query.get("q", "").strip()[:30]
    async with request.app[DATABASE].transaction() as session:
        await synonyms.bring_shipped(request.app[CORE], session)  # so that every group can be changed
        groups = await synonyms.listed(session, query)
    return page(
        request, "console/synonyms.html", nav="articles", groups=groups, kinds=KINDS, query=query, problem=str(problem) if problem else "",
        entered=entered or {"kind": "", "words": "", "id": ""}, status=problem.status if problem else 200,
    )  # fmt: skip
