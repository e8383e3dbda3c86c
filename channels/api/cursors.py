"""Opaque cursors of keyset paging: where the last page ended, and for which list, so that one cannot be used for another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.context import Core

_SIGNATURE = 8


def write(core: Core, listed: str, place: list[Any]) -> str:
    """The cursor after `place` of the list `listed` (its filters and order)."""
    body = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(core, listed, body) + body).decode().rstrip("=")


def read(core: Core, listed: str, cursor: str) -> list[Any] | None:
    """The place behind a cursor, None for the first page. Raises InvalidInput when it is not of this list."""
    if not cursor:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        if not hmac.compare_digest(raw[:_SIGNATURE], _sign(core, listed, raw[_SIGNATURE:])):
            raise ValueError
        place = json.loads(raw[_SIGNATURE:])
    except (ValueError, RecursionError):
        raise InvalidInput(_("cursor只能用上一页给出的next，并且筛选条件要相同"), field="cursor") from None
    return list(place)


def _sign(core: Core, listed: str, body: bytes) -> bytes:
    key = hashlib.sha256(f"cursor\0{core.secret}".encode()).digest()
    return hmac.new(key, f"{listed}\0".encode() + body, hashlib.sha256).digest()[:_SIGNATURE]
