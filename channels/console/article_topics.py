"""应急专题: the packages, and the switch that tells all their answers or none."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import HotlineError, InvalidInput, NotFound
from hotline.i18n import _
from knowledge.article import topics
from knowledge.article.access import today_of

PAGE = "/console/articles/topics"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/articles/topics."""
    require_may(request, "knowledge.publish")
    return await _respond(request)


async def save(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/topics: a new package, or other words for one (`id`)."""
    person, form = require_may(request, "knowledge.publish"), await request.post()
    name, message = str(form.get("name", ""))[:100], str(form.get("message", ""))[:500]
    try:
        async with request.app[DATABASE].transaction() as session:
            await topics.save_topic(
                request.app[CORE], session, person.actor, name=name, message=message, topic_id=whole_number(str(form.get("id", "")))
            )
    except HotlineError as problem:
        return await _respond(request, problem, {"name": name, "message": message})
    return see_other(request, PAGE, "article_topic_saved")


async def switch(request: web.Request) -> web.StreamResponse:
    """POST /console/articles/topics/{id}/{on|off}: heard on the next question."""
    person, form = require_may(request, "knowledge.publish"), await request.post()
    number, text = whole_number(request.match_info["id"]), str(form.get("until", "")).strip()
    try:
        if number is None:
            raise NotFound(_("没有找到这个专题"))
        until = _day(text)
        async with request.app[DATABASE].transaction() as session:
            on = request.match_info["switch"] == "on"
            await topics.switch(request.app[CORE], session, person.actor, number, on=on, until=until)
    except HotlineError as problem:
        return await _respond(request, problem)
    return see_other(request, PAGE, "article_topic_on" if on else "article_topic_off")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidInput(_("请填日期，例如2027-01-01"), field="until") from None


async def _respond(request: web.Request, problem: HotlineError | None = None, entered: dict[str, str] | None = None) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        lines = await topics.list_topics(session)
    return page(
        request, "console/article_topics.html", nav="articles", status=problem.status if problem else 200, lines=lines,
        problem=str(problem) if problem else "", entered=entered or {"name": "", "message": ""}, today=today_of(request.app[CORE]),
        longest=topics.LONGEST_MESSAGE,
    )  # fmt: skip
