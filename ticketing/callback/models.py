"""Tasks of the callback clerks."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import Satisfaction, sql_values


class TaskKind(StrEnum):
    """What is asked about."""

    CALLBACK = "callback"
    """回访 after a unit's reply"""
    EVALUATION = "evaluation"
    """评价 of an answer on the spot (T30): one per matter"""


class TaskState(StrEnum):
    """Life of a task; how it ended is counted apart for each ending."""

    OPEN = "open"
    REACHED = "reached"
    """the citizen answered"""
    UNREACHED = "unreached"
    """未联系上: three attempts on two days"""
    REFUSED = "refused"
    """拒绝评价: reached, but the citizen does not want to rate"""
    SKIPPED = "skipped"
    """nobody asked: anonymous, or not in the sample; the citizen could have rated and did not"""
    CANCELLED = "cancelled"
    """the citizen took the matter back, or it was invalid"""


class Plan(StrEnum):
    """Who is to carry it out."""

    CLERK = "clerk"
    ROBOT = "robot"
    SMS = "sms"
    """a link by text message"""
    WECHAT = "wechat"
    NONE = "none"
    """nobody asks; the citizen may rate until `skip_at`"""


class CallbackTask(Base):
    """回访: verify the result with the citizen. One task a round; one open task a ticket."""

    __tablename__ = "callback_task"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(TaskState)})", name="state"),
        CheckConstraint(f"kind IN ({sql_values(TaskKind)})", name="kind"),
        CheckConstraint(f"plan IN ({sql_values(Plan)})", name="plan"),
        CheckConstraint(f"satisfaction IS NULL OR satisfaction IN ({sql_values(Satisfaction)})", name="satisfaction"),
        CheckConstraint("state <> 'reached' OR satisfaction IS NOT NULL", name="reached_has_satisfaction"),
        CheckConstraint("(state = 'open') = (finished_at IS NULL)", name="finished_has_time"),
        CheckConstraint("round >= 1", name="round"),
        # three attempts on two different days, whoever writes the row
        CheckConstraint("state <> 'unreached' OR (attempts >= 3 AND last_attempt_day > first_attempt_day)", name="unreached_was_tried"),
        CheckConstraint("(attempts = 0) = (first_attempt_day IS NULL)", name="attempts_have_days"),
        CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="claim_ends"),
        CheckConstraint("state = 'open' OR claim IS NULL", name="claim_is_open"),
        UniqueConstraint("ticket_id", "round", "kind"),
        Index("uq_callback_task_open", "ticket_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("uq_callback_task_evaluation", "ticket_id", unique=True, postgresql_where=text("kind = 'evaluation'")),
        Index("ix_callback_task_queue", "plan", "next_attempt_at", "id", postgresql_where=text("state = 'open'")),
        Index("ix_callback_task_next", "next_attempt_at", "id", postgresql_where=text("state = 'open'")),
        Index("ix_callback_task_skip", "skip_at", postgresql_where=text("state = 'open' AND skip_at IS NOT NULL")),
        Index("ix_callback_task_claimed", "claimed_until", postgresql_where=text("state = 'open' AND claim IS NOT NULL")),
        Index("ix_callback_task_user_finished", "user_id", "finished_at"),
        Index("ix_callback_task_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    round: Mapped[int]
    kind: Mapped[str] = mapped_column(default=TaskKind.CALLBACK.value, server_default=TaskKind.CALLBACK.value)
    state: Mapped[str] = mapped_column(default="open")
    plan: Mapped[str] = mapped_column(default=Plan.CLERK.value, server_default=Plan.CLERK.value)
    rule: Mapped[str] = mapped_column(default="", server_default="")
    """Key of the rule of that version which chose the plan, so that it can be checked."""
    rules_version: Mapped[int] = mapped_column(default=0, server_default="0")
    """Version of the conduct that the task began with and keeps (`ticketing.callback.book`); 0: the program's."""
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime | None]
    """When to try (again): inside the allowed hours and the citizen's window; null when nobody is to try."""
    skip_at: Mapped[datetime | None]
    """For plan `none`: when it is closed without an answer."""
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    first_attempt_day: Mapped[date | None]
    last_attempt_day: Mapped[date | None]
    claim: Mapped[UUID | None]
    """Lease of whoever is carrying it out now."""
    claimed_until: Mapped[datetime | None]
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null for a robot."""
    finished_at: Mapped[datetime | None]
    satisfaction: Mapped[str | None]
    solved: Mapped[bool | None]
    contacted: Mapped[bool | None]
    attitude: Mapped[str | None]
    """good, fair, bad"""
    note: Mapped[str] = mapped_column(default="")
    by: Mapped[str] = mapped_column(default="")
    """clerk, web, link, wechat, robot; system when nobody answered"""
    questionnaire: Mapped[int] = mapped_column(default=0, server_default="0")
    """Version of the questionnaire that was answered."""
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class CallbackAnswer(Base):
    """One answer to one question. The texts of question and step belong to the questionnaire's version."""

    __tablename__ = "callback_answer"
    __table_args__ = (UniqueConstraint("task_id", "question"), Index("ix_callback_answer_question", "question", "value"))

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id", ondelete="CASCADE"))
    question: Mapped[str]
    value: Mapped[str]
    """Key of the chosen step, or the free text."""
    result: Mapped[str | None]
    """For a scale: the step as one of the three results, so that scales of three and five compare."""


class CallbackAttempt(Base):
    """One try to reach the citizen. Three on two different days, then 未联系上."""

    __tablename__ = "callback_attempt"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('running', 'reached', 'no_answer', 'busy', 'refused', 'wrong_number', 'sent', 'failed')", name="outcome"
        ),
        CheckConstraint("channel IN ('phone', 'robot', 'sms', 'wechat', 'web')", name="channel"),
        UniqueConstraint("task_id", "number"),
        Index("uq_callback_attempt_running", "task_id", unique=True, postgresql_where=text("outcome = 'running'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id", ondelete="CASCADE"))
    number: Mapped[int]
    """1, 2, 3 … within the task."""
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    channel: Mapped[str] = mapped_column(default="phone", server_default="phone")
    outcome: Mapped[str]
    """running; reached; no_answer, busy, refused, wrong_number; sent (a link, nobody answered yet); failed (our own line)"""
    note: Mapped[str] = mapped_column(default="", server_default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class SecondVisit(Base):
    """二次回访: opened at once by 不满意 (F03): why, what is to be mended, and what was decided."""

    __tablename__ = "second_visit"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'redo', 'disputed', 'cancelled')", name="state"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_has_time"),
        CheckConstraint("state NOT IN ('redo') OR (cause IS NOT NULL AND rectification <> '')", name="redo_has_cause"),
        CheckConstraint("state <> 'disputed' OR (char_length(evidence) >= 20 AND explanation <> '')", name="disputed_has_evidence"),
        UniqueConstraint("task_id"),
        Index("ix_second_visit_open", "opened_at", postgresql_where=text("state = 'open'")),
        Index("ix_second_visit_ticket_id", "ticket_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id", ondelete="CASCADE"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    round: Mapped[int]
    state: Mapped[str] = mapped_column(default="open")
    opened_at: Mapped[datetime]
    complaint: Mapped[str] = mapped_column(default="")
    """What the citizen said when rating."""
    cause: Mapped[str | None]
    """Key of the cause list in seed/callback.yaml (查摆根源)."""
    cause_note: Mapped[str] = mapped_column(default="")
    rectification: Mapped[str] = mapped_column(default="")
    """What the unit has to mend (整改)."""
    evidence: Mapped[str] = mapped_column(default="")
    explanation: Mapped[str] = mapped_column(default="")
    """What the citizen was told when it was closed as disputed."""
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class CallbackLink(Base):
    """A single-use link to the rating page, bound to one ticket and round. Only the token's hash is stored."""

    __tablename__ = "callback_link"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
        Index("ix_callback_link_ticket_id", "ticket_id", "round"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    round: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


AUTHOR_GUARD = (
    # 4b: who wrote or signed a reply of the ticket may neither try to reach the citizen nor record the answer
    """CREATE FUNCTION refuse_author_callback() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_ticket bigint;
BEGIN
    IF NEW.user_id IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'callback_task' THEN
        of_ticket := (to_jsonb(NEW) ->> 'ticket_id')::bigint;
    ELSE
        SELECT ticket_id INTO of_ticket FROM callback_task WHERE id = (to_jsonb(NEW) ->> 'task_id')::bigint;
    END IF;
    IF EXISTS (SELECT FROM reply JOIN assignment ON assignment.id = reply.assignment_id
               WHERE assignment.ticket_id = of_ticket AND NEW.user_id IN (reply.author_id, reply.signed_off_by_id)) THEN
        RAISE EXCEPTION 'the author of a reply may not call back the same ticket' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$""",
    "CREATE TRIGGER callback_attempt_not_by_author BEFORE INSERT OR UPDATE OF user_id ON callback_attempt "
    "FOR EACH ROW EXECUTE FUNCTION refuse_author_callback()",
    "CREATE TRIGGER callback_task_not_by_author BEFORE INSERT OR UPDATE OF user_id ON callback_task "
    "FOR EACH ROW EXECUTE FUNCTION refuse_author_callback()",
)


class ReturnCall(Base):
    """回拨: a caller was promised to be called. One per call."""

    __tablename__ = "return_call"
    __table_args__ = (
        UniqueConstraint("call_id"),
        CheckConstraint("state IN ('open', 'done')", name="state"),
        Index("ix_return_call_open", "due_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[UUID] = mapped_column(ForeignKey("call.id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    reason: Mapped[str]
    """queue_timeout, hung_up_in_queue, hung_up_in_form"""
    state: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    """Calls by click or by the queue that the citizen did not answer."""
    next_attempt_at: Mapped[datetime | None]
    """Not before then by the queue itself; null: as soon as it is the caller's turn."""
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    note: Mapped[str] = mapped_column(default="")
