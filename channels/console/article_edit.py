"""Writing: a new article, a change of one, a suggestion by an agent. Saving makes a draft; nothing here reaches citizens."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import article_form
from channels.console.articles import KINDS, id_of, redirect
from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.files import read_uploads
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import Conflict, HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from knowledge.article import lists, service
from knowledge.article.access import access_article, today_of, works_on
from knowledge.article.content import AUDIENCES, MOST_FILES, Content
from knowledge.article.files import add_file, files_of
from knowledge.article.life import STEPS
from knowledge.article.models import Article, ArticleVersion
from knowledge.article.service import current_content
from knowledge.article.text import FIELDS, SPOKEN_PARTS
from knowledge.article.topics import list_topics
from knowledge.article.versions import latest_version
from ticketing.people.actor import Actor
from ticketing.people.models import Unit
from ticketing.suggestion.places import districts

WRITERS = STEPS["edit"].permissions
IDS = {"body": "f-body_conditions", "spoken_parts": "f-spoken_materials", "seen": "f-title"}


def new_slug() -> str:
    """The address of a new article in the guide: short, and no words that could become wrong when the title changes."""
    return f"k-{secrets.token_hex(4)}"


async def show_new(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/new."""
    require_may(request, *WRITERS)
    return await _form(request, article_form.blank(today_of(request.app[CORE])))


async def create(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/new: a draft; the page of the article says what comes next."""
    person, form = require_may(request, *WRITERS), await request.post()
    values = article_form.typed(form)
    actor = person.actor
    unit = actor.unit_id if actor.role and actor.role.in_unit else whole_number(str(form.get("unit_id", "")))
    try:
        async with request.app[DATABASE].transaction() as session:
            content = replace(article_form.content_of(values), files=())
            made = await service.create(
                request.app[CORE], session, actor, new_slug(), content, unit_id=unit, note=str(form.get("note", ""))
            )
    except HotlineError as problem:
        return await _form(request, values, problem)
    return see_other(request, f"/console/articles/{made.id}", "article_saved")


async def show_edit(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/{id}/edit: the newest text, draft or published."""
    person = require_may(request, *WRITERS)
    async with request.app[DATABASE].transaction() as session:
        article, newest = await _newest(request, session, person.actor)
        # what was published is shown as it is told now; a draft that waits goes before it
        content = Content.loaded(newest.content) if article.draft_version == newest.version else current_content(article)
    return await _form(request, article_form.entered(content), article=article, seen=newest.version)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/{id}/edit. Files that come with it are kept for the article and named by the new version."""
    person, form = require_may(request, *WRITERS), await request.post()
    core, values = request.app[CORE], article_form.typed(form)
    seen = whole_number(str(form.get("seen", "")), most=10**6) or 0
    async with request.app[DATABASE].transaction() as session:
        article, newest = await _newest(request, session, person.actor)
    try:
        uploads = await read_uploads(request, field="new_files", limit=MOST_FILES)
        async with request.app[DATABASE].transaction() as session:
            content = article_form.content_of(values)
            added = [
                str(
                    (
                        await add_file(
                            core, request.app[SETTINGS], session, person.actor, article, body=item.body, file_name=item.file_name
                        )
                    ).id
                )
                for item in uploads
            ]
            content = replace(content, files=(*content.files, *added))
            note = str(form.get("note", ""))[:500]
            await service.update(core, session, person.actor, article.id, content, seen_version=seen, note=note)
    except HotlineError as problem:
        later = newest.version if isinstance(problem, Conflict) and newest.version > seen else None
        return await _form(request, values, problem, article=article, seen=seen, later=later)
    return redirect(request, "article_saved")


async def suggest(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/suggest: an agent or editor notes down what is missing (收集), for an editor to write."""
    person, form = require_may(request, *STEPS["collect"].permissions), await request.post()
    core, title = request.app[CORE], str(form.get("title", "")).strip()
    today = today_of(core)
    content = Content(
        title=title, scene=_("待归类"), spoken="", questions=(title,), kind="question", valid_from=today, checked_on=today,
        source=str(form.get("source", "")).strip()[:1000],
    )  # fmt: skip
    async with request.app[DATABASE].transaction() as session:
        await service.collect(core, session, person.actor, new_slug(), content)
    return see_other(request, "/console/articles", "article_collected")


async def _newest(request: web.Request, session: AsyncSession, actor: Actor) -> tuple[Article, ArticleVersion]:
    article = await access_article(request.app[CORE], session, actor, id_of(request))
    if not works_on(actor, article):
        raise NotFound(_("没有找到这条知识"))
    return article, await latest_version(session, article.id)


async def _form(
    request: web.Request, values: dict[str, Any], problem: HotlineError | None = None, *, article: Article | None = None, seen: int = 0,
    later: int | None = None,
) -> web.Response:  # fmt: skip
    person, core = require_may(request, *WRITERS), request.app[CORE]
    errors = problem.errors if isinstance(problem, InvalidInput) and problem.errors else {"seen": str(problem)} if problem else {}
    async with request.app[DATABASE].transaction() as session:
        units = list(await session.scalars(select(Unit).where(Unit.active).order_by(Unit.level, Unit.name)))
        topics = await list_topics(session)
        scenes = await lists.scenes(core, session, person.actor)
        files = await files_of(session, article.id, values["files"]) if article is not None else []
    return page(
        request, "console/article_form.html", nav="articles", status=problem.status if problem else 200, article=article, seen=seen,
        later=later, entered=values, errors=errors, ids=IDS, audiences=AUDIENCES, scenes=scenes,
        kinds=[(value, _(words)) for value, words in KINDS.items()], district_pairs=[(each, each) for each in districts()],
        unit_pairs=[(unit.id, unit.name) for unit in units], topic_pairs=[(line.topic.id, line.topic.name) for line in topics],
        files=files, fields=FIELDS, lists_of=article_form.LISTS, long=article_form.LONG,
        limits={"statutory": _("法定时限"), "promised": _("承诺时限")}, spoken_parts=SPOKEN_PARTS,
        own_unit=person.actor.role is not None and person.actor.role.in_unit,
    )  # fmt: skip
