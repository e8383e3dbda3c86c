"""What people wrote in an event is sealed with a key of that subject, so that the key alone can be destroyed (docs/audit.md).

An event's data is split in two: codes, numbers and identifiers stay readable (statistics need them); everything else is
personal until proven otherwise and goes, encrypted, into one token under `SEALED`. The hash of the event covers the token,
so the chain stays whole when the key is gone and nobody can read the words any more.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import CheckConstraint, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from hotline.database import Base
from hotline.security import Vault

SEALED = "_sealed"
"""Under this name the token stands in an event's data."""
PERSONAL_SUBJECTS = frozenset({"ticket", "conversation", "call", "person"})
"""Subjects whose events speak of a citizen. Words about articles, accounts and policies are the office's own."""
_CODE = re.compile(r"[a-z0-9_.:+/-]{0,64}|[A-Z0-9_-]{1,12}|\d{4}-\d\d-\d\d[T ][\d:.+Z-]{0,30}")
_NUMBER_OF_A_PERSON = re.compile(r"\+?\d[\d-]{5,18}[\dXx]")
_NUMBER_OF_OURS = re.compile(r"\d{3,8}-\d{8}-\d{5,}|\d{4}-\d\d-\d\d")


class EventKey(Base):
    """The key of one subject's words, sealed by the vault. Made with the first words; destroyed when the person is erased."""

    __tablename__ = "event_key"
    __table_args__ = (CheckConstraint("(key_sealed IS NULL) = (destroyed_at IS NOT NULL)", name="there_or_destroyed"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    key_sealed: Mapped[bytes | None]
    destroyed_at: Mapped[datetime | None]


def is_code(value: str) -> bool:
    """Whether `value` is a code, a moment or a ticket number, and so no words of a person and no number of one."""
    if _NUMBER_OF_OURS.fullmatch(value):
        return True
    return _CODE.fullmatch(value) is not None and _NUMBER_OF_A_PERSON.fullmatch(value) is None


def split(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The readable part of an event's data and the part to seal. A list with one private item is private as a whole."""
    clear: dict[str, Any] = {}
    private: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            open_part, closed_part = split(value)
            clear[name] = open_part
            if closed_part:
                private[name] = closed_part
        elif _is_private(value):
            private[name] = value
        else:
            clear[name] = value
    return clear, private


def _is_private(value: Any) -> bool:
    if isinstance(value, str):
        return not is_code(value)
    if isinstance(value, dict):
        return bool(split(value)[1])
    return isinstance(value, list | tuple) and any(_is_private(item) for item in value)


def join(clear: dict[str, Any], private: dict[str, Any]) -> dict[str, Any]:
    """The data as it was before `split`."""
    whole = {name: value for name, value in clear.items() if name != SEALED}
    for name, value in private.items():
        below = whole.get(name)
        whole[name] = join(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return whole


def close(key: bytes | None, private: dict[str, Any]) -> str:
    """The token for `private`; empty when the key was destroyed: what comes later about an erased person is not kept either."""
    return Fernet(key).encrypt(json.dumps(private, ensure_ascii=False).encode()).decode() if key else ""


def reopen(vault: Vault | None, key_sealed: bytes | None, stored: dict[str, Any]) -> dict[str, Any]:
    """The data of an event as it was recorded, as far as the key still exists and is known here."""
    token = stored.get(SEALED)
    if not token or vault is None or key_sealed is None:
        return join(stored, {})
    try:
        return join(stored, json.loads(Fernet(vault.open(key_sealed).encode()).decrypt(token.encode())))
    except InvalidToken:
        return join(stored, {})  # the vault's keys are not those that sealed it: shown without the words, never as an error


async def keys_for(session: AsyncSession, vault: Vault, subject: str, subject_ids: list[str]) -> dict[str, bytes | None]:
    """The keys of these subjects, made where there is none; None for a destroyed one. Two writers at once get the same key."""
    found = await _read(session, vault, subject, subject_ids)
    fresh = {each: Fernet.generate_key() for each in subject_ids if each not in found}
    if fresh:
        rows = [{"subject": subject, "subject_id": each, "key_sealed": vault.seal(key.decode())} for each, key in fresh.items()]
        made = set(await session.scalars(insert(EventKey).values(rows).on_conflict_do_nothing().returning(EventKey.subject_id)))
        found |= {each: key for each, key in fresh.items() if each in made}
        if len(made) < len(fresh):
            found |= await _read(session, vault, subject, [each for each in fresh if each not in made])
    return found


async def _read(session: AsyncSession, vault: Vault, subject: str, subject_ids: list[str]) -> dict[str, bytes | None]:
    wanted = select(EventKey.subject_id, EventKey.key_sealed).where(EventKey.subject == subject, EventKey.subject_id.in_(subject_ids))
    return {row[0]: vault.open(row[1]).encode() if row[1] else None for row in await session.execute(wanted)}


async def destroy_keys(session: AsyncSession, at: datetime, subject: str, subject_ids: list[str]) -> int:
    """Destroy the keys of these subjects for good: the words of their events can never be read again. Returns how many there were.

    A subject without a key gets a destroyed one, so that nothing is written later.
    """
    if not subject_ids:
        return 0
    gone = update(EventKey).where(EventKey.subject == subject, EventKey.subject_id.in_(subject_ids), EventKey.key_sealed.is_not(None))
    count = len((await session.execute(gone.values(key_sealed=None, destroyed_at=at).returning(EventKey.subject_id))).all())
    rows = [{"subject": subject, "subject_id": each, "destroyed_at": at} for each in subject_ids]
    await session.execute(insert(EventKey).values(rows).on_conflict_do_nothing())
    return count


async def rewrap_keys(
    session: AsyncSession, vault: Vault, *, after: tuple[str, str] = ("", ""), limit: int = 500
) -> tuple[str, str] | None:
    """Seal a page of keys with the vault's newest key (key rotation). Returns where to go on, None at the end."""
    from sqlalchemy import tuple_

    page = select(EventKey).where(tuple_(EventKey.subject, EventKey.subject_id) > after).order_by(EventKey.subject, EventKey.subject_id)
    rows = list(await session.scalars(page.limit(limit).with_for_update()))
    for row in rows:
        if row.key_sealed is not None:
            row.key_sealed = vault.seal(vault.open(row.key_sealed))
    await session.flush()
    return (rows[-1].subject, rows[-1].subject_id) if len(rows) == limit else None
