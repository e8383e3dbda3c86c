"""Clocks that run on tickets and assignments."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class ClockKind(StrEnum):
    """What is awaited. Each kind is an independent clock with its own state (lesson 8)."""

    DISPATCH = "dispatch"
    SIGN = "sign"
    CONTACT = "contact"
    ON_SITE = "on_site"
    """特急: first feedback from the place"""
    PLAN = "plan"
    """疑难: the unit's plan"""
    HANDLE = "handle"
    REVIEW = "review"
    CALLBACK = "callback"
    DISPUTE = "dispute"
    """争议会商: until the ruling"""
    FOLLOW_UP = "follow_up"
    """after handing to an emergency line: somebody asks whether it was taken over"""
    SUSPENSION = "suspension"
    """挂账: until the review date"""
    SUPPLEMENT = "supplement"
    """待补正: the citizen's time to send what is missing"""
    EVALUATION = "evaluation"
    """直接答复: the citizen's time to rate"""
    OBJECTION = "objection"
    """不予受理: the citizen's time to object"""

    STATUTE = "statute"
    """法定程序: until the result that a statute asks for (domain.md 2.4); runs on when the ticket is closed"""

    @property
    def is_window(self) -> bool:
        """A window that simply ends: no reminders and no card, `ticketing.ticket.windows.expire` is called when it is due."""
        return self in WINDOWS


WINDOWS = frozenset(
    {
        ClockKind.FOLLOW_UP, ClockKind.SUSPENSION, ClockKind.SUPPLEMENT, ClockKind.EVALUATION, ClockKind.OBJECTION, ClockKind.STATUTE,
    }
)  # fmt: skip
CHOSEN = frozenset({ClockKind.SUSPENSION, ClockKind.STATUTE})
"""Windows whose length is not the centre's policy: somebody chose the day, or a statute says it."""


