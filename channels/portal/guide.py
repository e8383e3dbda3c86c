"""The guide (办事指南): by district, for whom, scene and unit; each article with its attachments and the ways on (咨询, 投诉)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NoReturn
from urllib.parse import quote, unquote
from uuid import UUID

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.limits import Limiter
from channels.portal.cookies import keep, sign, unsign
from channels.portal.preferences import page
from channels.web.address import address_of
from channels.web.files import download
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.clock import to_city
from hotline.i18n import _
from knowledge.article.access import live_article_by_slug, live_articles
from knowledge.article.content import AUDIENCES
from knowledge.article.files import files_of, public_file
from knowledge.article.models import Article, KnowledgeTopic
from knowledge.article.service import helped
from knowledge.article.text import sections
from knowledge.article.topics import active_topics
from knowledge.search.filters import CITY_WIDE, Filters
from knowledge.search.service import listing, search
from ticketing.people.models import Unit
from ticketing.suggestion.places import districts

FOUND = 12
MAX_QUERY = 60
_DISTRICT = "hotline_district"
_YEAR = timedelta(days=365)
_USEFUL = "hotline_useful"
_REMEMBERED = 100
"""How many articles a browser remembers to have called useful."""
USEFUL_TRIES: web.AppKey[Limiter] = web.AppKey("portal_useful")


@dataclass(frozen=True)
class Choice:
    """One filter of the page: what can be chosen, and what is."""

    name: str
    label: str
    options: list[tuple[str, str]]
    chosen: str


def district_of(request: web.Request) -> str:
    """The district that this browser chose; empty: none, or one that the city does not have."""
    named = unquote(request.cookies.get(_DISTRICT, ""))
    return named if named in districts() else ""


def own_or_city_wide(request: web.Request) -> Filters:
    """What may be offered without being asked for: what holds in the whole city, and in the district that was chosen."""
    return Filters(district=district_of(request) or CITY_WIDE)


def _wanted(request: web.Request) -> tuple[str, Filters]:
    """(words, filters) of the address; the district of the last visit where it names none."""
    asked = request.query
    words = "".join(char for char in asked.get("q", "")[:MAX_QUERY] if char.isprintable()).strip()
    district = asked["district"] if "district" in asked else district_of(request)
    return words, Filters(
        scene=asked.get("scene", "")[:30],
        unit_id=whole_number(asked.get("unit")),
        district=district if district in districts() else None,
        audience=asked.get("for", "") if asked.get("for") in AUDIENCES else "",
    )


async def show(request: web.Request) -> web.StreamResponse:
    """GET /guide?q=…&district=…&for=…&scene=…&unit=…: all articles by scene, or those that fit the words."""
    query, filters = _wanted(request)
    today = to_city(request.app[CORE].clock.now()).date()
    async with request.app[DATABASE].transaction() as session:
        topics = [] if query else await topics_on(request, session)
        if query:
            articles = await _find(session, query, today, filters)
        else:
            articles = list(await session.scalars(listing("", today, filters)))
        choices = await _choices(request, session, filters)
    scenes: dict[str, list[Article]] = {}
    for article in articles:
        for scene in dict.fromkeys((article.scene, *article.also_scenes)):
            if not filters.scene or scene == filters.scene:
                scenes.setdefault(scene, []).append(article)
    narrowed = filters != Filters()
    response = page(
        request,
        "portal/guide.html",
        query=query,
        articles=articles,
        scenes=scenes,
        choices=choices,
        narrowed=narrowed,
        topics=topics,
        audiences=_audiences(),
    )
    if "district" in request.query:
        keep(request, response, _DISTRICT, quote(filters.district or ""), _YEAR)
    return response


async def topics_on(request: web.Request, session: AsyncSession) -> list[tuple[KnowledgeTopic, list[Article]]]:
    """The emergency packages that are on, with their answers: they stand above everything else."""
    core, own = request.app[CORE], own_or_city_wide(request).condition()
    found = []
    for topic in await active_topics(core, session):
        answers = live_articles(core).where(Article.topic_id == topic.id, own).order_by(Article.title)
        found.append((topic, list(await session.scalars(answers))))
    return found


async def _find(session: AsyncSession, query: str, today: date, filters: Filters) -> list[Article]:
    """Best matches first, then whatever holds the typed characters somewhere."""
    ranked = [hit.article for hit in await search(session, query, limit=FOUND, today=today, filters=filters)]
    known = {article.id for article in ranked}
    others = await session.scalars(listing(query, today, filters).limit(FOUND))
    return ranked + [article for article in others if article.id not in known]


async def _choices(request: web.Request, session: AsyncSession, filters: Filters) -> list[Choice]:
    """Only what leads to articles can be chosen."""
    live = live_articles(request.app[CORE]).with_only_columns(Article.scene, Article.unit_id).distinct()
    rows = (await session.execute(live)).all()
    units = await session.execute(select(Unit.id, Unit.name).where(Unit.id.in_({row.unit_id for row in rows})).order_by(Unit.name))
    scenes = sorted({row.scene for row in rows})
    return [
        Choice("district", _("在哪个区县"), [(name, name) for name in districts()], filters.district or ""),
        Choice("for", _("谁来办"), list(_audiences().items()), filters.audience),
        Choice("scene", _("什么事"), [(name, name) for name in scenes], filters.scene),
        Choice("unit", _("哪个单位"), [(str(number), name) for number, name in units], str(filters.unit_id or "")),
    ]


async def article(request: web.Request) -> web.StreamResponse:
    """GET /guide/{slug}."""
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        found = await live_article_by_slug(core, session, request.match_info["slug"])
        files = await files_of(session, found.id, found.files)
        unit = await session.get(Unit, found.unit_id) if found.unit_id else None
    return page(
        request,
        "portal/article.html",
        article=found,
        unit=unit,
        files=files,
        audiences=_audiences(),
        sections=list(sections(found.body)),
        thanked=found.id in useful_before(request),
    )


async def useful(request: web.Request) -> NoReturn:
    """POST /guide/{slug}/useful: it helped. Counted once for each browser and article, and not without end from one address."""
    core, before = request.app[CORE], useful_before(request)
    async with request.app[DATABASE].transaction() as session:
        found = await live_article_by_slug(core, session, request.match_info["slug"])
        if found.id not in before and not request.app[USEFUL_TRIES].wait_seconds(address_of(request)):
            await helped(session, found.id)
    response = web.HTTPSeeOther(f"/guide/{found.slug}#useful")
    kept = ",".join(str(number) for number in (*[each for each in before if each != found.id], found.id)[-_REMEMBERED:])
    keep(request, response, _USEFUL, sign(request, _USEFUL, kept, _YEAR), _YEAR)
    raise response


def useful_before(request: web.Request) -> list[int]:
    """The articles that this browser called useful, the last ones last."""
    held = unsign(request, _USEFUL, request.cookies.get(_USEFUL, ""))
    return [int(each) for each in held.split(",")] if held else []


def _audiences() -> dict[str, str]:
    return {name: _(words) for name, words in AUDIENCES.items()}


async def file(request: web.Request) -> web.StreamResponse:
    """GET /guide/{slug}/files/{id}: an attachment of what is published just now."""
    async with request.app[DATABASE].transaction() as session:
        found = await public_file(request.app[CORE], session, request.match_info["slug"], UUID(request.match_info["id"]))
    return await download(request, found)
