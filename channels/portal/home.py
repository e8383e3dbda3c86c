"""Home, and the guide (办事指南): what can be read without telling us anything."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.cookies import ticket_of
from channels.portal.preferences import page
from channels.web.files import download
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.clock import to_city
from hotline.errors import NotFound
from hotline.i18n import _
from knowledge.article.access import live_article_by_slug, live_articles
from knowledge.article.content import AUDIENCES
from knowledge.article.files import files_of, public_file
from knowledge.article.models import Article, KnowledgeTopic
from knowledge.article.text import sections
from knowledge.article.topics import active_topics
from knowledge.search.service import listing, search
from ticketing.people.models import Unit
from ticketing.ticket.access import access_opened
from ticketing.ticket.models import Ticket

COMMON = 5
FOUND = 12
MAX_QUERY = 60
EMERGENCY = (("110", "报警求助"), ("119", "火警"), ("120", "医疗急救"), ("122", "交通事故"))


async def home(request: web.Request) -> web.StreamResponse:
    """GET /."""
    number = ticket_of(request)
    async with request.app[DATABASE].transaction() as session:
        asked = live_articles(request.app[CORE]).order_by(Article.used_count.desc(), Article.title).limit(COMMON)
        common = list(await session.scalars(asked))
        topics = await _topics(request, session)
        recent = await _recent(session, number) if number else None
    return page(
        request, "portal/home.html", common=common, topics=topics, recent=recent, emergency=[(tel, _(words)) for tel, words in EMERGENCY],
        browser_calls=bool(request.app[SETTINGS].browser_calls),
    )  # fmt: skip


async def _recent(session: AsyncSession, number: str) -> Ticket | None:
    """The ticket that this browser opened; None when it is gone."""
    try:
        return await access_opened(session, number)
    except NotFound:
        return None


async def _topics(request: web.Request, session: AsyncSession) -> list[tuple[KnowledgeTopic, list[Article]]]:
    """The emergency packages that are on, with their answers: they stand above everything else."""
    found = []
    for topic in await active_topics(request.app[CORE], session):
        answers = live_articles(request.app[CORE]).where(Article.topic_id == topic.id).order_by(Article.title)
        found.append((topic, list(await session.scalars(answers))))
    return found


async def guide(request: web.Request) -> web.StreamResponse:
    """GET /guide?q=…: all articles by scene, or those that fit the words."""
    query = "".join(char for char in request.query.get("q", "")[:MAX_QUERY] if char.isprintable()).strip()
    today = to_city(request.app[CORE].clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        articles = await _find(session, query, today) if query else list(await session.scalars(listing("", today)))
    scenes: dict[str, list[Article]] = {}
    for article in articles:
        for scene in dict.fromkeys((article.scene, *article.also_scenes)):
            scenes.setdefault(scene, []).append(article)
    return page(request, "portal/guide.html", query=query, articles=articles, scenes=scenes)


async def _find(session: AsyncSession, query: str, today: date) -> list[Article]:
    """Best matches first, then whatever holds the typed characters somewhere."""
    ranked = [hit.article for hit in await search(session, query, limit=FOUND, today=today)]
    known = {article.id for article in ranked}
    others = await session.scalars(listing(query, today).limit(FOUND))
    return ranked + [article for article in others if article.id not in known]


async def article(request: web.Request) -> web.StreamResponse:
    """GET /guide/{slug}."""
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        found = await live_article_by_slug(core, session, request.match_info["slug"])
        files = await files_of(session, found.id, found.files)
        unit = await session.get(Unit, found.unit_id) if found.unit_id else None
    return page(
        request, "portal/article.html", article=found, unit=unit, files=files, audiences=_audiences(), sections=list(sections(found.body))
    )


def _audiences() -> dict[str, str]:
    return {name: _(words) for name, words in AUDIENCES.items()}


async def file(request: web.Request) -> web.StreamResponse:
    """GET /guide/{slug}/files/{id}: an attachment of what is published just now."""
    async with request.app[DATABASE].transaction() as session:
        found = await public_file(request.app[CORE], session, request.match_info["slug"], UUID(request.match_info["id"]))
    return await download(request, found)
