"""The signature of a ticket's text and place, by which open tickets that are alike are found."""

from __future__ import annotations

from sqlalchemy import DDL, ForeignKey, Index, Integer, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from ticketing.ticket.states import FINAL_STATES

_FINAL = ", ".join(f"'{state.value}'" for state in sorted(FINAL_STATES))


class TicketSignature(Base):
    """Cells of a ticket: tickets with a cell in common are candidates for being the same matter (`similar`)."""

    __tablename__ = "ticket_signature"
    __table_args__ = (
        # only open tickets are looked for, so the index does not grow with the archive
        Index("ix_ticket_signature_cells", "cells", postgresql_using="gin", postgresql_where=text("open")),
    )

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    cells: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    open: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    """Kept by the trigger below, whoever changes the ticket."""


_FUNCTION = f"""CREATE FUNCTION follow_ticket_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ticket_signature SET open = NEW.state NOT IN ({_FINAL}) WHERE ticket_id = NEW.id;
    RETURN NULL;
END $$"""  # noqa: S608 - made of our own enumeration
_TRIGGER = f"""CREATE TRIGGER follow_ticket_state AFTER UPDATE OF state ON ticket FOR EACH ROW
    WHEN ((OLD.state IN ({_FINAL})) IS DISTINCT FROM (NEW.state IN ({_FINAL}))) EXECUTE FUNCTION follow_ticket_state()"""
event.listen(TicketSignature.__table__, "after_create", DDL(_FUNCTION))  # type: ignore[no-untyped-call]
event.listen(TicketSignature.__table__, "after_create", DDL(_TRIGGER))  # type: ignore[no-untyped-call]
