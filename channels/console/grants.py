"""Permission to listen for ten minutes: given to supervisors and leaders after they wrote a reason (4b)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from aiohttp import web

from channels.console.session import staff
from channels.web.inputs import whole_number
from channels.web.keys import CORE

VALID_FOR = timedelta(minutes=10)


def _sign(request: web.Request, until: str, call_id: str) -> str:
    text = f"listen\0{staff(request).user.id}\0{call_id}\0{until}"
    return hmac.new(request.app[CORE].secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def make_grant(request: web.Request, call_id: str) -> str:
    """A text for the address of the recording; bound to the person and the call."""
    until = str(int((request.app[CORE].clock.now() + VALID_FOR).timestamp()))
    return f"{call_id}.{until}.{_sign(request, until, call_id)}"


def valid_grant(request: web.Request, grant: str, call_id: str = "") -> bool:
    """Whether the grant is this person's, for this call (any call when not named), and not over."""
    parts = grant.split(".")
    until = whole_number(parts[1]) if len(parts) == 3 else None
    if until is None or (call_id and parts[0] != call_id):
        return False
    fresh = until >= request.app[CORE].clock.now().timestamp()
    return fresh and hmac.compare_digest(parts[2].encode(), _sign(request, parts[1], parts[0]).encode())
