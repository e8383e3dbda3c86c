"""Events by which the platform reports on messages of ours: receipts, and who consented to which 订阅通知. Nobody is answered.

Forms: TEMPLATESENDJOBFINISH {MsgID, Status}; subscribe_msg_popup_event, _change_event and _sent_event with a List, which is an
object when there is one entry and an array when there are several. wechatpy knows only the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat import receipts, subscriptions
from channels.wechat.incoming import Incoming
from channels.wechat.notices import TEMPLATE_ID
from ticketing.citizen.service import by_openid
from ticketing.context import Core

EVENTS = frozenset({"templatesendjobfinish", "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"})
_MOST = 20
"""Entries that are read of one event; the platform sends a handful."""


async def take(core: Core, session: AsyncSession, message: Incoming, source: int) -> None:
    """Note what an event of `EVENTS` reports; `source` is its number in the journal. Once more does no harm."""
    match message.event:
        case "templatesendjobfinish":
            await receipts.take(core, session, message.get("MsgID"), _problem(message.get("Status")))
        case "subscribe_msg_sent_event":
            for entry in _entries(message, "SubscribeMsgSentEvent"):
                arrived = _text(entry, "ErrorCode") == "0"
                problem = "" if arrived else f"{_text(entry, 'ErrorCode')} {_text(entry, 'ErrorStatus')}"
                await receipts.take(core, session, _text(entry, "MsgID"), problem)
        case "subscribe_msg_popup_event":
            agreed = _templates(message, "SubscribeMsgPopupEvent", "accept")
            citizen = await by_openid(core, session, message.openid)
            await subscriptions.grant(session, citizen.id, source, agreed, core.clock.now())
        case "subscribe_msg_change_event":
            citizen = await by_openid(core, session, message.openid)
            for template in _templates(message, "SubscribeMsgChangeEvent", "reject"):
                await subscriptions.end(session, citizen.id, template, core.clock.now())


def _problem(status: str) -> str:
    """Empty for success, else `user block` or `system failed`; what the platform may say beyond that is kept as it is."""
    return "" if status == "success" else status.removeprefix("failed:").strip() or "unknown"


def _templates(message: Incoming, name: str, status: str) -> list[str]:
    entries = [entry for entry in _entries(message, name) if _text(entry, "SubscribeStatusString") == status]
    return [template for entry in entries if TEMPLATE_ID.fullmatch(template := _text(entry, "TemplateId"))]


def _entries(message: Incoming, name: str) -> Iterator[dict[str, Any]]:
    held = message.fields.get(name)
    found = held.get("List") if isinstance(held, dict) else None
    for entry in (found if isinstance(found, list) else [found])[:_MOST]:
        if isinstance(entry, dict):
            yield entry


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value.strip() if isinstance(value, str) else ""
