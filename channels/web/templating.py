"""Jinja environment and page rendering."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from channels.web import formats
from channels.web.badges import due_badge, state_badge, time_tag
from channels.web.icons import icon
from channels.web.keys import CORE, CSRF, SETTINGS, TEMPLATES
from channels.web.punctuation import Punctuation
from channels.web.static import Assets
from channels.web.words import choices, word
from hotline.clock import Clock
from hotline.i18n import _, counted
from hotline.settings import Settings
from ticketing.ticket.area import areas

_CHANNELS = Path(__file__).parents[1]


def _lines(text: str) -> Markup:
    """Text of a person with its line breaks."""
    return Markup("<br>").join(escape(line) for line in (text or "").splitlines())


def environment(clock: Clock, settings: Settings, assets: Assets) -> Environment:
    """The one Jinja environment. Templates are named `web/…`, `portal/…`, `console/…` by their channel."""
    loader = PrefixLoader({name: FileSystemLoader(_CHANNELS / name / "templates") for name in ("web", "portal", "console")})
    env = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, extensions=[Punctuation]
    )

    def short_time(moment: datetime | None) -> str:
        return formats.short_time(moment, clock.now())

    def tagged(moment: datetime) -> Markup:
        return time_tag(moment, clock.now())

    env.filters.update(formats.FILTERS, short_time=short_time, lines=_lines)
    # as filters, too: what a table has in each row costs less so than by a call
    env.filters.update(
        worded=lambda value, table: word(table, value),
        state_badge=state_badge,
        clock_badge=lambda due: due_badge(due.stage, due.text, due.title, due.running),
        time_tag=tagged,
    )
    env.globals.update(
        _=_,
        counted=counted,
        icon=icon,
        asset=assets.url,
        percent=formats.percent,
        city=settings.city_name,
        line_number=settings.line_number,
        demo=settings.demo,
        now=clock.now,
        word=word,
        choices=choices,
        areas=areas,
        state_badge=state_badge,
        due_badge=due_badge,
        time_tag=tagged,
    )
    return env


def page_values(request: web.Request) -> dict[str, Any]:
    """Values that every page has: `request`, `csrf`, `path`."""
    return {"request": request, "csrf": request.get(CSRF, ""), "path": request.path}


def render_text(request: web.Request, template: str, **values: Any) -> str:
    """`template` as text, with the values that every page has."""
    return request.app[TEMPLATES].get_template(template).render({**page_values(request), **values})


def render(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page or a fragment. Pages are never stored by caches, since they hold personal data."""
    body = render_text(request, template, **values)
    return web.Response(text=body, status=status, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-store"})


def is_fragment(request: web.Request) -> bool:
    """Whether htmx asked for a part of a page, not a person for a whole one."""
    return request.headers.get("HX-Request") == "true"


__all__ = ["CORE", "SETTINGS", "environment", "icon", "is_fragment", "page_values", "render", "render_text"]
