"""Versions of the call flow in the database: the newest is in force, a call keeps the one it began with."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.calendar.versions import PerDatabase
from ticketing.call_flow.document import Document, package_document, parse_text, seed_text
from ticketing.call_flow.models import CallFlowVersion
from ticketing.context import Core
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.permissions import ensure

_known = PerDatabase()


async def newest(session: AsyncSession) -> int:
    """The number of the version in force; 0 while the table is empty."""
    return await session.scalar(select(func.max(CallFlowVersion.version))) or 0


async def current(session: AsyncSession) -> Document:
    """The document in force, the one of the package while the table is empty. Parsed once per process and version."""
    version = await newest(session)
    if not version:
        return package_document()
    known: Document | None = _known.get(session, version)
    if known is None:
        text = await session.scalar(select(CallFlowVersion.document).where(CallFlowVersion.version == version))
        known = parse_text(text or "")
        _known.put(session, version, known)
    return known


async def current_text(session: AsyncSession) -> str:
    """The document in force as it was written."""
    newest_first = select(CallFlowVersion.document).order_by(CallFlowVersion.version.desc()).limit(1)
    return await session.scalar(newest_first) or seed_text()


async def history(session: AsyncSession, *, before: int | None = None, limit: int = 20) -> list[CallFlowVersion]:
    """The published versions, newest first; `before`: only those with a lower number."""
    statement = select(CallFlowVersion).order_by(CallFlowVersion.version.desc()).limit(limit)
    return list(await session.scalars(statement if before is None else statement.where(CallFlowVersion.version < before)))


async def seed(core: Core, session: AsyncSession) -> bool:
    """Publish the package's document while the database has none; True when it was. What an administrator wrote is left alone."""
    if await newest(session):
        return False
    text = seed_text()
    return await _write(core, session, SYSTEM, text, parse_text(text).version, "hotline")


async def checked(session: AsyncSession, text: str) -> Document:
    """The document of `text`, if it could be put in force now: its number must be higher than the newest.

    Raises InvalidInput with the entries at fault.
    """
    wanted, last = parse_text(text), await newest(session)
    if wanted.version <= last:
        raise InvalidInput(_("版本号应大于{newest}").format(newest=last), field="document")
    return wanted


async def publish(core: Core, session: AsyncSession, actor: Actor, text: str, *, note: str) -> Document:
    """Put what another person proposed in force, from the next call on (`proposals`). Raises NotAllowed, InvalidInput like `checked`."""
    actor = ensure(actor, "call_flow.decide")
    wanted = await checked(session, text)
    if not await _write(core, session, actor, text, wanted.version, note):
        raise InvalidInput(_("版本号应大于{newest}").format(newest=wanted.version), field="document")
    return wanted


async def _write(core: Core, session: AsyncSession, actor: Actor, text: str, version: int, note: str) -> bool:
    digest = hashlib.sha256(text.encode()).hexdigest()
    values = {
        "version": version, "document": text, "sha256": digest, "note": note,
        "published_at": core.clock.now(), "published_by_id": actor.user_id,
    }  # fmt: skip
    done = await session.execute(insert(CallFlowVersion).values(**values).on_conflict_do_nothing().returning(CallFlowVersion.version))
    if done.first() is None:
        return False
    data = {"version": version, "sha256": digest, "note": note}
    await record(
        session, at=core.clock.now(), name="call_flow.published", subject="call_flow", subject_id=version, who=actor.who, data=data
    )
    return True
