"""States and other enumerations of a ticket (domain.md 4a)."""

from __future__ import annotations

from enum import StrEnum


class TicketState(StrEnum):
    """Where the ticket stands. Members carry what the rest of the code asks of a state."""

    DRAFT = "draft"
    REGISTERED = "registered"
    NEED_INFO = "need_info"
    REJECTED = "rejected"
    EMERGENCY_OUT = "emergency_out"
    ANSWERED = "answered"
    TO_DISPATCH = "to_dispatch"
    IN_PROGRESS = "in_progress"
    DISPUTED = "disputed"
    SUSPENDED = "suspended"
    REPLY_REVIEW = "reply_review"
    CALLBACK = "callback"
    CLOSED = "closed"
    ARCHIVED = "archived"
    MERGED = "merged"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self not in FINAL_STATES

    @property
    def is_closed(self) -> bool:
        """Whether the matter counts as handled to its end (办结)."""
        return self in (TicketState.CLOSED, TicketState.ARCHIVED)


FINAL_STATES = frozenset(
    {
        TicketState.CLOSED,
        TicketState.ARCHIVED,
        TicketState.REJECTED,
        TicketState.MERGED,
        TicketState.WITHDRAWN,
        TicketState.INVALID,
    }
)


class Channel(StrEnum):
    """How the appeal came in."""

    PHONE = "phone"
    WECHAT = "wechat"
    WEB = "web"
    SMS = "sms"
    OPEN311 = "open311"
    STAFF = "staff"
    """Registered by an agent outside a live call."""


class Kind(StrEnum):
    """Type of appeal (DB12/T 1438-2025)."""

    CONSULT = "consult"
    """咨询"""
    HELP = "help"
    """求助"""
    COMPLAINT = "complaint"
    """投诉"""
    REPORT = "report"
    """举报"""
    SUGGESTION = "suggestion"
    """建议"""
    PRAISE = "praise"
    """表扬"""


class Urgency(StrEnum):
    """How fast."""

    NORMAL = "normal"
    URGENT = "urgent"
    """紧急"""
    EMERGENCY = "emergency"
    """特急"""


class DispatchMode(StrEnum):
    """How the centre hands the ticket to a unit: key of the deadline policy."""

    PHONE = "phone"
    """电话交办：3 working days"""
    WRITTEN = "written"
    """书面转办：7 working days"""
    LEADER = "leader"
    """领导批示：7, 10 or 30 days"""


class HandlingKind(StrEnum):
    """How a matter is handled (B04); key of the deadline policy."""

    ON_SPOT = "on_spot"
    """即时办理件"""
    PROMISED = "promised"
    """承诺办理件"""
    JOINT = "joint"
    """联合办理件"""
    HARD = "hard"
    """疑难件：a plan first, then the matter itself"""


class Source(StrEnum):
    """Who brought the matter to the centre (A25, B17, B18, E03)."""

    CITIZEN = "citizen"
    BOT = "bot"
    GRID = "grid"
    """网格巡查"""
    MEDIA = "media"
    LEADER = "leader"
    """领导批示"""
    OTHER_HOTLINE = "other_hotline"
    POLICE = "police"
    """110 非警务警情"""
    UNIT = "unit"
    """单位自查"""


class Confidentiality(StrEnum):
    """Who may see it (B13)."""

    OPEN = "open"
    MASKED = "masked"
    SECRET = "secret"


class Satisfaction(StrEnum):
    """The three-step scale of the sources (F02)."""

    VERY_SATISFIED = "very_satisfied"
    """非常满意"""
    SATISFIED = "satisfied"
    """满意"""
    DISSATISFIED = "dissatisfied"
    """不满意"""


def sql_values(enumeration: type[StrEnum]) -> str:
    """The members as a list for a CHECK constraint."""
    return ", ".join(f"'{member.value}'" for member in enumeration)
