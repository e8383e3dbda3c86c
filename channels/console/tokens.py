"""我的令牌: personal access tokens for programs that use the API in a person's name."""

from __future__ import annotations

from aiohttp import web

from channels.console.pages import page, see_other
from channels.console.session import staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE
from hotline.errors import InvalidInput
from ticketing.access_token import service
from ticketing.access_token.models import TokenScope

_DAYS = (7, 30, 90, 365)


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/me/tokens."""
    return await _respond(request)


async def create(request: web.Request) -> web.StreamResponse:
    """POST /console/me/tokens: the new token is shown once, on the page that answers."""
    person, form = staff(request), await request.post()
    entered = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        scope = TokenScope.WRITE if entered.get("scope") == TokenScope.WRITE.value else TokenScope.READ
        days = whole_number(entered.get("days")) or 0
        async with request.app[DATABASE].transaction() as session:
            made = await service.issue(request.app[CORE], session, person.actor, name=entered.get("name", ""), scope=scope, days=days)
    except InvalidInput as problem:
        return await _respond(request, problem=problem, entered=entered)
    return await _respond(request, made=made)


async def revoke(request: web.Request) -> web.StreamResponse:
    """POST /console/me/tokens/revoke."""
    form = await request.post()
    async with request.app[DATABASE].transaction() as session:
        number = whole_number(str(form.get("token", ""))) or 0
        await service.revoke(request.app[CORE], session, staff(request).actor, number)
    return see_other(request, "/console/me/tokens", "token_revoked")


async def _respond(
    request: web.Request,
    *,
    problem: InvalidInput | None = None,
    entered: dict[str, str] | None = None,
    made: service.NewToken | None = None,
) -> web.Response:
    async with request.app[DATABASE].transaction() as session:
        tokens = await service.tokens_of(session, staff(request).actor)
    response = page(
        request, "console/tokens.html", nav="me", status=problem.status if problem else 200, tokens=tokens, made=made,
        errors=problem.errors if problem else {}, entered=entered or {"days": "30", "scope": "read"}, choices=_DAYS,
        now=request.app[CORE].clock.now(),
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response
