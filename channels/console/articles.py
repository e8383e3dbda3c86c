"""Knowledge: what citizens are told, for everybody who answers them; drafts, reviews and what ends, for who keeps it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.files import download
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, NotFound
from hotline.events import history
from hotline.i18n import _, texts
from knowledge.article import lists
from knowledge.article.access import access_article, today_of, works_on
from knowledge.article.content import AUDIENCES, Content
from knowledge.article.files import files_of
from knowledge.article.life import STEPS, offered
from knowledge.article.lists import ArticleFilter, View
from knowledge.article.models import Article, ArticleVersion
from knowledge.article.service import current_content
from knowledge.article.text import SPOKEN_PARTS, sections
from knowledge.article.topics import active_topics, list_topics
from knowledge.article.trace import answers_given, counts_by_version
from knowledge.article.versions import compare, draft_of, get_version, latest_version, list_versions
from knowledge.search.filters import Filters
from knowledge.search.service import search
from telephony.speech.reading import readable
from ticketing.people.models import Unit, User
from ticketing.people.permissions import may
from ticketing.suggestion.places import districts

QUESTION = 6
"""More characters than this are a question rather than words."""
VIEWS = texts({
    View.TOLD: "市民可查", View.DRAFTS: "编写审核中", View.REVIEW: "等我审核", View.DUE: "到期复核", View.WRONG: "有人说不对",
    View.ENDED: "失效和撤回",
})  # fmt: skip
KINDS = texts({"guide": "办事指南", "question": "常见问题", "notice": "公告", "emergency": "应急专题"})


def keeps(request: web.Request) -> bool:
    """Whether the person writes or reviews articles at all."""
    actor = staff(request).actor
    return any(may(actor, name) for name in ("knowledge.supply", "knowledge.approve", "knowledge.publish"))


def id_of(request: web.Request) -> int:
    """The article in the address. Raises NotFound when it is none."""
    number = whole_number(request.match_info["id"])
    if number is None:
        raise NotFound(_("没有找到这条知识"))
    return number


def _filter(request: web.Request, keeping: bool) -> ArticleFilter:
    query = request.query
    asked = query.get("view", "")
    view = View(asked) if keeping and asked in {each.value for each in View} else View.TOLD
    return ArticleFilter(
        view, query.get("q", "").strip()[:100], kind=query.get("kind", "") if query.get("kind") in KINDS else "",
        scene=query.get("scene", "")[:30], district=query.get("district", "")[:30], unit_id=whole_number(query.get("unit")),
        audience=query.get("audience", "") if query.get("audience") in AUDIENCES else "", topic_id=whole_number(query.get("topic")),
    )  # fmt: skip


async def show_list(request: web.Request) -> web.StreamResponse:
    """GET /console/articles?view=…&q=…&scene=…: what citizens get for all, drafts and reviews for those who keep them."""
    person, core, keeping = require_may(request, "knowledge.read"), request.app[CORE], keeps(request)
    only, before = _filter(request, keeping), whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        if len(only.words) > QUESTION and only.view is View.TOLD:
            filters = Filters(scene=only.scene, unit_id=only.unit_id, district=only.district or None, audience=only.audience)
            hits = await search(session, only.words, limit=10, today=today_of(core), filters=filters)
            articles = [hit.article for hit in hits]
        else:
            articles = await lists.list_articles(core, session, person.actor, only, before=before, limit=lists.PAGE + 1)
        units = {unit.id: unit.name for unit in await session.scalars(select(Unit).order_by(Unit.level, Unit.name))}
        values: dict[str, Any] = {
            "counts": await lists.counts(core, session, person.actor) if keeping else {},
            "scenes": await lists.scenes(core, session, person.actor),
            "topics": await active_topics(core, session),
        }
    return page(
        request, "console/articles.html", nav="articles", articles=articles[: lists.PAGE], more=len(articles) > lists.PAGE,
        only=only, views={view.value: _(words) for view, words in VIEWS.items()}, keeping=keeping, units=units, kinds=KINDS,
        districts=districts(), audiences=AUDIENCES, editor=may(person.actor, "knowledge.publish"),
        suggests=may(person.actor, "knowledge.suggest"), **values,
    )  # fmt: skip


async def show_article(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}."""
    require_may(request, "knowledge.read")
    return await respond(request)


