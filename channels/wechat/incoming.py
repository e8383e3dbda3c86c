"""What a citizen sent, as the rest of the channel sees it: one small type instead of wechatpy's thirty."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wechatpy import parse_message

OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Kind(StrEnum):
    """What sort of message it is."""

    TEXT = "text"
    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    LOCATION = "location"
    LINK = "link"
    EVENT = "event"
    UNKNOWN = "unknown"


_KINDS = {"shortvideo": Kind.VIDEO, **{kind.value: kind for kind in Kind}}


class UnreadableMessage(ValueError):
    """The text is no message of the platform."""


@dataclass(frozen=True)
class Incoming:
    """One message or event of one citizen."""

    openid: str
    account: str
    """The official account's own name (gh_…): a reply is sent in this name."""
    kind: Kind
    event: str = ""
    """Lower-case name of the event, with wechatpy's refinement `subscribe_scan`; empty for messages."""
    fields: dict[str, Any] = field(default_factory=dict, repr=False)

    def get(self, name: str) -> str:
        """A field's text; empty when it is missing, empty or not plain text."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    @property
    def identity(self) -> str:
        """What makes two pushes the same message: MsgId, else all fields.

        FromUserName + CreateTime, as documented for events, is too coarse: two events of one citizen in one second
        share it.
        """
        message_id = self.get("MsgId")
        if message_id.isdigit() and len(message_id) <= 32:
            return message_id
        return "event:" + json.dumps(self.fields, ensure_ascii=False, sort_keys=True)


def read(xml: str) -> Incoming:
    """Parse a push in clear; raises `UnreadableMessage` whatever is wrong with it.

    wechatpy lets six kinds of exceptions through (ExpatError, KeyError, AttributeError, ValueError, UnicodeDecodeError,
    TypeError), because it takes the form of its input for granted.
    """
    try:
        message = parse_message(xml)
        fields = dict(message._data)
        openid, account = fields["FromUserName"], fields["ToUserName"]
        if not (isinstance(openid, str) and OPENID.fullmatch(openid) and isinstance(account, str) and account):
            raise UnreadableMessage("sender or receiver is missing")
        kind = _KINDS.get(fields["MsgType"].lower(), Kind.UNKNOWN)
        event = str(fields.get("Event") or "").lower() if kind is Kind.EVENT else ""
    except UnreadableMessage:
        raise
    except Exception as error:  # noqa: BLE001 - see above: a parser that raises anything must not become a 500
        raise UnreadableMessage(type(error).__name__) from None
    return Incoming(openid, account, kind, event, fields)
