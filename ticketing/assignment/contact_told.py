"""The citizen's contact in a structured reply (T18): recorded before (T14), or said in the reply why there was none.

Who refused to be contacted or was not reached after several tries gets a reply all the same, and the supervisor finds it among
the suspicions when it closes (4d 异常办理率: closed without contact).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.ticket.models import Ticket

MIN_NOTE = 5


async def fault_of_contact(session: AsyncSession, ticket: Ticket, assignment: Assignment, note: str) -> str:
    """What is wrong with the reply's part about the contact; empty when nothing is.

    Owed by the unit that was given a clock for it: the lead, where the policy asks for contact and the person is known, unless
    the citizen wants none (`contact_by`).
    """
    if assignment.contacted_at is not None or ticket.contact_by == "none" or len(note.strip()) >= MIN_NOTE:
        return ""
    asked = select(Deadline.id).where(
        Deadline.assignment_id == assignment.id,
        Deadline.kind == ClockKind.CONTACT.value,
        Deadline.state != ClockState.CANCELLED.value,
    )
    if await session.scalar(asked.limit(1)) is None:
        return ""
    return _("还没有联系市民的记录：请先登记联系市民；市民不愿联系或多次没有联系上的，在这里写明时间和经过")


__all__ = ["MIN_NOTE", "fault_of_contact"]
