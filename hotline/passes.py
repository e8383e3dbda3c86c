"""Passes: short-lived signed notes by which one process lets a browser in at another.

The web process knows who is logged in; the WebRTC gateway (another port, no cookie, no table of sessions) must believe it. A pass says
for whom, for what and until when, signed with a key derived from the installation's secret (HMAC-SHA256). It is no session: it lets in
once, within a minute, and what was let in is cut when the session ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

_LIFE = timedelta(minutes=1)
_LONGEST = 2000


class PassRefused(Exception):
    """The pass is none of ours, for something else, or over."""


@dataclass(frozen=True)
class Pass:
    """Who may come in."""

    user_id: int
    session_id: int
    """The log-in behind it: when that ends, so does what was let in."""
    name: str


def new_name() -> str:
    """Makes each pass another one, so that it can be used up; also the name of a holder without an account."""
    return secrets.token_urlsafe(12)


def issue(secret: str, purpose: str, holder: Pass, now: datetime) -> str:
    """A pass for `purpose` (for example "phone"), good for a minute."""
    until = int((now + _LIFE).timestamp())
    claims = [holder.user_id, holder.session_id, holder.name, until, new_name()]  # two of one second are two
    body = base64.urlsafe_b64encode(json.dumps(claims, ensure_ascii=False).encode())
    return f"{body.decode()}.{_sign(secret, purpose, body)}"


def read(secret: str, purpose: str, text: str, now: datetime) -> Pass:
    """Whom it lets in; raises PassRefused."""
    body, _dot, signature = text.encode(errors="replace")[:_LONGEST].partition(b".")
    if not hmac.compare_digest(signature, _sign(secret, purpose, body).encode()):
        raise PassRefused("not signed by us for this")
    user_id, session_id, name, until, _one_of_many = json.loads(base64.urlsafe_b64decode(body))
    if now.timestamp() > until:
        raise PassRefused("over")
    return Pass(user_id, session_id, name)


def _sign(secret: str, purpose: str, body: bytes) -> str:
    key = hmac.new(secret.encode(), f"pass\0{purpose}".encode(), hashlib.sha256).digest()
    return hmac.new(key, body, hashlib.sha256).hexdigest()