async def respond(request: web.Request, problem: HotlineError | None = None, opened: str = "") -> web.Response:
    """The article's page, perhaps with what was wrong with a step and the words that were typed for it."""
    person, core = staff(request), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        article = await access_article(core, session, person.actor, id_of(request))
        working = works_on(person.actor, article)
        draft = await draft_of(session, article) if working else None
        shown = Content.loaded(draft.content) if draft is not None and request.query.get("draft") == "1" else current_content(article)
        values: dict[str, Any] = await _of_keepers(session, article, draft) if working else {"versions": [], "people": {}, "told": {}}
        unit = await session.get(Unit, article.unit_id) if article.unit_id else None
        values["files"] = await files_of(session, article.id, shown.files)
    return page(
        request, "console/article.html", nav="articles", status=problem.status if problem else 200, article=article, shown=shown,
        sections=list(sections(shown.body)), spoken=spoken_of(shown), unit=unit, working=working, draft=draft,
        steps={step.key: _(step.label) for step in offered(person.actor, article, draft)}, audiences=AUDIENCES, kinds=KINDS,
        problem=str(problem) if problem else "", opened=opened, entered=dict(await request.post()) if request.method == "POST" else {},
        suggests=may(person.actor, "knowledge.suggest"), can_save=any(may(person.actor, name) for name in STEPS["edit"].permissions),
        showing_draft=request.query.get("draft") == "1" and draft is not None, **values,
    )  # fmt: skip


def spoken_of(content: Content) -> list[tuple[str, str, str]]:
    """(heading, words, how the voice reads them) of every short answer."""
    parts = [(_("总的回答"), content.spoken)] if content.spoken else []
    parts += [(_(heading), content.spoken_parts[name]) for name, heading in SPOKEN_PARTS.items() if content.spoken_parts.get(name)]
    return [(heading, words, readable(words)) for heading, words in parts]


async def _of_keepers(session: AsyncSession, article: Article, draft: ArticleVersion | None) -> dict[str, Any]:
    versions = await list_versions(session, article.id, limit=20)
    wanted = {number for each in versions for number in (each.author_id, each.reviewer_id, each.unit_reviewer_id) if number}
    people = {row.id: row.name for row in await session.scalars(select(User).where(User.id.in_(wanted)))}
    wrong = [event for event in await history(session, "article", article.id) if event.name == "knowledge.marked_wrong"]
    return {
        "versions": versions, "people": people, "told": await counts_by_version(session, article.id), "wrong": wrong[-5:],
        "newest": (await latest_version(session, article.id)).version,
    }  # fmt: skip


async def show_comparison(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}/compare?a=1&b=2: two versions side by side, only the fields that differ."""
    person = require_may(request, "knowledge.supply", "knowledge.approve", "knowledge.publish")
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        article = await _kept(request, session, person.actor)
        newest = (await latest_version(session, article.id)).version
        second = whole_number(request.query.get("b")) or newest
        first = whole_number(request.query.get("a")) or max(1, second - 1)
        pair = [await get_version(session, article.id, number) for number in (first, second)]
        versions = await list_versions(session, article.id)
        topics = {line.topic.id: line.topic.name for line in await list_topics(session)}
    fields = compare(*(Content.loaded(version.content) for version in pair))
    return page(
        request, "console/article_compare.html", nav="articles", article=article, first=pair[0], second=pair[1], fields=fields,
        versions=versions, topics=topics, today=today_of(core),
    )  # fmt: skip


async def show_trace(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}/told?version=…: the answers that were given with it."""
    person = require_may(request, "knowledge.supply", "knowledge.approve", "knowledge.publish")
    version, before = whole_number(request.query.get("version")), whole_number(request.query.get("before"))
    async with request.app[DATABASE].transaction() as session:
        article = await _kept(request, session, person.actor)
        told = await answers_given(session, article.id, version=version, before=before, limit=lists.PAGE + 1)
        counts = await counts_by_version(session, article.id)
    return page(
        request, "console/article_told.html", nav="articles", article=article, told=told[: lists.PAGE], more=len(told) > lists.PAGE,
        version=version, counts=counts, numbers=may(person.actor, "ticket.see"),
    )  # fmt: skip


async def get_file(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}/files/{file}: also of a draft, for who works on it; for others what the published version names."""
    person = require_may(request, "knowledge.read")
    wanted = request.match_info["file"]
    async with request.app[DATABASE].transaction() as session:
        article = await access_article(request.app[CORE], session, person.actor, id_of(request))
        named = wanted in article.files or works_on(person.actor, article)
        found = await files_of(session, article.id, [wanted]) if named else []
    if not found:
        raise NotFound(_("没有找到这个附件"))
    return await download(request, found[0])


async def _kept(request: web.Request, session: AsyncSession, actor: Any) -> Article:
    article = await access_article(request.app[CORE], session, actor, id_of(request))
    if not works_on(actor, article):
        raise NotFound(_("没有找到这条知识"))
    return article


def redirect(request: web.Request, done: str) -> web.Response:
    """Back to the article, with a word of what was done."""
    return see_other(request, f"/console/articles/{id_of(request)}", done)


__all__ = ["KINDS", "get_file", "id_of", "keeps", "redirect", "respond", "show_article", "show_comparison", "show_list", "show_trace"]
