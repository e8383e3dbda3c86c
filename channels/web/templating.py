"""Jinja environment and page rendering."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape

from channels.web import formats
from channels.web.keys import CORE, CSRF, SETTINGS, TEMPLATES
from channels.web.static import NODE_MODULES, Assets
from channels.web.words import choices, word
from hotline.clock import Clock
from hotline.i18n import _
from hotline.settings import Settings

_CHANNELS = Path(__file__).parents[1]
_SVG = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@lru_cache(maxsize=256)
def icon(name: str, label: str = "") -> Markup:
    """One Lucide icon as inline SVG: hidden from screen readers, or named by `label`.

    Raises LookupError when there is no such icon, since that is a slip in a template.
    """
    path = NODE_MODULES / "lucide-static" / "icons" / f"{name}.svg"
    if not NODE_MODULES.is_dir():
        return Markup('<svg class="icon" aria-hidden="true"></svg>')
    found = _SVG.search(path.read_text()) if path.is_file() else None
    if found is None:
        raise LookupError(f"no icon {name}")
    body = re.sub(r"\s+", " ", found.group(1)).strip()
    named = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    shape = (
        'class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
    )
    return Markup(f"<svg {shape} {named}>{body}</svg>")  # noqa: S704 - our own icon files; the label is escaped


def _lines(text: str) -> Markup:
    """Text of a person with its line breaks."""
    return Markup("<br>").join(escape(line) for line in (text or "").splitlines())


def environment(clock: Clock, settings: Settings, assets: Assets) -> Environment:
    """The one Jinja environment. Templates are named `web/…`, `portal/…`, `console/…` by their channel."""
    loader = PrefixLoader({name: FileSystemLoader(_CHANNELS / name / "templates") for name in ("web", "portal", "console")})
    env = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)

    def short_time(moment: datetime | None) -> str:
        return formats.short_time(moment, clock.now())

    env.filters.update(formats.FILTERS, short_time=short_time, lines=_lines)
    env.globals.update(
        _=_,
        icon=icon,
        asset=assets.url,
        percent=formats.percent,
        city=settings.city_name,
        line_number=settings.line_number,
        demo=settings.demo,
        now=clock.now,
        word=word,
        choices=choices,
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
