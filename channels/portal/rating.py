"""The questions of the rating page, and the page behind a single-use link (/r/…): no number, no query code, one ticket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from channels.api.limits import Limiter
from channels.portal.preferences import page
from channels.web.address import address_of
from channels.web.keys import CORE, DATABASE
from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.i18n import _
from ticketing.callback import rules
from ticketing.callback.links import open_link, rate_by_link
from ticketing.callback.questionnaire import CallbackResult, read_answers
from ticketing.ticket.states import Satisfaction

MIN_NOTE = 5
LINK_TRIES: web.AppKey[Limiter] = web.AppKey("link_tries", Limiter)


@dataclass(frozen=True)
class Asked:
    """One question as the page shows it."""

    key: str
    kind: str
    text: str
    required: bool
    options: list[tuple[str, str]]


def survey(by: str) -> list[Asked]:
    """The questions that a citizen is asked who rates `by` web or link, the satisfaction first."""
    file = rules.load()
    found = []
    for question in file.questions:
        if not question.is_for(by):
            continue
        if question.kind == "yes_no":
            options = [("yes", _("是")), ("no", _("否"))]
        elif question.kind == "scale":
            options = [(step.value, _(step.label)) for step in file.steps]
        else:
            options = [(value, _(label)) for value, label in question.choices.items()]
        found.append(Asked(question.key, question.kind, _(question.text), question.required, options))
    return sorted(found, key=lambda asked: asked.key != "satisfaction")


def read_rating(typed: Mapping[str, str], *, by: str) -> CallbackResult:
    """The answers. 不满意 needs a reason, so that the unit knows what to mend. Raises InvalidInput by field."""
    errors: dict[str, str] = {}
    result = None
    try:
        result = read_answers(rules.load(), {key: typed.get(key, "") for key in (asked.key for asked in survey(by))}, by=by)
    except InvalidInput as error:
        errors.update(error.errors)
    unhappy = rules.load().result_of(typed.get("satisfaction", "")) is Satisfaction.DISSATISFIED
    note = typed.get("note", "").strip()
    if len(note) > 1000:
        errors["note"] = _("请把意见控制在{count}个字以内").format(count=1000)
    elif unhappy and len(note) < MIN_NOTE:
        errors["note"] = _("请告诉我们哪里不满意，至少5个字，承办单位据此重办")
    if errors or result is None:
        raise InvalidInput(errors=errors)
    return result


async def show(request: web.Request) -> web.StreamResponse:
    """GET /r/{token}: the questions. Looking does not use the link up."""
    return await _page(request)


async def _page(
    request: web.Request,
    *,
    errors: dict[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    done: bool = False,
    status: int = 200,
) -> web.Response:
    _not_too_fast(request)
    async with request.app[DATABASE].transaction() as session:
        opened = await open_link(request.app[CORE], session, request.match_info["token"])
    values: dict[str, Any] = {
        "ticket": opened.ticket,
        "may_rate": opened.may_rate,
        "shows_answer": opened.shows_answer,
        "survey": survey("link"),
        "done": done,
    }
    response = page(request, "portal/link_rate.html", status=status, errors=errors or {}, typed=typed or {}, **values)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the key
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


async def submit(request: web.Request) -> web.StreamResponse:
    """POST /r/{token}: rate, once."""
    _not_too_fast(request)
    data = await request.post()
    typed = {name: value.strip() for name, value in data.items() if isinstance(value, str)}
    try:
        read_rating(typed, by="link")
        async with request.app[DATABASE].transaction() as session:
            await rate_by_link(request.app[CORE], session, request.match_info["token"], typed)
    except InvalidInput as error:
        return await _page(request, errors=error.errors, typed=typed, status=422)
    except IllegalStep:
        return await _page(request, status=409)
    return await _page(request, done=True)


def _not_too_fast(request: web.Request) -> None:
    """Guessing 256 bits is hopeless; the limit only keeps the tries from costing us anything."""
    if request.app[LINK_TRIES].wait_seconds(address_of(request)):
        raise NotFound(_("试得太快，请过一会儿再打开链接"))


__all__ = ["LINK_TRIES", "read_rating", "show", "submit", "survey"]
