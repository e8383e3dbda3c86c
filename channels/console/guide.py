"""The short guide of each role (使用说明), out of docs/guide/*.md, and its pictures: what the help dialog links to."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import web
from markupsafe import Markup, escape

from channels.console.navigation import ROLE_NAMES, role_name
from channels.console.pages import page
from channels.console.session import staff
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.people.models import Role

DOCS = Path(__file__).resolve().parents[2] / "docs"
_PICTURE = re.compile(r"!\[([^\]]*)\]\(\.\./screenshots/([a-z0-9-]+)\.webp\)")
_ITEM = re.compile(r"(?:- |\d+\. )(.*)")


def _words(text: str) -> Markup:
    """One line of text: bold and keys."""
    shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", str(escape(text)))
    return Markup(re.sub(r"`(.+?)`", r"<kbd>\1</kbd>", shown))  # noqa: S704 - escaped above, only our own tags added


def _block(block: str) -> Markup:
    """A paragraph, a list or a picture."""
    if picture := _PICTURE.fullmatch(block):
        source = f"/console/guide/pictures/{picture[2]}.webp"
        if not (DOCS / "screenshots" / f"{picture[2]}.webp").is_file():
            return Markup()
        return Markup('<img class="guide__picture" src="{}" alt="{}" loading="lazy">').format(source, picture[1])
    lines = block.splitlines()
    items = [_ITEM.fullmatch(line) for line in lines]
    if all(items):
        kind = "ol" if lines[0][0].isdigit() else "ul"
        inner = Markup().join(Markup("<li>{}</li>").format(_words(item[1])) for item in items if item)
        return Markup("<{0} class='list'>{1}</{0}>").format(kind, inner)
    return Markup("<p>{}</p>").format(_words(" ".join(lines)))


def sections(text: str) -> list[tuple[str, Markup]]:
    """The guide as sections with a heading each. Of Markdown it knows `##`, lists, pictures, bold and code; the rest is text."""
    first, *others = re.split(r"^## ", text.partition("\n")[2], flags=re.MULTILINE)
    found = []
    for heading, body in [("", first), *(part.split("\n", 1) for part in others)]:
        blocks = [block.strip() for block in re.split(r"\n\s*\n", body) if block.strip()]
        if blocks:
            found.append((heading.strip(), Markup("\n").join(_block(block) for block in blocks)))
    return found


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/guide/{role}; without a role one's own. Everybody may read every guide: it holds no data."""
    own = staff(request).role
    try:
        role = Role(request.match_info.get("role", own.value))
    except ValueError as error:
        raise NotFound(_("没有这个页面")) from error
    path = DOCS / "guide" / f"{role.value}.md"
    if not path.is_file():
        raise NotFound(_("没有这个页面"))
    text = path.read_text(encoding="utf-8")
    names = {each.value: role_name(each) for each in ROLE_NAMES}
    return page(request, "console/guide.html", nav="guide", shown=role.value, names=names, sections=sections(text))


async def picture(request: web.Request) -> web.StreamResponse:
    """GET /console/guide/pictures/{name}: a page of the demo city."""
    path = DOCS / "screenshots" / request.match_info["name"]
    if not path.is_file():
        raise NotFound(_("没有这张图片"))
    return web.FileResponse(path, headers={"Content-Type": "image/webp", "Cache-Control": "private, max-age=86400"})


def setup(app: web.Application) -> None:
    """Add the guide to the web application."""
    app.router.add_get("/console/guide", show)
    app.router.add_get("/console/guide/{role:[a-z]+}", show)
    app.router.add_get("/console/guide/pictures/{name:[a-z0-9-]+[.]webp}", picture)
