"""Home, and the guide (办事指南): what can be read without telling us anything."""

from __future__ import annotations

from datetime import date

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.cookies import ticket_of
from channels.portal.preferences import page
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.clock import to_city
from hotline.errors import NotFound
from hotline.i18n import _
from knowledge.article.access import is_told
from knowledge.article.models import Article
from knowledge.article.text import sections
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
    today = to_city(request.app[CORE].clock.now()).date()
    number = ticket_of(request)
    async with request.app[DATABASE].transaction() as session:
        asked = select(Article).where(is_told(today)).order_by(Article.used_count.desc(), Article.title).limit(COMMON)
        common = list(await session.scalars(asked))
        recent = await _recent(session, number) if number else None
    return page(
        request, "portal/home.html", common=common, recent=recent, emergency=[(tel, _(words)) for tel, words in EMERGENCY],
        browser_calls=bool(request.app[SETTINGS].browser_calls),
    )  # fmt: skip


async def _recent(session: AsyncSession, number: str) -> Ticket | None:
    """The ticket that this browser opened; None when it is gone."""
    try:
        return await access_opened(session, number)
    except NotFound:
        return None


async def guide(request: web.Request) -> web.StreamResponse:
    """GET /guide?q=…: all articles by scene, or those that fit the words."""
    query = "".join(char for char in request.query.get("q", "")[:MAX_QUERY] if char.isprintable()).strip()
    today = to_city(request.app[CORE].clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        articles = await _find(session, query, today) if query else list(await session.scalars(listing("", today)))
    scenes: dict[str, list[Article]] = {}
    for article in articles:
        scenes.setdefault(article.scene, []).append(article)
    return page(request, "portal/guide.html", query=query, articles=articles, scenes=scenes)


async def _find(session: AsyncSession, query: str, today: date) -> list[Article]:
    """Best matches first, then whatever holds the typed characters somewhere."""
    ranked = [hit.article for hit in await search(session, query, limit=FOUND, today=today)]
    known = {article.id for article in ranked}
    others = await session.scalars(listing(query, today).limit(FOUND))
    return ranked + [article for article in others if article.id not in known]


async def article(request: web.Request) -> web.StreamResponse:
    """GET /guide/{slug}."""
    today = to_city(request.app[CORE].clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        found = (await session.scalars(select(Article).where(Article.slug == request.match_info["slug"], is_told(today)))).first()
        if found is None:
            raise NotFound(_("没有这条办事指南，可能已经更新。请在办事指南里重新查找"))
        unit = await session.get(Unit, found.unit_id) if found.unit_id else None
    return page(request, "portal/article.html", article=found, unit=unit, sections=list(sections(found.body)))
