"""Files that came before their form: with a form that had errors, or picked inside WeChat. Only this browser can attach them.

A browser does not send chosen files a second time, so they are stored without a ticket and named in the form by a signed value.
What nobody claims is dropped by `ticketing.attachment`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from aiohttp import web
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.limits import Limiter
from channels.portal import cookies
from channels.web.address import address_of
from channels.web.files import Upload, store
from channels.web.keys import CORE, DATABASE, SETTINGS
from ticketing.ticket.models import Attachment

FIELD = "kept"
HELD_FILES: web.AppKey[Limiter] = web.AppKey("portal_held_files")
HELD_BYTES: web.AppKey[Limiter] = web.AppKey("portal_held_bytes")
MAX_HELD_BYTES = 100 * 1024 * 1024
"""What one address may leave here in an hour without a form that was accepted; the number of files is limited as well."""


class Kept(NamedTuple):
    """A file that waits for its form."""

    id: UUID
    sha256: str
    file_name: str


def of(attachment: Attachment) -> Kept:
    """A stored file as one that waits."""
    return Kept(attachment.id, attachment.sha256, attachment.file_name)


def sign(request: web.Request, kept: Kept) -> str:
    """The value that stands in the form."""
    return cookies.sign(request, FIELD, json.dumps([str(kept.id), kept.sha256, kept.file_name]), cookies.FORM_AGE)


def read(request: web.Request, values: Iterable[object], limit: int) -> list[Kept]:
    """Files that came earlier and that the person still wants; forged and old values are left out."""
    found: dict[UUID, Kept] = {}
    for value in list(values)[:limit]:
        held = cookies.unsign(request, FIELD, str(value))
        if held:
            attachment_id, sha256, name = json.loads(held)
            found[UUID(attachment_id)] = Kept(UUID(attachment_id), str(sha256), str(name))
    return list(found.values())


async def still_there(request: web.Request, kept: Sequence[Kept]) -> list[Kept]:
    """Those that were not dropped meanwhile: a form never goes through without a file that it shows."""
    if not kept:
        return []
    async with request.app[DATABASE].transaction() as session:
        found = set(await session.scalars(select(Attachment.id).where(Attachment.id.in_([item.id for item in kept]))))
    return [item for item in kept if item.id in found]


def may_hold(request: web.Request, uploads: Sequence[Upload]) -> bool:
    """Whether files without a form may be kept for this address: only so many, or anybody could fill the disk."""
    address, size = address_of(request), sum(len(upload.body) for upload in uploads)
    waits = (request.app[HELD_FILES].wait_seconds(address, len(uploads)), request.app[HELD_BYTES].wait_seconds(address, size))
    return not any(waits)


async def hold(request: web.Request, session: AsyncSession, upload: Upload, ticket_id: int | None = None) -> Attachment:
    """Store a file of a citizen, for its ticket or to wait for one."""
    return await store(
        request.app[CORE],
        request.app[SETTINGS],
        session,
        body=upload.body,
        file_name=upload.file_name,
        from_citizen=True,
        ticket_id=ticket_id,
    )


async def claim(session: AsyncSession, kept: Sequence[Kept], ticket_id: int) -> None:
    """Give them to their ticket; what another form has claimed meanwhile stays there."""
    if kept:
        mine = Attachment.id.in_([item.id for item in kept]), Attachment.ticket_id.is_(None)
        await session.execute(update(Attachment).where(*mine).values(ticket_id=ticket_id))
