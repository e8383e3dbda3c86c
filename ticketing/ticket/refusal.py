"""Not accepted (不予受理): an agent proposes, a dispatcher or supervisor decides, the citizen may object (T4, T32)."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.i18n import _
from ticketing.context import Core
from ticketing.deadline.models import ClockKind
from ticketing.deadline.service import policies, start_clock, start_window, stop_clocks
from ticketing.people.actor import SYSTEM, Actor
from ticketing.relation.links import refuse_while_followed
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.request.states import RequestKind
from ticketing.ticket import refusal_reasons, workflow_versions
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import TicketState
from ticketing.ticket.steps import take_step
from ticketing.words import word

MIN_WAY = 5


def _check(code: str, reason: str, legal_way: str) -> dict[str, str]:
    """What the citizen is told; raises InvalidInput unless the reason is on the list and the legal way is named."""
    why = refusal_reasons.told(code, reason)
    way = legal_way.strip() or refusal_reasons.load()[code].way
    if len(way) < MIN_WAY:
        raise InvalidInput(_("不予受理要告诉市民应当走的法定途径"), field="legal_way")
    return {"code": code, "reason": why, "legal_way": way}


async def propose(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, code: str, legal_way: str = "", reason: str = ""
) -> Request:
    """An agent proposes not to accept it; nothing changes until it is decided.

    `code`: of the list; `reason`: what is added to it; `legal_way`: empty for the one that the list proposes.

    Raises InvalidInput, NotAllowed, IllegalStep.
    """
    if TicketState(ticket.state) not in (await workflow_versions.current(session)).transitions["reject"].sources:
        raise IllegalStep(_("工单现在是“{state}”，不能再建议不予受理").format(state=word("state", ticket.state)))
    refuse_while_followed(ticket)
    data = {**_check(code, reason, legal_way), "detail": reason.strip()}
    text = f"{data['reason']}。{data['legal_way']}"
    return await requests.ask(core, session, actor, ticket, RequestKind.REFUSAL, reason=text, data=data)


async def decide(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, approve: bool, note: str = "") -> None:
    """A dispatcher or supervisor decides what the agent proposed."""
    request = await requests.only_pending(session, ticket, RequestKind.REFUSAL)
    await requests.close(core, session, actor, ticket, request, approve=approve, note=note)
    if approve:
        asked = {name: str(request.data[name]) for name in ("code", "legal_way")}
        await reject(core, session, actor, ticket, reason=str(request.data["detail"]), **asked)


async def reject(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, code: str, legal_way: str = "", reason: str = ""
) -> None:
    """T4: not accepted, for a reason of the list; it and the right legal way are told to the citizen, who may object.

    After an objection another person decides (T32); there is no second one, so that a second refusal is filed at once. People whose
    tickets were merged into this one could not object, so they are split off first. Raises InvalidInput, NotAllowed, IllegalStep.
    """
    data: dict[str, Any] = _check(code, reason, legal_way)
    refuse_while_followed(ticket)
    again = bool(ticket.extra.get("objected"))
    if again:
        data["again"] = True  # the notice offers no second objection
    if ticket.rejected_by_id is not None and ticket.rejected_by_id == actor.user_id:
        raise NotAllowed(_("市民提出了异议，要由另一位人员重新决定"))
    answer = f"{data['reason']}。{data['legal_way']}"

    async def clocks() -> None:  # with the step: the citizen's notice says until when
        await stop_clocks(core, session, ticket.id, cancelled=True)
        if not again:
            await start_window(core, session, ticket, ClockKind.OBJECTION)

    values = {"answer": answer, "refusal_reason": code, "rejected_by_id": actor.user_id}
    await take_step(core, session, actor, ticket, "reject", data=data, clocks=clocks, **values)
    await requests.withdraw_pending(core, session, ticket)
    if again:
        await make_final(core, session, ticket)


async def make_final(core: Core, session: AsyncSession, ticket: Ticket) -> None:
    """T32: the refusal stands, nobody can object any more."""
    await take_step(core, session, SYSTEM, ticket, "rejection_final", no_callback_reason="rejected")


async def object_to(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, reason: str) -> None:
    """T32: the citizen objects within the window; once. It is looked at again by somebody else, in the policy's time."""
    if len(reason.strip()) < MIN_WAY:
        raise InvalidInput(_("请说明为什么应当受理"), field="reason")
    if ticket.extra.get("objected"):
        raise IllegalStep(_("这件事已经提出过异议并重新审查过。不服的可以按告知的法定途径办理"))
    limit = (await policies(session, core.clock.now())).centre.objected

    async def clocks() -> None:  # with the step: words of danger put a shorter one in its place
        await stop_clocks(core, session, ticket.id, ClockKind.OBJECTION)
        await start_clock(core, session, ticket, ClockKind.DISPATCH, limit)

    values = {"answer": None, "refusal_reason": None, "extra": {**ticket.extra, "objected": True}}
    await take_step(core, session, actor, ticket, "object", data={"reason": reason.strip()[:1000]}, clocks=clocks, **values)
