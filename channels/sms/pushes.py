"""What providers bring to us: citizens' messages (上行短信) and delivery receipts (状态报告), each provider in its own JSON.

Neither Alibaba's nor Tencent's pushes are signed, so the address holds a key (`routes`). Pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from ticketing.citizen.service import normalise_phone

MAX_TEXT = 1000
PROVIDERS = ("alibaba", "tencent", "plain")
_OK: dict[str, dict[str, Any]] = {"alibaba": {"code": 0, "msg": "成功"}, "tencent": {"result": 0, "errmsg": "OK"}, "plain": {"code": 0}}


class UnreadablePush(ValueError):
    """It is none of the provider's forms."""


@dataclass(frozen=True)
class Received:
    """One message of one citizen."""

    id: str
    """The same for every repeat."""
    phone: str = field(repr=False)
    """E.164."""
    text: str = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    """What became of one message of ours."""

    gateway_id: str
    key: str
    """Our own id, where the provider brings it back (Alibaba's out_id)."""
    arrived: bool
    code: str


def answer(provider: str) -> dict[str, Any]:
    """What the provider takes for «received»; anything else makes it push again."""
    return _OK[provider]


def messages(provider: str, raw: bytes) -> list[Received]:
    """The messages of a push; raises `UnreadablePush`. A sender that is no telephone number is left out (short numbers of companies)."""
    found = []
    for item in _items(raw):
        if provider == "alibaba":
            phone, text, identity = item.get("phone_number"), item.get("content"), item.get("sequence_id")
        elif provider == "tencent":
            phone, text, identity = f"+{item.get('nationcode', '86')}{item.get('mobile', '')}", item.get("text"), None
        else:
            phone, text, identity = item.get("phone"), item.get("text"), item.get("id")
        if not isinstance(text, str) or not isinstance(phone, str):
            raise UnreadablePush("number or text is missing")
        number = normalise_phone(phone)
        if number is not None and text.strip():
            found.append(Received(_identity(identity, item), number, text.replace("\0", "").strip()[:MAX_TEXT]))
    return found


def receipts(provider: str, raw: bytes) -> list[Receipt]:
    """The receipts of a push; raises `UnreadablePush`."""
    found = []
    for item in _items(raw):
        if provider == "alibaba":
            number, key, arrived, code = item.get("biz_id"), item.get("out_id"), item.get("success") is True, item.get("err_code")
        elif provider == "tencent":
            number, key, arrived, code = item.get("sid"), "", item.get("report_status") == "SUCCESS", item.get("errmsg")
        else:
            number, key, arrived, code = item.get("id"), item.get("id"), item.get("arrived") is True, item.get("code")
        if not isinstance(number, str) or not number:
            raise UnreadablePush("the message's number is missing")
        found.append(Receipt(number[:120], str(key or "")[:120], arrived, str(code or "")))
    return found


def _items(raw: bytes) -> list[dict[str, Any]]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadablePush("no JSON") from error
    items = data if isinstance(data, list) else [data]
    if not items or not all(isinstance(item, dict) for item in items) or len(items) > 500:
        raise UnreadablePush("no list of objects")
    return items


def _identity(identity: object, item: dict[str, Any]) -> str:
    """The provider's number of the message, else a hash of all its fields (Tencent has no number; two equal texts have two times)."""
    if isinstance(identity, str | int) and str(identity):
        return str(identity)[:64]
    return hashlib.sha256(json.dumps(item, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]
