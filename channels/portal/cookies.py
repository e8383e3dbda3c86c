"""What the portal remembers in the browser: which chat, which ticket (for half an hour), a fresh receipt, and the face.

Chat and ticket are signed, so that nobody can write himself another one; the receipt, which holds the query code, is
sealed. All are HttpOnly and SameSite=Lax. Nothing here is a log-in: each opens one thing only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from aiohttp import web

from channels.web.keys import CORE, SETTINGS
from hotline.security import InvalidToken

CHAT, TRACK, RECEIPT = "hotline_chat", "hotline_track", "hotline_receipt"
CHAT_AGE = timedelta(hours=24)
TRACK_AGE = timedelta(minutes=30)
RECEIPT_AGE = timedelta(minutes=30)
FORM_AGE = timedelta(hours=24)


def _signature(request: web.Request, purpose: str, text: str) -> str:
    secret = request.app[CORE].secret.encode()
    return hmac.new(secret, f"portal\0{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def sign(request: web.Request, purpose: str, value: str, age: timedelta) -> str:
    """`value` with an end of validity and a signature for this purpose."""
    until = int((request.app[CORE].clock.now() + age).timestamp())
    text = f"{value}.{until}"
    return f"{text}.{_signature(request, purpose, text)}"


def unsign(request: web.Request, purpose: str, signed: str) -> str | None:
    """The value, or None when it is forged, for another purpose, or too old."""
    text, _dot, signature = signed.rpartition(".")
    if not hmac.compare_digest(_signature(request, purpose, text).encode(), signature.encode("utf-8", "replace")):
        return None
    value, _dot, until = text.rpartition(".")
    return value if until.isdigit() and request.app[CORE].clock.now().timestamp() <= int(until) else None


def keep(request: web.Request, response: web.StreamResponse, name: str, value: str, age: timedelta) -> None:
    """Set a cookie of ours: HttpOnly, this site only. What it holds is signed or sealed by who calls."""
    response.set_cookie(
        name, value, max_age=int(age.total_seconds()), httponly=True, samesite="Lax", secure=request.app[SETTINGS].cookie_secure, path="/"
    )


def remember_chat(request: web.Request, response: web.StreamResponse, conversation_id: UUID) -> None:
    """This browser goes on with this conversation."""
    keep(request, response, CHAT, sign(request, CHAT, str(conversation_id), CHAT_AGE), CHAT_AGE)


def chat_of(request: web.Request) -> UUID | None:
    """The conversation of this browser, if it has one."""
    value = unsign(request, CHAT, request.cookies.get(CHAT, ""))
    return UUID(value) if value else None


def remember_ticket(request: web.Request, response: web.StreamResponse, number: str) -> None:
    """This browser has shown the query code of this ticket."""
    keep(request, response, TRACK, sign(request, TRACK, number, TRACK_AGE), TRACK_AGE)


def ticket_of(request: web.Request) -> str | None:
    """The number of the ticket that this browser may see."""
    return unsign(request, TRACK, request.cookies.get(TRACK, ""))


def forget(response: web.StreamResponse, *names: str) -> None:
    """Drop these."""
    for name in names:
        response.del_cookie(name, path="/")


def give_receipt(request: web.Request, response: web.StreamResponse, number: str, query_code: str) -> None:
    """Keep number and query code for the page that shows them."""
    until = (request.app[CORE].clock.now() + RECEIPT_AGE).isoformat()
    sealed = request.app[CORE].vault.seal(json.dumps({"number": number, "code": query_code, "until": until}))
    keep(request, response, RECEIPT, sealed.decode(), RECEIPT_AGE)


def receipt_of(request: web.Request) -> tuple[str, str] | None:
    """(number, query code) that were just given to this browser."""
    try:
        held = cast(dict[str, Any], json.loads(request.app[CORE].vault.open(request.cookies.get(RECEIPT, "").encode())))
    except InvalidToken:
        return None
    if datetime.fromisoformat(held["until"]) < request.app[CORE].clock.now():
        return None
    return str(held["number"]), str(held["code"])


def new_form_token(request: web.Request) -> str:
    """Printed into a form: the same form sent twice has one effect."""
    return sign(request, "form", secrets.token_urlsafe(18), FORM_AGE)


def form_token_is_good(request: web.Request, token: str) -> bool:
    """Whether we printed it, not too long ago."""
    return unsign(request, "form", token) is not None
