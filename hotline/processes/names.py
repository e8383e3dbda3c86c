"""Names of the process roles; apart from what runs them, so that the command line starts fast."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What `hotline serve --role` can run."""

    ALL = "all"
    WEB = "web"
    TELEPHONY = "telephony"
    EDGE = "edge"
    WEBRTC = "webrtc"
    BOT = "bot"
    SCHEDULER = "scheduler"
    POSTGRES = "postgres"
