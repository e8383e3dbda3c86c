"""Sampled checks (答复抽查): answers of the assistant drawn by chance, judged right or wrong."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import select

from channels.console.gaps import month_figures
from channels.console.pages import page, see_other
from channels.console.reporting import shown
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from chatbot.gaps import cover
from hotline.errors import HotlineError
from knowledge.article.models import Article
from knowledge.gap import checks

NAV = "checks"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/answer-checks: what is to be judged, and what was judged last."""
    require_may(request, "knowledge.check")
    return await _respond(request)


async def _respond(request: web.Request, problem: HotlineError | None = None, at: int = 0, remark: str = "") -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        waiting, done = await checks.to_judge(session), await checks.judged(session)
        ids = {check.article_id for check in (*waiting, *done)}
        titles = dict((await session.execute(select(Article.id, Article.title).where(Article.id.in_(ids)))).all()) if ids else {}
        figures = [figure for figure in await month_figures(request, session) if figure.indicator.key == "wrong_answers"]
    return page(
        request, "console/answer_checks.html", nav=NAV, status=problem.status if problem else 200, shown=shown, waiting=waiting,
        judged=done, titles=titles, figures=figures, problem=str(problem) if problem else "", at=at, remark=remark, sample=checks.SAMPLE,
    )  # fmt: skip


async def draw(request: web.Request) -> web.StreamResponse:
    """POST /console/answer-checks/draw: a sample of last week's answers."""
    person = require_may(request, "knowledge.check")
    async with request.app[DATABASE].transaction() as session:
        drawn = await checks.draw(request.app[CORE], session, person.actor, cover)
    return see_other(request, "/console/answer-checks", "drawn" if drawn else "nothing_drawn")


async def judge(request: web.Request) -> web.StreamResponse:
    """POST /console/answer-checks/{id}/{result}: right or wrong."""
    person, data = require_may(request, "knowledge.check"), await request.post()
    number, remark = whole_number(request.match_info["id"]) or 0, str(data.get("remark", ""))
    try:
        async with request.app[DATABASE].transaction() as session:
            right = request.match_info["result"] == "right"
            await checks.judge(request.app[CORE], session, person.actor, number, right=right, remark=remark)
    except HotlineError as problem:
        return await _respond(request, problem, number, remark[:500])
    return see_other(request, "/console/answer-checks", "judged")
