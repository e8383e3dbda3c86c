"""Attachments: stored by random name, checked by their first bytes, given back as a download only (lesson 20)."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from aiohttp.web_request import FileField
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.keys import CORE, SETTINGS
from hotline.errors import InvalidInput, NotFound, Unavailable
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.ticket.models import Attachment

MAX_FILES = 5
"""Files per form."""
UNCLAIMED_AGE = timedelta(hours=2)
"""So long files wait that came with a form that had errors; then the form asks for them again."""
ACCEPT = "image/jpeg,image/png,image/webp,image/gif,application/pdf,video/mp4,audio/amr,audio/mpeg,audio/wav"
"""For `<input type="file" accept>`; the server looks at the bytes all the same."""


@dataclass(frozen=True)
class _Kind:
    content_type: str
    suffix: str


def sniff(head: bytes) -> tuple[str, str] | None:
    """Content type and file suffix by the first 16 bytes; None when the kind is not allowed."""
    found = _sniff(head)
    return (found.content_type, found.suffix) if found else None


def _sniff(head: bytes) -> _Kind | None:
    for magic, kind in (
        (b"\xff\xd8\xff", _Kind("image/jpeg", ".jpg")),
        (b"\x89PNG\r\n\x1a\n", _Kind("image/png", ".png")),
        (b"GIF87a", _Kind("image/gif", ".gif")),
        (b"GIF89a", _Kind("image/gif", ".gif")),
        (b"%PDF-", _Kind("application/pdf", ".pdf")),
        (b"#!AMR", _Kind("audio/amr", ".amr")),
        (b"ID3", _Kind("audio/mpeg", ".mp3")),
    ):
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _Kind("image/webp", ".webp")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _Kind("audio/wav", ".wav")
    if head[4:8] == b"ftyp":
        return _Kind("video/mp4", ".mp4")
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # MPEG audio frame, layer III
        return _Kind("audio/mpeg", ".mp3")
    return None


def clean_name(name: str, suffix: str) -> str:
    """The person's file name without path, control characters or a misleading ending; shown, never used as a path."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    base = "".join(char for char in base if char.isprintable() and char not in '<>:"|?*\u202e')
    stem = base.rsplit(".", 1)[0].strip(" .")[:80] or "附件"
    return stem + suffix


def check_disk(settings: Settings) -> None:
    """Raises `Unavailable` when there is too little room left (lesson 10: refuse visibly before data is lost)."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(settings.data_dir).free / 1048576
    if free_mb < settings.min_free_disk_mb:
        raise Unavailable(_("系统存储空间不足，暂时不能收附件。您可以先不带附件提交"))


def _write(core: Core, attachment_id: uuid.UUID, suffix: str, body: bytes) -> str:
    relative = f"attachments/{attachment_id.hex[:2]}/{attachment_id}{suffix}"
    path = core.data_dir / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(body)
    part.replace(path)
    return relative


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
) -> Attachment:
    """Keep one file. The row belongs to the caller's transaction; a file without a row is swept later, never served.

    Raises `InvalidInput` (field `files`) when it is empty, too large or of a kind that is not allowed.
    """
    if not body:
        raise InvalidInput(_("附件“{name}”是空的，请重新选择"), field="files", name=file_name)
    if len(body) > settings.upload_max_bytes:
        limit = settings.upload_max_bytes // 1048576
        raise InvalidInput(_("附件“{name}”超过{limit} MB，请压缩后再传"), field="files", name=file_name, limit=limit)
    kind = _sniff(body[:16])
    if kind is None:
        raise InvalidInput(_("附件“{name}”的格式不支持，请上传照片、PDF、MP4视频或录音"), field="files", name=file_name)
    await asyncio.to_thread(check_disk, settings)
    attachment_id = uuid.uuid4()
    path = await asyncio.to_thread(_write, core, attachment_id, kind.suffix, body)
    attachment = Attachment(
        id=attachment_id,
        ticket_id=ticket_id,
        conversation_id=conversation_id,
        file_name=clean_name(file_name, kind.suffix),
        content_type=kind.content_type,
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        path=path,
        from_citizen=from_citizen,
        created_at=core.clock.now(),
    )
    session.add(attachment)
    await session.flush()
    return attachment


@dataclass(frozen=True)
class Upload:
    """A file of a form, read into memory and checked, not yet stored."""

    file_name: str
    body: bytes


async def read_uploads(request: web.Request, field: str = "files", limit: int = MAX_FILES) -> list[Upload]:
    """Files of a posted form; empty file inputs are left out. Raises `InvalidInput` when one is not acceptable.

    Called before anything is written, so that a form with a bad file is answered with its errors and nothing is lost.
    """
    settings = request.app[SETTINGS]
    uploads: list[Upload] = []
    for item in (await request.post()).getall(field, []):
        if not isinstance(item, FileField) or not item.filename:
            continue
        body = await asyncio.to_thread(item.file.read, settings.upload_max_bytes + 1)
        uploads.append(Upload(item.filename, body))
    if len(uploads) > limit:
        raise InvalidInput(_("一次最多上传{n}个附件"), field=field, n=limit)
    for upload in uploads:
        _check(upload, settings, field)
    return uploads


def _check(upload: Upload, settings: Settings, field: str) -> None:
    name = upload.file_name[:60]
    if not upload.body:
        raise InvalidInput(_("附件“{name}”是空的，请重新选择"), field=field, name=name)
    if len(upload.body) > settings.upload_max_bytes:
        raise InvalidInput(
            _("附件“{name}”超过{limit} MB，请压缩后再传"), field=field, name=name, limit=settings.upload_max_bytes // 1048576
        )
    if _sniff(upload.body[:16]) is None:
        raise InvalidInput(_("附件“{name}”的格式不支持，请上传照片、PDF、MP4视频或录音"), field=field, name=name)


async def drop_unclaimed(core: Core, session: AsyncSession) -> int:
    """Delete files that came with a form which was never completed. For the scheduler; returns how many."""
    old = (Attachment.ticket_id.is_(None), Attachment.conversation_id.is_(None), Attachment.created_at < core.clock.now() - UNCLAIMED_AGE)
    gone = (await session.scalars(delete(Attachment).where(*old).returning(Attachment.path))).all()
    for relative in gone:
        await asyncio.to_thread((core.data_dir / relative).unlink, missing_ok=True)
    return len(gone)


def download(request: web.Request, attachment: Attachment) -> web.StreamResponse:
    """The file as a download. The caller has checked that this person may have it."""
    return _file(request, attachment.path, attachment.content_type, attachment.file_name, "attachment")


def play(request: web.Request, relative: str, content_type: str = "audio/wav") -> web.StreamResponse:
    """A recording for the player of a page (ranges allowed). The caller has checked access."""
    return _file(request, relative, content_type, Path(relative).name, "inline")


def _file(request: web.Request, relative: str, content_type: str, name: str, disposition: str) -> web.StreamResponse:
    root = request.app[CORE].data_dir.resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise NotFound(_("文件已不在服务器上，请联系管理员"))
    response = web.FileResponse(path)
    response.content_type = content_type
    response.headers["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(name)}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"
    return response
