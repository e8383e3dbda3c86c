"""Which files belong to a reply (T18): photographs of what was done, records, notices. The others stay the ticket's.

A file belongs to one reply at most. What went with a reply that was sent back may go with the next one of the round; in the next round
the unit uploads what is new, and what it showed before stays with that round.

Whether the citizen sees a file is said file by file in the reply's form (给市民看), read by whoever signs and whoever reviews, and holds
from the moment the review is passed (decision 0242).
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Reply
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.steps import tell


def choosable(files: Iterable[Attachment], own: Iterable[int]) -> list[Attachment]:
    """What may go with a reply: what the staff uploaded and no reply has but the `own` ones of the unit in this round."""
    free = {None, *own}
    return [file for file in files if not file.from_citizen and file.reply_id in free]


async def set_files(
    session: AsyncSession, ticket: Ticket, reply: Reply, wanted: Iterable[UUID], *, for_citizen: Iterable[UUID] = ()
) -> None:
    """Let exactly these files of the ticket belong to the stored reply, and those `for_citizen` be shown with the answer.

    The ticket is locked. Raises InvalidInput for any other file.
    """
    shown = set(for_citizen)
    chosen = set(wanted) | shown
    same = select(Reply.id).where(Reply.assignment_id == reply.assignment_id, Reply.round == reply.round)
    own = list(await session.scalars(same))
    files = select(Attachment).where(Attachment.ticket_id == ticket.id).order_by(Attachment.id).with_for_update()
    free = choosable(await session.scalars(files), own)
    if chosen - {file.id for file in free}:
        raise InvalidInput(_("有的附件不能随这次答复：先在这张工单上传，再选择"), field="attachments")
    for file in free:
        if file.id in chosen:
            file.reply_id, file.for_citizen = reply.id, file.id in shown
        elif file.reply_id == reply.id:
            file.reply_id, file.for_citizen = None, False
    await session.flush()


async def released_files(session: AsyncSession, ticket: Ticket) -> list[Attachment]:
    """What the citizen of this ticket sees with the answer: meant for the citizen, of replies that passed their review."""
    return list(await session.scalars(_released(ticket).order_by(Reply.reviewed_at, Attachment.file_name, Attachment.id)))


async def released_file(session: AsyncSession, ticket: Ticket, file_id: UUID) -> Attachment:
    """One of them. Raises NotFound, the same for a file that is not there, of another ticket, or not meant for the citizen."""
    found = (await session.scalars(_released(ticket).where(Attachment.id == file_id))).first()
    if found is None:
        raise NotFound(_("没有找到这个附件"))
    return found


async def take_back(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, files: Iterable[UUID], reason: str) -> None:
    """Show the citizen these files no longer: they were released by mistake. They stay with their reply, inside (decision 0255).

    For who reviews replies, in whatever state the ticket is. The ticket is locked. What the citizen has fetched before is with the citizen.
    Raises NotAllowed, InvalidInput for a file that the citizen does not see.
    """
    ensure(actor, "reply.review")
    chosen = set(files)
    if len(reason.strip()) < 5:
        raise InvalidInput(_("请写明为什么撤下"), field="reason")
    shown = [file for file in await session.scalars(_released(ticket).with_for_update(of=Attachment)) if file.id in chosen]
    if not chosen or len(shown) < len(chosen):
        raise InvalidInput(_("请选择市民现在看得到的附件"), field="files")
    for file in shown:
        file.for_citizen = False
    ticket.updated_at = core.clock.now()
    await session.flush()
    data = {"files": [str(file.id) for file in shown], "reason": reason.strip()[:500]}
    await tell(core, session, actor, ticket, "reply.files_hidden", data)


async def count_for_citizen(session: AsyncSession, replies: Iterable[int]) -> int:
    """How many files of these replies the citizen is to see."""
    wanted = select(func.count()).select_from(Attachment).where(Attachment.reply_id.in_(list(replies)), Attachment.for_citizen)
    return int(await session.scalar(wanted) or 0)


def _released(ticket: Ticket) -> Select[Attachment]:
    released = (Attachment.ticket_id == ticket.id, Attachment.for_citizen, Reply.accepted.is_(True))
    return select(Attachment).join(Reply, Reply.id == Attachment.reply_id).where(*released)
