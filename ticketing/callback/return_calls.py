"""回拨: a caller whom nobody answered was promised a call."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.i18n import _
from ticketing.callback.models import ReturnCall
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.ticket.dispatch import answer as answer_on_the_spot
from ticketing.ticket.models import Ticket
from ticketing.ticket.steps import tell


async def finish_return_call(
    core: Core, session: AsyncSession, actor: Actor, return_call_id: int, note: str, *, answer: str | None = None
) -> ReturnCall:
    """The caller who was not served has been called back.

    `answer`: what was answered on the spot, when that settled the matter (T2, at least 20 characters); None: it goes on to dispatch.
    """
    if not actor.has(Role.AGENT, Role.CALLBACK, Role.SUPERVISOR):
        raise NotAllowed(_("你的岗位不能做这一步"))
    task = (await session.scalars(select(ReturnCall).where(ReturnCall.id == return_call_id).with_for_update())).first()
    if task is None:
        raise NotFound(_("没有找到这个回拨任务"))
    if task.state == "done":
        raise IllegalStep(_("这个回拨已经有人完成"))
    if len(note.strip()) < 2:
        raise InvalidInput(_("请写明回拨的情况"), field="note")
    task.state, task.done_at, task.done_by_id, task.note = "done", core.clock.now(), actor.user_id, note.strip()[:2000]
    ticket = await session.get_one(Ticket, task.ticket_id)
    await tell(core, session, actor, ticket, "return_call.done", {"note": task.note})
    if answer is not None:
        await answer_on_the_spot(core, session, actor, ticket, answer)
    return task
