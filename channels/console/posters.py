"""Posters with WeChat codes of their own: made for a district or street, printed in A4 or A3, their scans and tickets counted."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import select

from channels.console.pages import page, see_other
from channels.console.session import require_may
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from channels.wechat import poster_pdf, posters
from channels.wechat.api import Client
from channels.wechat.errors import PlatformError
from channels.wechat.jssdk import CLIENT
from channels.wechat.models import Poster
from hotline import logs
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _, speaking
from ticketing.people.models import Unit
from ticketing.tables.pdf import find_font

log = logs.get(__name__)
PATH = "/console/posters"
_FIELDS = ("name", "place", "purpose")


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/posters?before=…: every poster with its figures, and the form for a new one."""
    return await _respond(request)


async def make(request: web.Request) -> web.StreamResponse:
    """POST /console/posters: a new poster."""
    person, form = require_may(request, posters.PERMISSION), await request.post()
    entered = {name: str(form.get(name, "")).strip()[:200] for name in _FIELDS} | {"unit_id": str(form.get("unit_id", ""))[:20]}
    wanted = posters.Wanted(whole_number(entered["unit_id"]) or 0, *(entered[name] for name in _FIELDS))
    try:
        async with request.app[DATABASE].transaction() as session:
            await posters.make(request.app[CORE], session, person.actor, wanted)
    except InvalidInput as problem:
        return await _respond(request, errors=problem.errors, entered=entered)
    return see_other(request, PATH, "poster_made")


async def switch(request: web.Request) -> web.StreamResponse:
    """POST /console/posters/{id}/{withdraw|offer}."""
    person, poster_id = require_may(request, posters.PERMISSION), int(request.match_info["id"])
    active = request.match_info["step"] == "offer"
    async with request.app[DATABASE].transaction() as session:
        await posters.switch(request.app[CORE], session, person.actor, poster_id, active=active)
    return see_other(request, PATH, "poster_offered" if active else "poster_withdrawn")


async def download(request: web.Request) -> web.StreamResponse:
    """GET /console/posters/{id}/{a4.pdf|a3.pdf|code.svg}: to print, or the code alone for the city's own layout."""
    person, wanted = require_may(request, posters.PERMISSION), request.match_info["form"]
    async with request.app[DATABASE].transaction() as session:
        poster = await posters.get(session, person.actor, int(request.match_info["id"]))
        unit = await session.get_one(Unit, poster.unit_id)
    code, sample = await _code(request, poster)
    if wanted == "code.svg":
        return _file(poster_pdf.svg(code), "image/svg+xml", f"{poster.scene}.svg")
    settings = request.app[SETTINGS]
    sheet = poster_pdf.Sheet(code, unit.name, poster.name, poster.place, poster.purpose, poster.scene)
    city = poster_pdf.City(settings.city_name, settings.line_number, settings.web_url, sample=sample)
    paper = wanted.removesuffix(".pdf")
    with speaking("zh"):  # it hangs in the street, whatever language its maker reads
        body = await poster_pdf.document([sheet], city, paper=paper, font=find_font(settings.pdf_font))
    return _file(body, "application/pdf", f"{poster.scene}-{paper}.pdf")


async def _code(request: web.Request, poster: Poster) -> tuple[str, bool]:
    """(what the code says, whether it is a sample). The platform is asked once; the demonstration, which has none, gives a sample."""
    if poster.code_url is not None:
        return poster.code_url, False
    settings = request.app[SETTINGS]
    try:
        code = await _asked(request.app.get(CLIENT), poster)
    except Unavailable:
        if settings.demo:
            return f"{settings.web_url}/?poster={poster.scene}", True
        raise
    async with request.app[DATABASE].transaction() as session:
        kept = await session.get_one(Poster, poster.id, with_for_update=True)
        kept.code_url = kept.code_url or code
    return code, False


async def _asked(client: Client | None, poster: Poster) -> str:
    if client is None:
        raise Unavailable(_("公众号没有设置，还没有二维码：请设置 HOTLINE_WECHAT_APP_ID 和 HOTLINE_WECHAT_APP_SECRET"))
    try:
        return await client.scene_code(poster.scene)
    except PlatformError as error:
        log.warning("no code for a poster", poster=poster.id, reason=str(error))
        raise Unavailable(_("暂时没能从微信取到二维码，请稍后再试；一直不行请看“运行 → 各渠道”里的微信令牌")) from None


def _file(body: bytes, kind: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return web.Response(body=body, content_type=kind, headers=headers)


async def _respond(request: web.Request, *, errors: dict[str, str] | None = None, entered: dict[str, str] | None = None) -> web.Response:
    person = require_may(request, posters.PERMISSION)
    async with request.app[DATABASE].transaction() as session:
        rows = await posters.listed(session, person.actor, before=whole_number(request.query.get("before")))
        places = select(Unit).where(Unit.active, Unit.level > 1).order_by(Unit.level, Unit.id)
        units = [(unit.id, unit.name) for unit in await session.scalars(places)]
    settings = request.app[SETTINGS]
    return page(
        request,
        "console/posters.html",
        nav="posters",
        status=422 if errors else 200,
        rows=rows,
        older=rows[-1].poster.id if len(rows) == posters.PAGE else None,
        units=units,
        errors=errors or {},
        entered=entered or {},
        account=CLIENT in request.app or settings.demo,
        sample=settings.demo,
        most={"name": posters.MAX_NAME, "place": posters.MAX_PLACE, "purpose": posters.MAX_PURPOSE},
    )
