"""What the platform knows of one official account, and the figures of its rules.

ASSUMED marks what public documentation leaves open (docs/wechat.md).
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.wechat_codec import MessageCipher, new_aes_key

DAY = 86_400


@dataclass
class Rules:
    """The platform's figures; a test shortens the times it has to wait for."""

    reply_timeout_s: float = 5.0
    attempts: int = 3
    """Requests in all, as developers report."""
    retry_on_http_error: bool = True
    """ASSUMED: the worst case for de-duplication."""
    token_life_s: int = 7200
    old_token_grace_s: int = 300
    text_bytes: int = 2048
    media_life_s: int = 3 * DAY
    credits: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {"message": (5, 2 * DAY), "menu": (3, 60), "subscribe": (3, 60), "scan": (3, 60)}
    )
    """Scene -> (customer messages, seconds). ASSUMED: a new action fills its scene up, it does not add up."""


@dataclass
class Fan:
    """One citizen who follows the account."""

    openid: str
    subscribed: bool = True
    credits: dict[str, tuple[int, float]] = field(default_factory=dict)
    inbox: list[dict[str, Any]] = field(default_factory=list)
    """All that the citizen sees, in order."""
    subscriptions: Counter[str] = field(default_factory=Counter)
    """订阅通知 that may still be sent, by template; a lasting one is not used up."""
    told: dict[str, int] = field(default_factory=dict)
    """client_msg_id of template messages, by which the platform drops repeats, and the number of the first one."""

    def seen(self, via: str) -> list[str]:
        """The texts that came `via` passive or custom."""
        return [str(one.get("Content") or one.get("content")) for one in self.inbox if one["via"] == via]


@dataclass
class Pushed:
    """What came of one push."""

    fields: Mapping[str, Any]
    attempts: list[str] = field(default_factory=list)
    """"200", "timeout", "500", "refused" …, one for each request."""
    reply: dict[str, Any] | None = None
    complaint: str | None = None
    """Why the citizen saw «该公众号暂时无法提供服务»."""

    @property
    def text(self) -> str:
        """The passive reply's text; empty when there is none."""
        return str(self.reply["Content"]) if self.reply else ""


@dataclass
class Account:
    """One official account."""

    app_id: str = "wx0123456789abcdef"
    secret: str = "account-secret"
    token: str = "callback-token"
    aes_key: str = field(default_factory=new_aes_key)
    name: str = "gh_standin"
    rules: Rules = field(default_factory=Rules)
    clock: Callable[[], float] = time.time
    fans: dict[str, Fan] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    """Token -> end of its life."""
    superseded: dict[str, float] = field(default_factory=dict)
    """Token -> end of its grace."""
    current: str = ""
    media: dict[str, tuple[str, bytes, float]] = field(default_factory=dict)
    visitor: Fan | None = None
    """Whose phone the browser of a test is."""
    oauth_codes: dict[str, str] = field(default_factory=dict)
    """Code of OAuth -> openid; empty once it was used."""
    menu: dict[str, Any] | None = None
    page_ticket: str = ""
    """The jsapi_ticket that is good now."""
    templates: set[str] = field(default_factory=set)
    """Ids of the account's templates."""
    lasting: set[str] = field(default_factory=set)
    """Those of them that are 长期订阅."""
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    """(openid, template, number) of what was taken, for the receipts."""
    faults: list[tuple[str, int]] = field(default_factory=list)
    """(path, errcode), each used once."""
    calls: Counter[str] = field(default_factory=Counter)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(23_456_789_012_345_678))

    @property
    def cipher(self) -> MessageCipher:
        return MessageCipher(self.aes_key, self.app_id)

    def agrees_to_page(self, *, url: str, nonce: str, timestamp: str, signature: str) -> bool:
        """Whether the phone lets this page use the JS-SDK."""
        joined = f"jsapi_ticket={self.page_ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
        return bool(self.page_ticket) and hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest() == signature

    def fan(self) -> Fan:
        """A new follower."""
        openid = "o" + secrets.token_urlsafe(21)[:27]
        return self.fans.setdefault(openid, Fan(openid))

    def add_media(self, kind: str, data: bytes) -> str:
        media_id = secrets.token_urlsafe(48)
        self.media[media_id] = (kind, data, self.clock() + self.rules.media_life_s)
        return media_id

    def find_media(self, media_id: str) -> tuple[str, bytes] | None:
        kind, data, until = self.media.get(media_id, ("", b"", 0.0))
        return (kind, data) if until > self.clock() else None

    def credit(self, fan: Fan, scene: str) -> None:
        count, seconds = self.rules.credits[scene]
        fan.credits[scene] = (count, self.clock() + seconds)

    def spend(self, fan: Fan) -> int:
        """Use up one customer message; returns the errcode."""
        code = 45015
        for scene, (left, until) in sorted(fan.credits.items(), key=lambda item: item[1][1]):
            if until >= self.clock() and fan.subscribed:
                if left > 0:
                    fan.credits[scene] = (left - 1, until)
                    return 0
                code = 45047
        return code
