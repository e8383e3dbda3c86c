"""Changing keys while the service runs: what lies under an old key is sealed again under the newest one, in small transactions.

Data of people is sealed by their own data keys, so only those wrapped keys change; what nobody owns is sealed again itself.
A run can be stopped at any moment and begun anew: it looks only for what is not under the newest key yet.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Table, Text, and_, func, literal, not_, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from hotline import sealed_file
from hotline.database import Database
from hotline.schema import metadata
from hotline.security import InvalidToken, Vault
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import openid, phone_number
from ticketing.context import Core
from ticketing.conversation.models import Call, Conversation, Owner
from ticketing.conversation.recordings import SUFFIX

BY_PERSON = frozenset(
    {
        ("citizen", "name_sealed"),
        ("citizen", "phone_sealed"),
        ("citizen", "openid_sealed"),
        ("citizen", "id_number_sealed"),
        ("notice", "text_sealed"),
    }
)
"""Sealed by the data key of a person (`PersonVault`): rotation leaves them alone, since only their wrapped key changes."""
AS_TEXT = (("inbound_message", "answer"),)
"""Sealed bytes that are kept as text."""
INSIDE = (("outbox", "payload"), ("conversation", "draft"), ("message", "data"), ("ticket", "extra"))
"""JSON in which the values of `sealed` and `…_sealed` are sealed bytes as text."""
_SEALED_NAME = re.compile(r"(?:^|_)sealed$")


@dataclass(frozen=True)
class Place:
    """A column in which something is sealed by the master key."""

    table: Table
    column: str

    @property
    def name(self) -> str:
        """Table and column."""
        return f"{self.table.name}.{self.column}"

    def stale(self, vault: Vault) -> ColumnElement[bool]:
        """Which rows hold something that is not under the newest key."""
        column = self.table.c[self.column]
        if isinstance(column.type, JSONB):
            return and_(column.is_not(None), column.cast(Text).regexp_match(rf'sealed": "(?!{vault.key_id}[.])'))
        if isinstance(column.type, LargeBinary):
            prefix = f"{vault.key_id}.".encode()
            condition = and_(column.is_not(None), func.substring(column, 1, len(prefix)) != literal(prefix))
            if self.name == "call.caller_sealed":  # the others are under their callers' keys
                condition = and_(condition, self.table.c.citizen_id.is_(None))
            return condition
        return and_(column.is_not(None), not_(column.startswith(f"{vault.key_id}.", autoescape=True)))


def places() -> list[Place]:
    """Every column with something under the master key; found in the schema, so that a new one cannot be forgotten."""
    found = [
        Place(table, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed") and isinstance(column.type, LargeBinary) and (table.name, column.name) not in BY_PERSON
    ]
    return [*found, *(Place(metadata.tables[table], column) for table, column in (*AS_TEXT, *INSIDE))]


@dataclass
class Progress:
    """How far a run has come."""

    place: str
    resealed: int = 0
    unreadable: int = 0
    """Rows that none of the keys opens: the key that sealed them is missing from HOTLINE_ENCRYPTION_KEYS."""
    waiting: int = field(default=0)
    """Rows not under the newest key at the end; with none anywhere the old keys can be taken away."""


async def remaining(session: AsyncSession, vault: Vault) -> dict[str, int]:
    """How many rows of each place are not under the newest key."""
    found = {}
    for place in places():
        found[place.name] = int(await session.scalar(select(func.count()).select_from(place.table).where(place.stale(vault))) or 0)
    return found


async def rotate(database: Database, vault: Vault, *, batch: int = 500) -> AsyncIterator[Progress]:
    """Seal again whatever is not under the newest key; yields after each place."""
    for place in places():
        progress, last = Progress(place.name), None
        while True:
            async with database.transaction() as session:
                last = await _batch(session, vault, place, progress, last, batch)
            if last is None:
                break
        async with database.transaction() as session:
            count = select(func.count()).select_from(place.table).where(place.stale(vault))
            progress.waiting = int(await session.scalar(count) or 0)
        yield progress


def rotate_recordings(data_dir: Path, vault: Vault) -> Progress:
    """Wrap the key of every recording by the newest key; calls that wait for the database are sealed again. Blocks: use a thread."""
    progress = Progress("recordings")
    for path in recording_files(data_dir):
        try:
            progress.resealed += _rotate_file(path, vault)
        except (InvalidToken, ValueError):
            progress.unreadable += 1
            progress.waiting += 1
        except FileNotFoundError:
            continue  # the retention job took it away meanwhile, or the call was written
    return progress


def stale_recordings(data_dir: Path, vault: Vault) -> int:
    """How many recordings and waiting calls are not under the newest key. Blocks: use a thread."""
    return sum(not _is_current(path, vault) for path in recording_files(data_dir))


def recording_files(data_dir: Path) -> list[Path]:
    """Sealed files below the recordings' folder. A plain WAV file that was brought from elsewhere has no key to change."""
    folder = data_dir / "recordings"
    return sorted(path for path in folder.rglob("*") if path.suffix in (SUFFIX, ".call")) if folder.is_dir() else []


