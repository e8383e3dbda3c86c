"""The table of each person's lists: one row a person, so that a page of a queue reads it by its key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base


class ListChoice(Base):
    """What one person chose."""

    __tablename__ = "list_choice"
    __table_args__ = (
        CheckConstraint("jsonb_array_length(views) <= 20", name="views"),
        CheckConstraint("jsonb_typeof(columns) = 'object'", name="columns"),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), primary_key=True)
    views: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """In the order of their keys 1 to 9: objects with id, name, queue, fields."""
    default_view: Mapped[int | None]
    """The id of the view that the list opens with."""
    next_id: Mapped[int] = mapped_column(default=1, server_default="1")
    columns: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """Queue -> the names of the columns that are shown."""
    changed_at: Mapped[datetime]
