"""Addresses of the console."""

from __future__ import annotations

from aiohttp import web

from channels.console import login


def setup(app: web.Application) -> None:
    """Add the console to the web application."""
    app.router.add_routes(
        [
            web.get("/console", login.go_home),
            web.get("/console/", login.go_home),
            web.get("/console/login", login.show_login),
            web.post("/console/login", login.do_login),
            web.post("/console/logout", login.do_logout),
        ]
    )
