"""Addresses that are told of events, deliveries that failed, and the systems of units. Administrators only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.event_words import EVENT_WORDS
from channels.console.pages import page, see_other
from channels.console.session import require_may, staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _, texts
from ticketing.exchange import service as exchange
from ticketing.people.models import Unit
from ticketing.webhook import service

PAGE = "/console/webhooks"


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/webhooks."""
    require_may(request, service.PERMISSION)
    return await _respond(request)


async def step(request: web.Request) -> web.StreamResponse:
    """POST /console/webhooks/{step}."""
    require_may(request, service.PERMISSION)
    key = request.match_info["step"]
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    try:
        async with request.app[DATABASE].transaction() as session:
            done, secret = await _STEPS[key](request, session, form)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, opened=key, entered=form)
    return await _respond(request, secret=secret) if secret else see_other(request, PAGE, done)


async def _add(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    events = form.get("events", "").replace("，", " ").replace(",", " ").split()
    hosts = request.app[SETTINGS].webhook_private_hosts
    made = await service.subscribe(
        request.app[CORE],
        session,
        staff(request).actor,
        name=form.get("name", ""),
        url=form.get("url", ""),
        events=events,
        allowed_hosts=hosts,
    )
    return "", made.secret


async def _switch(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    active = form.get("active") == "yes"
    await service.switch(request.app[CORE], session, staff(request).actor, _number(form), active=active)
    return "switched", ""


async def _send(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    await service.send_again(request.app[CORE], session, staff(request).actor, _number(form))
    return "queued_again", ""


async def _partner(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    unit, hosts = whole_number(form.get("unit_id")) or 0, request.app[SETTINGS].webhook_private_hosts
    made = await exchange.add_partner(
        request.app[CORE],
        session,
        staff(request).actor,
        unit_id=unit,
        name=form.get("name", ""),
        url=form.get("url", ""),
        allowed_hosts=hosts,
    )
    return "", made.secret


async def _partner_switch(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    active = form.get("active") == "yes"
    await exchange.switch_partner(request.app[CORE], session, staff(request).actor, _number(form), active=active)
    return "switched", ""


async def _push(request: web.Request, session: AsyncSession, form: dict[str, str]) -> tuple[str, str]:
    await exchange.push_again(request.app[CORE], session, staff(request).actor, _number(form))
    return "queued_again", ""


_REASONS = texts(
    (
        ("ClientConnector", "连不上对方"),
        ("no gateway", "没有短信网关，未发送"),
        ("ServerDisconnected", "对方断开了连接"),
        ("TimeoutError", "对方没有及时回答"),
        ("HTTP 410", "对方已停用这个地址"),
        ("HTTP 401", "对方不认签名"),
        ("HTTP ", "对方回答出错"),
        ("the subscription was switched off", "通知地址已停用"),
        ("the partner was switched off", "对接已停用，或者单位不再承办"),
    )
)


def reason(problem: str | None) -> str:
    """Why it was not delivered, in words; what stands in no line is shown as it is."""
    told = problem or ""
    words = next((_(words) for start, words in _REASONS if told.startswith(start)), told)
    return f"{words}（{told[:8]}）" if told.startswith("HTTP ") else words


def kind_in_words(kind: str) -> str:
    """What an outgoing message is about: a notice, or the event that another system is told of."""
    if kind == "notice":
        return _("通知")
    return _(EVENT_WORDS[kind][2]) if kind in EVENT_WORDS else kind


def _number(form: dict[str, str]) -> int:
    number = whole_number(form.get("id"))
    if number is None:
        raise NotFound(_("没有找到"))
    return number


_STEPS: dict[str, Callable[[web.Request, AsyncSession, dict[str, str]], Awaitable[tuple[str, str]]]] = {
    "add": _add,
    "switch": _switch,
    "send": _send,
    "partner": _partner,
    "partner-switch": _partner_switch,
    "push": _push,
}
STEPS = "|".join(_STEPS)


async def _respond(
    request: web.Request,
    *,
    problem: InvalidInput | None = None,
    opened: str = "",
    entered: dict[str, str] | None = None,
    secret: str = "",
) -> web.Response:
    actor = staff(request).actor
    async with request.app[DATABASE].transaction() as session:
        subscriptions = await service.subscriptions(session, actor)
        failed = await service.failed(session, actor)
        partners = await exchange.partners(session, actor)
        journal = await exchange.journal(session, actor, limit=50)
        units = list(await session.scalars(select(Unit).where(Unit.active, Unit.level > 1).order_by(Unit.level, Unit.id)))
    response = page(
        request, "console/webhooks.html", nav="system", status=problem.status if problem else 200, subscriptions=subscriptions,
        failed=failed, partners=partners, journal=journal, units=units, errors=problem.errors if problem else {}, opened=opened,
        entered=entered or {}, secret=secret, reason=reason, kind_in_words=kind_in_words,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response
