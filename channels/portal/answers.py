"""公开答复: what others asked and were answered, in words without persons. Passed by two people (`ticketing.publication`)."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import select

from channels.portal.preferences import page
from channels.web import keyset
from channels.web.inputs import whole_number
from channels.web.keys import DATABASE
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.publication.models import PublishedAnswer
from ticketing.publication.service import after, shown
from ticketing.suggestion.places import districts
from ticketing.taxonomy.models import Category

PAGE = 20
MAX_QUERY = 60


async def show(request: web.Request) -> web.StreamResponse:
    """GET /answers?q=&group=&district=&after=: newest first, twenty a page."""
    asked = request.query
    words = "".join(char for char in asked.get("q", "")[:MAX_QUERY] if char.isprintable()).strip()
    async with request.app[DATABASE].transaction() as session:
        used = shown().with_only_columns(PublishedAnswer.category_code).order_by(None).distinct()
        categories = select(Category).where(Category.code.in_(used)).order_by(Category.code)
        groups = {each.code[:2]: _plain(each.group_name) for each in await session.scalars(categories)}
        group = asked.get("group", "") if asked.get("group", "") in groups else ""
        district = asked.get("district", "") if asked.get("district", "") in districts() else ""
        statement = shown(words, category_group=group, district=district)
        place = keyset.read_number(asked.get("after"))
        rows = list(await session.scalars((after(statement, place) if place else statement).limit(PAGE + 1)))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    following = keyset.written(last.published_at, last.id) if last is not None and last.published_at is not None else ""
    return page(
        request, "portal/answers.html", query=words, group=group, groups=groups, district=district, districts=districts(),
        answers=rows[:PAGE], following=following, narrowed=bool(words or group or district),
    )  # fmt: skip


def _plain(group_name: str) -> str:
    """«05 生态环境» without its number."""
    return group_name.partition(" ")[2] or group_name


async def show_one(request: web.Request) -> web.StreamResponse:
    """GET /answers/{id}. Raises NotFound, alike for what never was and what was taken off."""
    number = whole_number(request.match_info["id"]) or 0
    async with request.app[DATABASE].transaction() as session:
        found = (await session.scalars(shown().where(PublishedAnswer.id == number))).first()
        category = await session.get(Category, found.category_code) if found and found.category_code else None
    if found is None:
        raise NotFound(_("这条答复没有公开，或者已经撤下"))
    return page(request, "portal/published_answer.html", found=found, category=category)
