"""What the assistant did not answer well (没答好的问题): groups for the editors, and what becomes of them."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.reporting import shown
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import to_city
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _, texts
from knowledge.article.access import today_of
from knowledge.article.models import Article
from knowledge.gap import lists, service, work
from knowledge.gap.models import Cause, GapState
from knowledge.search.service import search
from ticketing.people.models import User
from ticketing.statistics.figures import Figure, total
from ticketing.statistics.indicators import BY_KEY
from ticketing.statistics.period import PeriodKind, containing
from ticketing.statistics.scope import CITY

NAV = "gaps"
PAGE = 30
CAUSES = texts(
    {
        Cause.UNANSWERED.value: "没有答案",
        Cause.UNSURE.value: "拿不准",
        Cause.HANDED_OVER.value: "答后转人工",
        Cause.RATED_BADLY.value: "评价没用",
        Cause.JUDGED_WRONG.value: "抽查判错",
    }
)
STATES = texts({GapState.OPEN.value: "待处理", GapState.COVERED.value: "已写进知识", GapState.NO_NEED.value: "不用处理"})
ORDERS = texts({lists.Order.COUNT.value: "问得最多", lists.Order.RECENT.value: "最近问的"})
SHOWN = ("self_solved", "handed_over", "gaps", "wrong_answers")
"""Indicators above the list."""


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/gaps?state=&order=&page=: groups, with what the month's figures say."""
    require_may(request, "knowledge.gaps")
    state = request.query.get("state", GapState.OPEN.value)
    state = state if state in STATES else GapState.OPEN.value
    order = request.query.get("order", lists.Order.COUNT.value)
    order = order if order in ORDERS else lists.Order.COUNT.value
    current = min(whole_number(request.query.get("page", "1"), most=1000) or 1, 1000)
    async with request.app[DATABASE].transaction() as session:
        found = await lists.groups(session, state=GapState(state), order=lists.Order(order), limit=PAGE + 1, offset=(current - 1) * PAGE)
        titles = await _titles(session, {group.nearest_id for group in found} | {group.gap.article_id for group in found})
        counts, figures = await lists.counts(session), await month_figures(request, session)
    return page(
        request, "console/gaps.html", nav=NAV, groups=found[:PAGE], more=len(found) > PAGE, current=current, state=state, order=order,
        states=STATES, orders=ORDERS, causes=CAUSES, counts=counts, titles=titles, figures=figures, shown=shown,
    )  # fmt: skip


async def month_figures(request: web.Request, session: AsyncSession) -> list[Figure]:
    """The loop's indicators of this month."""
    core = request.app[CORE]
    period = containing(PeriodKind.MONTH, to_city(core.clock.now()).date())
    figures = await total(core, session, CITY, period, [BY_KEY[key] for key in SHOWN])
    return [figures[key] for key in SHOWN]


async def _titles(session: AsyncSession, ids: set[int | None]) -> dict[int, str]:
    known = [each for each in ids if each is not None]
    if not known:
        return {}
    return dict((await session.execute(select(Article.id, Article.title).where(Article.id.in_(known)))).all())


def _id(request: web.Request) -> int:
    return whole_number(request.match_info["id"]) or 0


async def show_group(request: web.Request) -> web.StreamResponse:
    """GET /console/gaps/{id}?q=…: all sentences of a group, articles that may fit, and what can be done."""
    require_may(request, "knowledge.gaps")
    return await _respond(request)


async def _respond(request: web.Request, problem: HotlineError | None = None) -> web.Response:
    core = request.app[CORE]
    words = request.query.get("q", "").strip()[:100]
    async with request.app[DATABASE].transaction() as session:
        gap = await service.get_gap(session, _id(request))
        group = await lists.group(session, gap)
        hits = await search(session, words or group.title, limit=5, today=today_of(core)) if group.sentences else []
        others = [each for each in await lists.groups(session, limit=100) if each.gap.id != gap.id]
        closed_by = await session.scalar(select(User.name).where(User.id == gap.closed_by_id)) if gap.closed_by_id else ""
        titles = await _titles(session, {gap.article_id, group.nearest_id, *(one.article_id for one in group.sentences)})
    values: dict[str, Any] = {"group": group, "gap": gap, "articles": [hit.article for hit in hits], "others": others, "words": words}
    return page(
        request, "console/gap.html", nav=NAV, status=problem.status if problem else 200, causes=CAUSES, states=STATES, titles=titles,
        closed_by=closed_by or "", fitting=lists.examples(group, most=200), problem=str(problem) if problem else "", **values,
    )  # fmt: skip


async def act(request: web.Request) -> web.StreamResponse:
    """POST /console/gaps/{id}/{step}: article, examples, no-need, reopen, merge."""
    require_may(request, "knowledge.gaps")
    try:
        target, done = await _step(request)
    except HotlineError as problem:
        if isinstance(problem, NotFound):
            raise
        return await _respond(request, problem)
    return see_other(request, target, done)


async def _step(request: web.Request) -> tuple[str, str]:
    person, core, data = require_may(request, "knowledge.gaps"), request.app[CORE], await request.post()
    gap_id = _id(request)
    async with request.app[DATABASE].transaction() as session:
        match request.match_info["step"]:
            case "article":
                article = await work.make_article(core, session, person.actor, gap_id)
                return f"/console/articles/{article.id}/edit", "gap_article"
            case "examples":
                article_id = _number(data.get("article"), _("请选一条知识"), "article")
                chosen = [str(text) for text in data.getall("sentences", [])]
                await work.add_examples(core, session, person.actor, gap_id, article_id, chosen)
                return f"/console/articles/{article_id}", "gap_examples"
            case "no-need":
                await service.no_need(core, session, person.actor, gap_id, str(data.get("reason", "")))
                return "/console/gaps", "gap_no_need"
            case "reopen":
                await service.reopen(core, session, person.actor, gap_id)
                return f"/console/gaps/{gap_id}", "gap_reopened"
            case _:
                into = await service.merge(core, session, person.actor, gap_id, _number(data.get("into"), _("请选要并入的那一组"), "into"))
                return f"/console/gaps/{into.id}", "gap_merged"


def _number(value: object, missing: str, field: str) -> int:
    number = whole_number(str(value or ""))
    if not number:
        raise InvalidInput(missing, field=field)
    return number
