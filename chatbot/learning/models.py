"""Tables of the assistant's learning: examples that editors added, and trainings that were asked for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from chatbot.intents import Intent
from hotline.database import Base
from ticketing.ticket.states import sql_values


class Purpose(StrEnum):
    """What a sentence is for."""

    LEARN = "learn"
    CHECK = "check"
    """Held out: a new model is examined on it and never learns it."""


class IntentExample(Base):
    """One sentence as a citizen says it, with the intent that is right for it (机器人例句)."""

    __tablename__ = "intent_example"
    __table_args__ = (
        CheckConstraint(f"intent IN ({sql_values(Intent)})", name="intent"),
        CheckConstraint(f"purpose IN ({sql_values(Purpose)})", name="purpose"),
        CheckConstraint("char_length(text) BETWEEN 1 AND 200", name="text_length"),
        Index("uq_intent_example_text", "text", unique=True, postgresql_where=text("removed_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    intent: Mapped[str]
    text: Mapped[str]
    """As the classifier reads it (`chatbot.learning.sentences.tidy`)."""
    purpose: Mapped[str] = mapped_column(default=Purpose.LEARN.value)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))


class TrainingState(StrEnum):
    """Where a training stands."""

    WAITING = "waiting"
    RUNNING = "running"
    LIVE = "live"
    """Done; its model answers (or answered until the next one)."""
    REFUSED = "refused"
    """Done; the model was worse and was not put into use."""
    FAILED = "failed"


class BotTraining(Base):
    """One training or one switch to an earlier model, asked for in the console or due at night (机器人训练)."""

    __tablename__ = "bot_training"
    __table_args__ = (
        CheckConstraint(f"state IN ({sql_values(TrainingState)})", name="state"),
        Index("uq_bot_training_open", text("(true)"), unique=True, postgresql_where=text("state IN ('waiting', 'running')")),
        Index("ix_bot_training_asked_at", "asked_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    """Null: the nightly job."""
    back_to: Mapped[str | None]
    """The earlier model to put into use again; null: train."""
    state: Mapped[str] = mapped_column(default=TrainingState.WAITING.value)
    progress: Mapped[str] = mapped_column(default="", server_default="")
    """The phase it is in, or what came of it."""
    model: Mapped[str | None]
    beat_at: Mapped[datetime | None]
    """When the process that runs it last said so: one that died leaves it to the next."""
    finished_at: Mapped[datetime | None]
