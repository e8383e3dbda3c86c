"""Rasa's REST channel behind a token: on a shared host nobody but the hotline may put words into a conversation.

Runs in Rasa's own environment; chatbot/rasa_files.py writes the token into the credentials file.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import UserMessage
from rasa.core.channels.rest import RestInput
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json


class TokenInput(RestInput):
    """`POST /webhooks/rest/webhook` as in Rasa, for callers with `Authorization: Bearer TOKEN` only."""

    def __init__(self, token: str) -> None:
        """`token` must not be empty."""
        if not token:
            raise ValueError("the channel needs a token")
        self._expected = f"Bearer {token}".encode()

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> "TokenInput":
        """Made by Rasa from the credentials file."""
        return cls(str((credentials or {}).get("token") or ""))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes of the REST channel, each behind the token."""
        routes = super().blueprint(on_new_message)

        @routes.middleware("request")
        async def check(request: Request) -> HTTPResponse | None:
            shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if hmac.compare_digest(shown, self._expected):
                return None
            return json({"error": "this channel needs its token"}, status=401)

        return routes
