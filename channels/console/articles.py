"""Knowledge: what citizens are told, for everybody who answers them; what is missing or ends soon, for the editor."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import func, select

from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import to_city
from hotline.errors import HotlineError, NotFound
from hotline.i18n import _
from knowledge.article.models import Article, ArticleState, UnansweredQuestion
from knowledge.article.service import get_article, latest_version, publish, recall
from knowledge.article.text import sections
from knowledge.search.service import listing, matches, search
from ticketing.people.models import Unit
from ticketing.people.permissions import may

LIMIT = 100


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/articles?q=…&state=…: published ones for all, every state and the open questions for editors."""
    person = require_may(request, "knowledge.read")
    core, words = request.app[CORE], request.query.get("q", "").strip()[:100]
    editing = may(person.actor, "knowledge.publish")
    state = request.query.get("state", "")
    today = to_city(core.clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        if editing and state in {item.value for item in ArticleState}:
            statement = select(Article).where(Article.state == state).order_by(Article.scene, Article.title)
            articles = list(await session.scalars(statement.where(matches(words)) if words else statement.limit(LIMIT)))
        elif len(words) > 6:  # a question rather than a word
            articles = [hit.article for hit in await search(session, words, limit=10, today=today)]
        else:
            articles = list(await session.scalars(listing(words, today).limit(LIMIT)))
        counts = {row[0]: row[1] for row in await session.execute(select(Article.state, func.count()).group_by(Article.state))}
        questions = (
            list(await session.scalars(select(UnansweredQuestion).order_by(UnansweredQuestion.id.desc()).limit(30))) if editing else []
        )
        soon = list(await session.scalars(select(Article).where(Article.state == ArticleState.DUE_FOR_REVIEW.value))) if editing else []
        titles = {row.id: row.title for row in await session.execute(select(Article.id, Article.title))} if questions else {}
    return page(
        request,
        "console/articles.html",
        nav="articles",
        articles=articles,
        words=words,
        state=state if editing else "",
        counts=counts,
        editing=editing,
        questions=questions,
        titles=titles,
        soon=soon,
    )


def _id(request: web.Request) -> int:
    number = whole_number(request.match_info["id"])
    if number is None:
        raise NotFound(_("没有找到这条知识"))
    return number


async def show_article(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}."""
    require_may(request, "knowledge.read")
    return await _respond(request)


async def _respond(request: web.Request, problem: HotlineError | None = None) -> web.Response:
    editing = may(staff(request).actor, "knowledge.publish")
    async with request.app[DATABASE].transaction() as session:
        article = await get_article(session, _id(request))
        if not editing and article.state != ArticleState.PUBLISHED.value:
            raise NotFound(_("没有找到这条知识"))
        newest = await latest_version(session, article.id)
        unit = await session.scalar(select(Unit.name).where(Unit.id == article.unit_id)) if article.unit_id else ""
    return page(
        request,
        "console/article.html",
        nav="articles",
        status=problem.status if problem else 200,
        article=article,
        sections=list(sections(article.body)),
        newest=newest,
        unit=unit,
        editing=editing,
        problem=str(problem) if problem else "",
    )


async def recall_article(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/{id}/recall: citizens no longer get it, from the next question on."""
    person = require_may(request, "knowledge.publish")
    reason = str((await request.post()).get("reason", ""))[:500]
    try:
        async with request.app[DATABASE].transaction() as session:
            await recall(request.app[CORE], session, person.actor, _id(request), reason)
    except HotlineError as problem:
        return await _respond(request, problem)
    return see_other(request, f"/console/articles/{_id(request)}", "recalled")


async def publish_article(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/{id}/publish: the newest version, by somebody who did not write it."""
    person = require_may(request, "knowledge.publish")
    version = whole_number(str((await request.post()).get("version", "")), most=10**6) or 0
    try:
        async with request.app[DATABASE].transaction() as session:
            await publish(request.app[CORE], session, person.actor, _id(request), version=version)
    except HotlineError as problem:
        return await _respond(request, problem)
    return see_other(request, f"/console/articles/{_id(request)}", "published")
