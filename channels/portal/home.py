"""Home: what is asked most, what is urgent, and the ways on."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from channels.portal.cookies import ticket_of
from channels.portal.guide import own_or_city_wide, topics_on
from channels.portal.preferences import page
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import NotFound
from hotline.i18n import _, texts
from knowledge.article.access import live_articles
from knowledge.article.models import Article
from ticketing.ticket.access import access_opened
from ticketing.ticket.models import Ticket

COMMON = 5
EMERGENCY = texts((("110", "报警求助"), ("119", "火警"), ("120", "医疗急救"), ("122", "交通事故")))


async def home(request: web.Request) -> web.StreamResponse:
    """GET /."""
    number = ticket_of(request)
    async with request.app[DATABASE].transaction() as session:
        asked = (
            live_articles(request.app[CORE])
            .where(own_or_city_wide(request).condition())
            .order_by(Article.used_count.desc(), Article.title)
            .limit(COMMON)
        )
        common = list(await session.scalars(asked))
        topics = await topics_on(request, session)
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
