"""Builds the web application from the services of the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from aiohttp import web

from channels.api import routes as api
from channels.console import routes as console
from channels.console.session import session_middleware
from channels.open311 import routes as open311
from channels.portal import routes as portal
from channels.sms import routes as sms
from channels.web.csrf import csrf_middleware
from channels.web.inputs import input_middleware
from channels.web.keys import ASSETS, CORE, DATABASE, HUB, SERVICES, SETTINGS, TEMPLATES, Services
from channels.web.live import Hub
from channels.web.middleware import FORM_LIMIT, add_security_headers, correlation_middleware, error_middleware, size_middleware
from channels.web.static import Assets
from channels.web.templating import environment
from channels.wechat import routes as wechat
from knowledge.article import tables as article_tables

PARTS = (portal, console, api, open311, wechat, sms)
"""Each adds its addresses by `setup(app)`."""


async def _favicon(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.app[ASSETS].url("favicon.svg"))


async def _run_hub(app: web.Application) -> AsyncIterator[None]:
    await app[HUB].start()
    yield


async def _stop_hub(app: web.Application) -> None:
    await app[HUB].stop()


def create_app(services: Services, routes: Iterable[web.AbstractRouteDef] = ()) -> web.Application:
    """The whole web front: portal, console, API, Open311, WeChat; `routes` are the composition root's (health, metrics)."""
    settings = services.settings
    app = web.Application(
        middlewares=[correlation_middleware, error_middleware, size_middleware, input_middleware, session_middleware, csrf_middleware],
        client_max_size=FORM_LIMIT,  # forms with files get more in size_middleware
    )
    article_tables.register()
    assets = Assets()
    app[SERVICES] = services
    app[SETTINGS] = settings
    app[DATABASE] = services.database
    app[CORE] = services.core
    app[HUB] = Hub(services.database.url)
    app[ASSETS] = assets
    app[TEMPLATES] = environment(services.core.clock, settings, assets)
    app.on_response_prepare.append(add_security_headers)
    app.cleanup_ctx.append(_run_hub)
    app.on_shutdown.append(_stop_hub)  # before aiohttp waits for open requests, since streams never end by themselves
    app.router.add_get("/static/{digest}/{name:.+}", assets.serve)
    app.router.add_get("/favicon.ico", _favicon)
    app.router.add_routes(routes)
    for part in PARTS:
        part.setup(app)
    return app
