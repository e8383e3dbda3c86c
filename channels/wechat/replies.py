"""How text must look to get through the platform."""

from __future__ import annotations

from wechatpy.replies import TextReply

from channels.wechat.incoming import Incoming

MAX_BYTES = 2048
"""The platform's limit for one text (error 45002), in UTF-8 bytes: about 680 Chinese characters."""


def cut(text: str, limit: int = MAX_BYTES) -> str:
    """Fit `text` into `limit` bytes without splitting a character; an ellipsis shows the cut."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - len("…".encode())].decode(errors="ignore") + "…"


def clean(text: str) -> str:
    """Drop what XML 1.0 forbids (control characters, lone surrogates): one of them would break the whole reply."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r" or ("\x20" <= character <= "\ud7ff") or ("\ue000" <= character <= "\ufffd") or character > "\uffff"
    )


def escape(text: str) -> str:
    """Make `text` safe inside CDATA: `]]>` becomes two sections. wechatpy's own reply would break, or let XML in."""
    return text.replace("]]>", "]]]]><![CDATA[>")


def render(message: Incoming, text: str, timestamp: str) -> str:
    """The passive reply to `message`; `timestamp` is the push's own, in seconds."""
    reply = TextReply(source=escape(message.account), target=escape(message.openid), time=int(timestamp))
    reply.content = escape(cut(clean(text)))
    return str(reply.render())
