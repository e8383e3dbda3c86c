"""The extensions of the agents' SIP telephones (话机分机), and the view that the SIP edge reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DDL, CheckConstraint, ForeignKey, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base

REALM = "hotline"
"""The digest realm; the same word stands in docker/kamailio/kamailio.cfg."""
EXTENSION = "^[2-8][0-9]{3}$"
"""Four digits that no public number begins with here (0 and 1 do, 9 begins five-digit services); the edge has the same pattern."""


class SipAccount(Base):
    """One person's desk telephone or soft-phone."""

    __tablename__ = "sip_account"
    __table_args__ = (
        UniqueConstraint("user_id"),
        UniqueConstraint("extension"),
        CheckConstraint(f"extension ~ '{EXTENSION}'", name="extension"),
        CheckConstraint("ha1 ~ '^[0-9a-f]{32}$'", name="ha1"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    extension: Mapped[str]
    ha1: Mapped[str]
    """MD5 of extension:realm:password. As good as the password for this one telephone, so nobody but the edge reads it."""
    issued_at: Mapped[datetime]


SUBSCRIBERS = """CREATE VIEW sip_subscriber AS
SELECT sip_account.extension AS username, sip_account.ha1
FROM sip_account JOIN staff ON staff.id = sip_account.user_id
WHERE staff.active"""
"""What Kamailio's role may read. Who is switched off cannot register any more, from the next registration on."""
event.listen(SipAccount.__table__, "after_create", DDL(SUBSCRIBERS))  # type: ignore[no-untyped-call]
event.listen(SipAccount.__table__, "before_drop", DDL("DROP VIEW IF EXISTS sip_subscriber"))  # type: ignore[no-untyped-call]
