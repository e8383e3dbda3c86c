"""Time-based one-time codes (RFC 6238: HMAC-SHA1, 30 seconds, six digits), as every authenticator app makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps before and after now that are accepted: a telephone's clock may be wrong by half a minute."""


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def step_of(moment: datetime) -> int:
    """The number of the time step that `moment` lies in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of one time step."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """The step that `code` belongs to, or None. Steps up to `after` were used before: a code read over a shoulder is worth nothing."""
    typed = "".join(code.split())
    current = step_of(now)
    for step in range(current - WINDOW, current + WINDOW + 1):
        if step > after and hmac.compare_digest(code_at(secret, step).encode(), typed.encode()):
            return step
    return None


def uri(secret: str, *, account: str, issuer: str) -> str:
    """The address that an authenticator app takes the secret from."""
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?secret={secret}&issuer={quote(issuer)}"
