"""All operations of the staff API, and their addresses in the web application."""

from __future__ import annotations

from functools import lru_cache

from aiohttp import web

from channels.api import (
    actions,
    articles,
    audit,
    briefs,
    call_flow,
    callbacks,
    catalogue,
    citizen_data,
    dialling,
    duty,
    exchange,
    gaps,
    held,
    notice_templates,
    openapi,
    people,
    planning,
    publications,
    quality,
    reference,
    requests,
    roster,
    statistics,
    suggestions,
    supervision,
    supervision_records,
    tables,
    tickets,
    tokens,
    units,
    webhooks,
    wishes,
    workflow,
)
from channels.api.call import Operation
from channels.api.limits import Limiter
from channels.api.run import PER_ADDRESS, PER_TOKEN, serve
from channels.web.keys import CORE

PER_MINUTE, BURST = 600, 200
"""Requests of one token: so many at once, then so many a minute."""
WRONG_PER_MINUTE, WRONG_BURST = 12, 30
"""Wrong tokens of one address."""


def operations() -> tuple[Operation, ...]:
    """Every operation below /api/v1."""
    return (
        *reference.OPERATIONS,
        *suggestions.OPERATIONS,
        *tickets.OPERATIONS,
        *requests.OPERATIONS,
        *actions.OPERATIONS,
        *tokens.OPERATIONS,
        *webhooks.OPERATIONS,
        *exchange.OPERATIONS,
        *supervision.OPERATIONS,
        *supervision_records.OPERATIONS,
        *citizen_data.OPERATIONS,
        *wishes.OPERATIONS,
        *callbacks.OPERATIONS,
        *duty.OPERATIONS,
        *roster.OPERATIONS,
        *dialling.OPERATIONS,
        *tables.OPERATIONS,
        *audit.OPERATIONS,
        *statistics.OPERATIONS,
        *briefs.OPERATIONS,
        *units.OPERATIONS,
        *people.OPERATIONS,
        *planning.OPERATIONS,
        *call_flow.OPERATIONS,
        *articles.OPERATIONS,
        *gaps.OPERATIONS,
        *workflow.OPERATIONS,
        *notice_templates.OPERATIONS,
        *catalogue.OPERATIONS,
        *held.OPERATIONS,
        *publications.OPERATIONS,
        *quality.OPERATIONS,
    )


@lru_cache(maxsize=1)
def description() -> str:
    """OpenAPI as text, made once."""
    return openapi.as_text(operations())


async def show_description(_request: web.Request) -> web.Response:
    """GET /api/openapi.json."""
    return web.Response(text=description(), content_type="application/json", charset="utf-8", headers={"Cache-Control": "max-age=300"})


def setup(app: web.Application) -> None:
    """Add the addresses."""
    app[PER_TOKEN] = Limiter(app[CORE].clock, per_minute=PER_MINUTE, burst=BURST)
    app[PER_ADDRESS] = Limiter(app[CORE].clock, per_minute=WRONG_PER_MINUTE, burst=WRONG_BURST)
    app.router.add_get("/api/openapi.json", show_description)
    for operation in operations():
        app.router.add_route(operation.method, openapi.PREFIX + operation.path, serve(operation))