def _is_current(path: Path, vault: Vault) -> bool:
    try:
        return vault.is_current(path.read_bytes()) if path.suffix == ".call" else sealed_file.is_current(path, vault)
    except FileNotFoundError:
        return True
    except ValueError:
        return False


def _rotate_file(path: Path, vault: Vault) -> bool:
    if path.suffix != ".call":
        return sealed_file.reseal(path, vault)
    sealed = path.read_bytes()
    if vault.is_current(sealed):
        return False
    part = path.with_suffix(".resealed")
    part.write_bytes(vault.reseal(sealed))
    part.replace(path)
    return True


async def _batch(session: AsyncSession, vault: Vault, place: Place, progress: Progress, last: Any, size: int) -> Any:
    """One transaction; the key of its last row, None when there was none."""
    keys = list(place.table.primary_key.columns)
    statement = select(*keys, place.table.c[place.column]).where(place.stale(vault)).order_by(*keys).limit(size).with_for_update()
    if last is not None:
        statement = statement.where(tuple_(*keys) > tuple_(*[literal(value, key.type) for key, value in zip(keys, last, strict=True)]))
    rows = (await session.execute(statement)).all()
    for row in rows:
        try:
            sealed = _resealed(vault, row[-1])
        except InvalidToken:
            progress.unreadable += 1
            continue
        same = and_(*[key == value for key, value in zip(keys, row[:-1], strict=True)])
        await session.execute(update(place.table).where(same).values({place.column: sealed}))
        progress.resealed += 1
    return tuple(rows[-1][:-1]) if rows else None


def _resealed(vault: Vault, value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return vault.reseal(bytes(value))
    if isinstance(value, str):
        return vault.reseal(value.encode()).decode()
    if isinstance(value, list):
        return [_resealed(vault, item) if isinstance(item, dict | list) else item for item in value]
    return {
        name: _resealed(vault, item) if isinstance(item, dict | list) or (isinstance(item, str) and _SEALED_NAME.search(name)) else item
        for name, item in value.items()
    }


async def rehash(core: Core, database: Database, *, batch: int = 500) -> AsyncIterator[tuple[int, int]]:
    """Hash people's numbers and openids again with the newest lookup key; yields (looked at, changed) after each batch.

    Until it has passed, people are found by the older keys as well (`Vault.fingerprints`). Live WeChat conversations and calls
    follow their citizen.
    """
    last = seen = changed = 0
    while True:
        async with database.transaction() as session:
            page = select(Citizen).where(Citizen.id > last, Citizen.data_key_sealed.is_not(None)).order_by(Citizen.id).limit(batch)
            citizens = list(await session.scalars(page.with_for_update()))
            for citizen in citizens:
                changed += await _rehash(core, session, citizen)
        if not citizens:
            return
        last, seen = citizens[-1].id, seen + len(citizens)
        yield seen, changed


async def _rehash(core: Core, session: AsyncSession, citizen: Citizen) -> int:
    number, wechat = phone_number(core, citizen), openid(core, citizen)
    phone_hash = core.vault.fingerprint(number, "phone") if number else None
    openid_hash = core.vault.fingerprint(wechat, "openid") if wechat else None
    if (citizen.phone_hash, citizen.openid_hash) == (phone_hash, openid_hash):
        return 0
    citizen.phone_hash, citizen.openid_hash = phone_hash, openid_hash
    await session.execute(update(Call).where(Call.citizen_id == citizen.id, Call.caller_hash.is_not(None)).values(caller_hash=phone_hash))
    if wechat:
        live = (Conversation.citizen_id == citizen.id) & Conversation.party_hash.is_not(None) & (Conversation.owner != Owner.CLOSED.value)
        await session.execute(update(Conversation).where(live).values(party_hash=core.vault.fingerprint(wechat, "party")))
    return 1
