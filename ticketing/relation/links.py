"""Following the link from a merged ticket to its master.

A step of the master locks the master first and then whoever follows it; who comes from a merged ticket holds that one already.
So the second never waits long enough to be a deadlock: he is told to try again.
"""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import Conflict, IllegalStep, InvalidInput
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState

PATIENCE_MS = 300
"""Well below PostgreSQL's deadlock_timeout of a second, after which it would end either of the two."""
_LOCK_NOT_AVAILABLE = "55P03"


async def master_of(session: AsyncSession, ticket: Ticket) -> Ticket:
    """The ticket under which the matter is handled: the master of a merged one, else the ticket itself. The row is locked.

    Raises Conflict when somebody works on the master at this moment.
    """
    if ticket.state != TicketState.MERGED.value or ticket.master_id is None:
        return ticket
    await session.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
    try:
        master = (await session.scalars(select(Ticket).where(Ticket.id == ticket.master_id).with_for_update())).one()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise Conflict(_("有人正在处理这件事，请稍后再试")) from error
        raise
    await session.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    return master


async def access_other(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, number: str) -> Ticket:
    """A second ticket of a step, by its number, through the same door and locked.

    It never waits for the lock: two people who merge two tickets into each other would wait for one another. Raises
    InvalidInput when it does not exist for this person, Conflict when somebody works on it at this moment.
    """
    statement = select(Ticket).where(Ticket.number == number.strip(), visible(core, actor)).with_for_update(of=Ticket, skip_locked=True)
    found = (await session.scalars(statement)).first()
    if found is not None:
        return found
    if await session.scalar(select(Ticket.id).where(Ticket.number == number.strip(), visible(core, actor))) is None:
        raise InvalidInput(_("没有找到编号是“{number}”的工单").format(number=number.strip()[:40]), field="number")
    raise Conflict(_("有人正在处理另一张工单，请稍后再试"))


def refuse_while_followed(ticket: Ticket) -> None:
    """Raises IllegalStep while other people's tickets hang on this one.

    For steps that end the matter for a reason of this citizen's own: the others were not asked, and could not object.
    """
    if ticket.interest_count > 1:
        raise IllegalStep(_("这张工单并入了其他市民的诉求，请先拆分"))
