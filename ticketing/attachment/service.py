"""Keeping one file: what it is, how large, how many, without its metadata, under its content's hash, once."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import CITY_ZONE, to_city
from hotline.errors import InvalidInput, Unavailable
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.attachment.kinds import FileKind, kind_of
from ticketing.attachment.metadata import strip
from ticketing.attachment.names import clean_name
from ticketing.attachment.removal import request_removals
from ticketing.attachment.scan import scan
from ticketing.attachment.store import key_of
from ticketing.context import Core
from ticketing.ticket.models import Attachment

UNCLAIMED_AGE = timedelta(hours=2)
"""So long files wait that came with a form that had errors; then the form asks for them again."""
_MB = 1024 * 1024


def check_disk(settings: Settings) -> None:
    """Raises `Unavailable` when there is too little room left (lesson 10: refuse visibly before data is lost)."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(settings.data_dir).free / _MB
    if free_mb < settings.min_free_disk_mb:
        raise Unavailable(_("系统存储空间不足，暂时不能收附件。您可以先不带附件提交"))


def check(settings: Settings, body: bytes, file_name: str, *, from_citizen: bool, field: str = "files") -> FileKind:
    """The kind of a file that may be kept. Raises `InvalidInput`: empty, too large, or of a kind that is not taken."""
    name = file_name[:60]
    if not body:
        raise InvalidInput(_("附件“{name}”是空的，请重新选择"), field=field, name=name)
    if len(body) > settings.upload_max_bytes:
        raise InvalidInput(_("附件“{name}”超过{limit} MB，请压缩后再传"), field=field, name=name, limit=settings.upload_max_bytes // _MB)
    kind = kind_of(body)
    if kind is None or (kind.staff_only and from_citizen):
        raise InvalidInput(_("附件“{name}”的格式不支持，请上传照片、PDF、MP4视频或录音"), field=field, name=name)
    return kind


async def store(
    core: Core,
    settings: Settings,
    session: AsyncSession,
    *,
    body: bytes,
    file_name: str,
    from_citizen: bool,
    ticket_id: int | None = None,
    conversation_id: uuid.UUID | None = None,
    article_id: int | None = None,
) -> Attachment:
    """Keep one file. The row belongs to the caller's transaction; the bytes are safe before it commits.

    Raises `InvalidInput` (field `files`) when it may not be kept, `Unavailable` when there is no room.
    """
    kind = check(settings, body, file_name, from_citizen=from_citizen)
    await scan(settings, body)
    clean = await asyncio.to_thread(strip, body, kind.content_type)
    await _check_amounts(core, settings, session, ticket_id, len(clean), from_citizen=from_citizen)
    await asyncio.to_thread(check_disk, settings)
    digest = hashlib.sha256(clean).hexdigest()
    await lock_content(session, digest)
    await core.files.put(key_of(digest), clean)
    attachment = Attachment(
        id=uuid.uuid4(),
        ticket_id=ticket_id,
        conversation_id=conversation_id,
        article_id=article_id,
        file_name=clean_name(file_name, kind.suffix),
        content_type=kind.content_type,
        size_bytes=len(clean),
        sha256=digest,
        path=key_of(digest),
        from_citizen=from_citizen,
        created_at=core.clock.now(),
    )
    session.add(attachment)
    await session.flush()
    return attachment


async def is_kept(session: AsyncSession, ticket_id: int, body: bytes) -> bool:
    """Whether this very file is at the ticket already: it was sent again because the answer was lost on the way. Lock the ticket first."""
    kind = kind_of(body)
    clean = await asyncio.to_thread(strip, body, kind.content_type) if kind is not None else body
    same = select(Attachment.id).where(Attachment.ticket_id == ticket_id, Attachment.sha256 == hashlib.sha256(clean).hexdigest())
    return await session.scalar(same.limit(1)) is not None


async def lock_content(session: AsyncSession, sha256: str) -> None:
    """Until the transaction ends nobody else keeps or removes this content: it cannot vanish under a new row."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"file:{sha256}", 0))))


async def _check_amounts(
    core: Core, settings: Settings, session: AsyncSession, ticket_id: int | None, size: int, *, from_citizen: bool
) -> None:
    """So much per ticket, and so much of citizens' files per day in all: nobody fills the disk."""
    if ticket_id is not None:
        theirs = select(func.coalesce(func.sum(Attachment.size_bytes), 0)).where(Attachment.ticket_id == ticket_id)
        if int(await session.scalar(theirs) or 0) + size > settings.upload_ticket_max_mb * _MB:
            limit = settings.upload_ticket_max_mb
            raise InvalidInput(_("这件工单的附件一共不能超过{limit} MB"), field="files", limit=limit)
    if from_citizen:
        midnight = datetime.combine(to_city(core.clock.now()).date(), time(0), CITY_ZONE)
        today = select(func.coalesce(func.sum(Attachment.size_bytes), 0)).where(Attachment.created_at >= midnight, Attachment.from_citizen)
        if int(await session.scalar(today) or 0) + size > settings.upload_day_max_mb * _MB:
            raise Unavailable(_("今天收到的附件太多，暂时不能再收。您可以先不带附件提交"))


async def drop_unclaimed(core: Core, session: AsyncSession) -> int:
    """Forget files that came with a form which was never completed. For the scheduler; returns how many."""
    nobodys = (Attachment.ticket_id.is_(None), Attachment.conversation_id.is_(None), Attachment.article_id.is_(None))
    old = (*nobodys, Attachment.held_id.is_(None), Attachment.created_at < core.clock.now() - UNCLAIMED_AGE)
    return await delete_attachments(core, session, list(await session.scalars(select(Attachment).where(*old).limit(1000))), why="unclaimed")


async def delete_attachments(core: Core, session: AsyncSession, attachments: list[Attachment], *, why: str) -> int:
    """Delete the rows; the bytes go after the commit, if no other row has the same content (`removal.run`)."""
    for attachment in attachments:
        await session.delete(attachment)
    await request_removals(core, session, "store", [attachment.path for attachment in attachments], why=why)
    return len(attachments)
