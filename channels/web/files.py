"""Files in forms and files given back: `ticketing.attachment` decides what is kept, here it is read and served (lesson 20)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from aiohttp.web_request import FileField

from channels.web.keys import CORE, SETTINGS
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.attachment.kinds import kind_of_head
from ticketing.attachment.names import clean_name
from ticketing.attachment.service import check, drop_unclaimed, store
from ticketing.conversation.recordings import open_recording
from ticketing.ticket.models import Attachment

__all__ = ["ACCEPT", "MAX_FILES", "Upload", "clean_name", "download", "drop_unclaimed", "play", "read_uploads", "sniff", "store"]

_PLAY_BYTES = 256 * 1024
MAX_FILES = 5
"""Files per form."""
ACCEPT = "image/jpeg,image/png,image/webp,image/gif,application/pdf,video/mp4,audio/amr,audio/mpeg,audio/wav"
"""For `<input type="file" accept>`; the server looks at the bytes all the same."""


def sniff(head: bytes) -> tuple[str, str] | None:
    """Content type and file suffix by the first 16 bytes; None when the kind is not allowed."""
    found = kind_of_head(head)
    return (found.content_type, found.suffix) if found else None


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
        check(settings, upload.body, upload.file_name, from_citizen=not request.path.startswith("/console"), field=field)
    return uploads


async def download(request: web.Request, attachment: Attachment) -> web.StreamResponse:
    """The file as a download. The caller has checked that this person may have it."""
    store = request.app[CORE].files
    path = store.local(attachment.path)
    if path is not None:
        return _file(path, attachment.content_type, attachment.file_name, "attachment")
    response = web.StreamResponse()
    _harmless(response, attachment.content_type, attachment.file_name, "attachment")
    response.content_length = attachment.size_bytes
    pieces = store.read(attachment.path)
    first = await anext(pieces)  # what is missing is said before the answer begins
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


async def play(request: web.Request, relative: str) -> web.StreamResponse:
    """A recording for the player of a page (ranges allowed), opened piece by piece. The caller has checked access."""
    core = request.app[CORE]
    recorded = await asyncio.to_thread(open_recording, core.data_dir, relative, core.vault)
    try:
        wanted = request.http_range
    except ValueError:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{recorded.length}"}) from None
    start, stop, _step = wanted.indices(recorded.length)
    if start >= stop:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{recorded.length}"})
    partial = "Range" in request.headers
    response = web.StreamResponse(status=206 if partial else 200)
    _harmless(response, "audio/wav", Path(relative).with_suffix(".wav").name, "inline")
    response.headers["Accept-Ranges"] = "bytes"
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{recorded.length}"
    response.content_length = stop - start
    await response.prepare(request)
    for position in range(start, stop, _PLAY_BYTES) if request.method != "HEAD" else ():
        await response.write(await asyncio.to_thread(recorded.read, position, min(_PLAY_BYTES, stop - position)))
    await response.write_eof()
    return response


def _file(path: Path, content_type: str, name: str, disposition: str) -> web.StreamResponse:
    if not path.is_file():
        raise NotFound(_gone())
    response = web.FileResponse(path)
    _harmless(response, content_type, name, disposition)
    return response


def _harmless(response: web.StreamResponse, content_type: str, name: str, disposition: str) -> None:
    """Nothing of a stranger's file runs at our address (lesson 20)."""
    response.content_type = content_type
    response.headers["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(name, safe='')}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-store"


def _gone() -> str:
    return _("文件已不在服务器上，请联系管理员")
