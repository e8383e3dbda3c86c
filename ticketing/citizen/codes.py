"""One-time codes by text message: whoever types one back holds the number just now.

A code lives five minutes, is tried five times and used once. How often codes go out is counted in the database, so that
several web processes share one limit: for each number, and for all of them together (a text message costs money, and
somebody else's telephone is easily made to ring).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.errors import InvalidInput, Unavailable
from hotline.events import enqueue
from hotline.i18n import _
from ticketing.citizen.service import normalise_phone
from ticketing.context import Core

LIFE = timedelta(minutes=5)
PAUSE = timedelta(seconds=60)
"""Between two codes for one number."""
MAX_TRIES = 5
PER_HOUR, PER_DAY = 5, 10
ALL_PER_HOUR = 2000
"""Codes of the whole installation in an hour."""
KEPT = timedelta(days=2)


class CodeFor(StrEnum):
    """What a code opens; one for another purpose does not fit."""

    OWN_TICKETS = "own_tickets"
    """查我的工单: list and open the tickets that name this number"""
    APPEAL = "appeal"
    """提交: a person with a telephone, and no flood of a machine"""


class PhoneCode(Base):
    """One code. The number is a keyed hash, the code too; the clear text exists in the message only."""

    __tablename__ = "phone_code"
    __table_args__ = (Index("ix_phone_code_phone_hash", "phone_hash", "id"), Index("ix_phone_code_created_at", "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_hash: Mapped[str]
    purpose: Mapped[str]
    code_hash: Mapped[str]
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


def mobile(text: str) -> str:
    """The number in E.164. Raises InvalidInput, field `phone`, when it takes no text messages."""
    number = normalise_phone(text) or ""
    if not number.startswith("+861"):
        raise InvalidInput(_("接收短信请填11位手机号"), field="phone")
    return number


async def send_code(core: Core, session: AsyncSession, phone: str, purpose: CodeFor, *, really: bool = True) -> None:
    """Make a code for `phone` and hand it to the outbox.

    Args:
        really: False makes the row, so that limits and answers are the same as ever, but sends nothing: for a number that
            we do not know, about which nobody shall learn that here.

    Raises:
        InvalidInput: not a mobile number, or too many codes for it (field `phone`).
        Unavailable: too many codes at all.
    """
    number, now = mobile(phone), core.clock.now()
    fingerprint = core.vault.fingerprint(number, "phone")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"phone code {fingerprint}", 0))))
    await session.execute(delete(PhoneCode).where(PhoneCode.created_at < now - KEPT))
    await _not_too_often(core, session, number, now)
    code = f"{secrets.randbelow(1_000_000):06d}"
    row = PhoneCode(
        phone_hash=fingerprint, purpose=purpose.value, code_hash=_hash(core, fingerprint, purpose, code), tries=0,
        created_at=now, expires_at=now + LIFE,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    if really:
        await _hand_over(core, session, row, number, code)


async def _hand_over(core: Core, session: AsyncSession, row: PhoneCode, number: str, code: str) -> None:
    words = f"验证码{code}，{int(LIFE.total_seconds()) // 60}分钟内有效。{core.line}工作人员不会向您索要验证码，请不要告诉别人。"
    payload = {
        "text_sealed": core.vault.seal(words).decode(),
        "to_sealed": core.vault.seal(number).decode(),
        "until": row.expires_at.isoformat(),
        "template": "code",
        "values_sealed": core.vault.seal(json.dumps({"code": code})).decode(),
    }
    await enqueue(
        session, at=row.created_at, channel="sms", kind="code", recipient=f"code:{row.id}", payload=payload, dedupe_key=f"code:{row.id}"
    )


async def _not_too_often(core: Core, session: AsyncSession, number: str, now: datetime) -> None:
    mine = PhoneCode.phone_hash.in_(core.vault.fingerprints(number, "phone"))
    times = list(await session.scalars(select(PhoneCode.created_at).where(mine, PhoneCode.created_at > now - timedelta(days=1))))
    if any(now - at < PAUSE for at in times):
        raise InvalidInput(_("刚刚已经发过验证码，请等一分钟再要"), field="phone")
    if len(times) >= PER_DAY or sum(now - at < timedelta(hours=1) for at in times) >= PER_HOUR:
        raise InvalidInput(_("这个号码要验证码的次数太多，请过一小时再试，或拨打热线由话务员帮您查"), field="phone")
    lately = select(func.count()).select_from(PhoneCode).where(PhoneCode.created_at > now - timedelta(hours=1))
    if (await session.scalar(lately) or 0) >= ALL_PER_HOUR:
        raise Unavailable(_("现在要验证码的人太多，请过一会儿再试，或拨打热线"))


async def check_code(core: Core, session: AsyncSession, phone: str, purpose: CodeFor, code: str) -> bool:
    """Whether `code` is the last one sent to `phone` for this purpose; it is used up then. A wrong one counts as a try.

    The caller commits either way: a try that is rolled back would not count.
    """
    number, now = normalise_phone(phone), core.clock.now()
    if number is None:
        return False
    last = select(PhoneCode).where(
        PhoneCode.phone_hash.in_(core.vault.fingerprints(number, "phone")), PhoneCode.purpose == purpose.value
    )  # fmt: skip
    row = (await session.scalars(last.order_by(PhoneCode.id.desc()).limit(1).with_for_update())).first()
    if row is None or row.used_at is not None or row.expires_at <= now or row.tries >= MAX_TRIES:
        return False
    row.tries += 1
    right = hmac.compare_digest(row.code_hash, _hash(core, row.phone_hash, purpose, "".join(code.split())))
    if right:
        row.used_at = now
    await session.flush()
    return right


def _hash(core: Core, fingerprint: str, purpose: CodeFor, code: str) -> str:
    text = f"phone code\0{fingerprint}\0{purpose.value}\0{code}"
    return hmac.new(core.secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


__all__ = ["CodeFor", "PhoneCode", "check_code", "mobile", "send_code"]
