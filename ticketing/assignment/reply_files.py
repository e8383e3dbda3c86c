"""Which files belong to a reply (T18): photographs of what was done, records, notices. The others stay the ticket's.

A file belongs to one reply at most. What went with a reply that was sent back may go with the next one of the round; in the next round
the unit uploads what is new, and what it showed before stays with that round.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.assignment.models import Reply
from ticketing.ticket.models import Attachment, Ticket


def choosable(files: Iterable[Attachment], own: Iterable[int]) -> list[Attachment]:
    """What may go with a reply: what the staff uploaded and no reply has but the `own` ones of the unit in this round."""
    free = {None, *own}
    return [file for file in files if not file.from_citizen and file.reply_id in free]


async def set_files(session: AsyncSession, ticket: Ticket, reply: Reply, wanted: Iterable[UUID]) -> None:
    """Let exactly these files of the ticket belong to the stored reply. The ticket is locked. Raises InvalidInput for any other file."""
    chosen = set(wanted)
    same = select(Reply.id).where(Reply.assignment_id == reply.assignment_id, Reply.round == reply.round)
    own = list(await session.scalars(same))
    files = select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.id).with_for_update()
    free = choosable(await session.scalars(files), own)
    if chosen - {file.id for file in free}:
        raise InvalidInput(_("有的附件不能随这次答复：先在这张工单上传，再选择"), field="attachments")
    for file in free:
        if file.id in chosen:
            file.reply_id = reply.id
        elif file.reply_id == reply.id:
            file.reply_id = None
    await session.flush()
