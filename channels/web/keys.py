"""Typed keys of the application and of a request, and what the web front needs from the composition root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web
from jinja2 import Environment

from hotline.database import Database
from hotline.settings import Settings
from ticketing.context import Core

if TYPE_CHECKING:
    from channels.web.live import Hub
    from channels.web.static import Assets


class Services(Protocol):
    """What `hotline.assembly` hands over. Channels may not import hotline's assembly, so it is described here."""

    @property
    def settings(self) -> Settings:
        """Settings of this process."""
        ...

    @property
    def database(self) -> Database:
        """The pool."""
        ...

    @property
    def core(self) -> Core:
        """First argument of every service function."""
        ...

    @property
    def dialogue(self) -> Any:
        """`chatbot.dialogue.Dialogue`."""
        ...


SERVICES: web.AppKey[Services] = web.AppKey("services")
SETTINGS: web.AppKey[Settings] = web.AppKey("settings")
DATABASE: web.AppKey[Database] = web.AppKey("database")
CORE: web.AppKey[Core] = web.AppKey("core")
HUB: web.AppKey[Hub] = web.AppKey("hub")
ASSETS: web.AppKey[Assets] = web.AppKey("assets")
TEMPLATES: web.AppKey[Environment] = web.AppKey("templates")

CORRELATION: web.RequestKey[str] = web.RequestKey("correlation", str)
"""request[CORRELATION]: id of this request in logs and on error pages."""
READER_LANGUAGE: web.RequestKey[str] = web.RequestKey("reader_language", str)
"""request[READER_LANGUAGE]: in which language the answer is read, where that is another than the one the request is worked in."""
CSRF: web.RequestKey[str] = web.RequestKey("csrf", str)
"""request[CSRF]: the token that forms of this browser must send back."""