class ClockState(StrEnum):
    """Life of a clock."""

    RUNNING = "running"
    PAUSED = "paused"
    """What is left stands in `remaining_seconds`; no stage moves."""
    MET = "met"
    """Stopped before its due time."""
    LATE = "late"
    """Stopped after its due time."""
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether the clock still has to end."""
        return self in (ClockState.RUNNING, ClockState.PAUSED)


OPEN = (ClockState.RUNNING.value, ClockState.PAUSED.value)
"""Values of the open states, for queries."""


class Stage(StrEnum):
    """How near the end is; set by the sweep, shown by pages (design.md 6)."""

    CALM = "calm"
    WHITE = "white"
    """half used: reminder"""
    AMBER = "amber"
    """four fifths used"""
    YELLOW = "yellow"
    """due time passed: yellow card"""
    RED = "red"
    """one working day late: red card"""


class Staged(Protocol):
    """What has the moments of a clock: its row, and what lists read of it."""

    @property
    def started_at(self) -> datetime: ...  # noqa: D102
    @property
    def white_at(self) -> datetime: ...  # noqa: D102
    @property
    def amber_at(self) -> datetime: ...  # noqa: D102
    @property
    def yellow_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def due_at(self) -> datetime: ...  # noqa: D102
    @property
    def red_at(self) -> datetime: ...  # noqa: D102


def moment_of(clock: Staged, stage: Stage) -> datetime:
    """When the clock reaches `stage`."""
    match stage:
        case Stage.RED:
            return clock.red_at
        case Stage.YELLOW:
            return clock.yellow_at or clock.due_at
        case Stage.AMBER:
            return clock.amber_at
        case Stage.WHITE:
            return clock.white_at
        case _:
            return clock.started_at


_VALUES = ", ".join(f"'{kind.value}'" for kind in ClockKind)


class Deadline(Base):
    """One clock. Everything it is computed from stays in the row, so that it can be computed anew at any time."""

    __tablename__ = "deadline"
    __table_args__ = (
        CheckConstraint("due_at > started_at", name="due_after_start"),
        CheckConstraint(f"kind IN ({_VALUES})", name="kind"),
        CheckConstraint("limit_unit IN ('h', 'wh', 'wd', 'd') AND limit_value > 0", name="limit"),
        CheckConstraint("state IN ('running', 'paused', 'met', 'late', 'cancelled')", name="state"),
        CheckConstraint("stage IN ('calm', 'white', 'amber', 'yellow', 'red')", name="stage"),
        CheckConstraint("(state IN ('running', 'paused')) = (stopped_at IS NULL)", name="running_has_no_stop"),
        CheckConstraint("(state = 'paused') = (paused_at IS NOT NULL)", name="paused_since"),
        CheckConstraint("(paused_at IS NULL) = (remaining_seconds IS NULL)", name="paused_has_rest"),
        CheckConstraint("state = 'running' OR next_stage_at IS NULL", name="only_running_moves"),
        CheckConstraint("extensions >= 0 AND (extensions > 0) = (original_due_at IS NOT NULL)", name="extended_keeps_old_due"),
        Index("ix_deadline_next_stage", "next_stage_at", postgresql_where=text("state = 'running' AND next_stage_at IS NOT NULL")),
        Index("ix_deadline_calendar_version", "calendar_version", "id", postgresql_where=text("state IN ('running', 'paused')")),
        Index("ix_deadline_ticket_id", "ticket_id"),
        # the lanes of the board: what runs in the order of its due time, with all that says which lane it is in
        Index(
            "ix_deadline_running",
            "due_at",
            "id",
            postgresql_where=text("state = 'running'"),
            postgresql_include=["white_at", "amber_at", "yellow_at", "red_at", "ticket_id", "assignment_id"],
        ),
        Index(
            "uq_deadline_running_ticket_clock",
            "ticket_id",
            "kind",
            unique=True,
            postgresql_where=text("state IN ('running', 'paused') AND assignment_id IS NULL"),
        ),
        Index(
            "uq_deadline_running_assignment_clock",
            "assignment_id",
            "kind",
            unique=True,
            postgresql_where=text("state IN ('running', 'paused') AND assignment_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    stage: Mapped[str] = mapped_column(default="calm")
    limit_value: Mapped[float]
    limit_unit: Mapped[str]
    """h, wh (working hours), wd (working days), d"""
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """What the policy says otherwise than usual: end, roll, warn_at, yellow_at, red_at (`policy.Options`)."""
    adjustments: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Pauses and extensions in the order they came (`compute.Pause`, `compute.Extension`)."""
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    original_due_at: Mapped[datetime | None]
    """The due time before the first extension."""
    extensions: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    white_at: Mapped[datetime]
    amber_at: Mapped[datetime]
    yellow_at: Mapped[datetime | None]
    """When the yellow card is given, if the policy gives it before the due time; null: at the due time."""
    red_at: Mapped[datetime]
    next_stage_at: Mapped[datetime | None]
    """The moment at which the sweep has to look again; null when the last stage is reached or the clock does not run."""
    paused_at: Mapped[datetime | None]
    remaining_seconds: Mapped[float | None]
    """What was left at the pause, in the time the limit is counted in: office time for wd and wh, any time for h and d."""
    stopped_at: Mapped[datetime | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    """Computed with days that the official calendar does not know yet."""
    calendar_version: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """The calendar by which the moments were computed."""

    def moment(self, stage: Stage) -> datetime:
        """When the clock reaches `stage`."""
        return moment_of(self, stage)

    def moment_after(self, stage: Stage) -> datetime | None:
        """When the stage after `stage` begins: what `next_stage_at` has to be. A window has only its end."""
        if ClockKind(self.kind).is_window:
            return self.due_at
        following = list(Stage)[list(Stage).index(stage) + 1 :]
        return self.moment(following[0]) if following else None


class PolicyState(StrEnum):
    """Life of a policy version. Two people are needed to put one in force (D13)."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    """Also when a newer one is valid by now: tickets keep the version they started with."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class PolicyVersion(Base):
    """One version of one policy, as a document. Never changed once decided; a change is a new version."""

    __tablename__ = "policy_version"
    __table_args__ = (
        UniqueConstraint("key", "version"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("state IN ('proposed', 'in_force', 'refused', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
        CheckConstraint(
            "state <> 'in_force' OR proposed_by_id IS NULL OR decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id",
            name="two_people",
        ),
        CheckConstraint("char_length(reason) BETWEEN 1 AND 1000", name="reason"),
        Index("uq_policy_version_proposed", "key", unique=True, postgresql_where=text("state = 'proposed'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    """P-PHONE, …; P-CENTRE for the centre's own clocks"""
    version: Mapped[int]
    state: Mapped[str]
    valid_from: Mapped[datetime]
    document: Mapped[dict[str, Any]]
    reason: Mapped[str]
    """Why it is changed."""
    proposed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null: came with the program."""
    proposed_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")
    """What the second person said."""
