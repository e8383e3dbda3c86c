"""What can go wrong when we call the platform, sorted by the one question that matters: may it be tried again?"""

from __future__ import annotations

RENEW_TOKEN = frozenset({40001, 40014, 42001})
"""The token was refused, so nothing was done: renew it and try once more."""
BUSY = frozenset({-1, 45009, 45011})
"""System busy, daily or minute limit reached: nothing was sent; later it may work."""
WINDOW_SHUT = frozenset({45015, 45047})
"""The citizen has not written for 48 h (or left), or all messages of the window are used up. Never tried again."""

NOT_SUBSCRIBED = 43101
"""订阅通知: the citizen has not consented, or all consents are used up."""

WRONG_TEMPLATE = frozenset({40037, 47003, 43116})
"""The operator's mistake: no such template of the account, or a field that breaks its type. Logged, not repeated."""


class PlatformError(Exception):
    """Base. The text is safe to log: it never holds an address or a token."""


class PlatformRefused(PlatformError):
    """The platform answered with an error code: it did not do what was asked."""

    def __init__(self, code: int, text: str) -> None:
        """`code` is the platform's errcode."""
        super().__init__(f"{code}: {text}")
        self.code = code

    @property
    def may_work_later(self) -> bool:
        """Whether the same call can succeed another time."""
        return self.code in BUSY or self.code in RENEW_TOKEN


class NotSent(PlatformError):
    """The platform was not reached: certainly nothing was done."""


class UnknownOutcome(PlatformError):
    """The request went out and no readable answer came: nobody knows whether it was done."""
