"""A call by click from the wish to its result."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, NotAllowed
from hotline.events import record
from hotline.i18n import _
from ticketing.assignment.models import Assignment, AssignmentState
from ticketing.callback import book
from ticketing.callback.models import ReturnCall
from ticketing.callback.schedule import may_call
from ticketing.callback.tasks import find_open, take
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import local_form, person
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers
from ticketing.conversation.models import Call, CallState
from ticketing.conversation.service import open_conversation
from ticketing.dialling.models import Dial, DialState, Purpose
from ticketing.duty.models import ON_CALL, Duty, DutyState
from ticketing.duty.service import change, duty_of
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure, may
from ticketing.queue.service import wake
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency

VALID = timedelta(seconds=15)
FRESH = timedelta(hours=2)
"""A caller whom nobody answered is called back at any hour so long after the call; later only within the allowed hours."""
CONTACTING = frozenset({AssignmentState.SIGNED, AssignmentState.WORKING, AssignmentState.REDO})
"""A unit that is at one of these may note a contact (T14)."""


async def place(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> Dial:
    """Call the citizen of this ticket. The ticket came through `access_ticket` and is locked.

    What the call is for follows from what is open: a return call that is owed, a callback task (it comes into the person's hands),
    else a contact. Raises NotAllowed, IllegalStep with what to do.
    """
    actor = ensure(actor, "call.dial")
    if actor.user_id is None:
        raise NotAllowed(_("只有工作人员本人能点击外呼"))
    owed = await _callable(core, session, actor, ticket, lock=True)
    task = await find_open(session, ticket) if owed is None and may(actor, "callback.visit") else None
    purpose = Purpose.RETURN_CALL if owed else Purpose.CALLBACK if task else Purpose.CONTACT
    busy = await session.scalar(select(Dial.id).where(Dial.ticket_id == ticket.id, Dial.state != DialState.OVER.value).limit(1))
    if busy is not None:
        raise IllegalStep(_("正在给这位市民打电话，请等这通电话结束"))
    if task is not None:
        await take(core, session, actor, ticket, task)
    return await open_dial(core, session, actor, ticket, await _free(core, session, actor.user_id), purpose, owed)


async def hindrance(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket) -> str:
    """Why `place` would refuse now, in words; empty when it would not. Reads only: `place` asks again under its locks."""
    try:
        await _callable(core, session, ensure(actor, "call.dial"), ticket, lock=False)
        _is_free(await session.get(Duty, actor.user_id))
    except (IllegalStep, NotAllowed) as problem:
        return str(problem)
    return ""


async def _callable(core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, *, lock: bool) -> ReturnCall | None:
    """The return call that is owed, if any. Raises NotAllowed, IllegalStep when this citizen cannot be called by this person now."""
    await _of_own_unit(session, actor, ticket)
    owed = await _owed(session, actor, ticket, lock=lock)
    if not await number_of(core, session, ticket, owed):
        raise IllegalStep(_("这张工单没有留可以拨打的号码"))
    await _hours(core, session, ticket, owed)
    return owed


async def open_dial(
    core: Core, session: AsyncSession, actor: Actor, ticket: Ticket, duty: Duty, purpose: Purpose, owed: ReturnCall | None,
    *, automatic: bool = False,
) -> Dial:  # fmt: skip
    """Write the call, keep the person's telephone for it, and wake the telephony processes. Ticket and duty are locked."""
    now = core.clock.now()
    conversation = await open_conversation(
        core, session, channel="phone", conversation_id=uuid4(), citizen_id=ticket.citizen_id, line=ticket.line
    )
    conversation.ticket_id = ticket.id
    call = Call(
        id=uuid4(), conversation_id=conversation.id, direction="out", sip_call_id="", called=ticket.line, citizen_id=ticket.citizen_id,
        codec="", state=CallState.BOT.value, worker="", started_at=now,
        data={"purpose": purpose.value, "agent_id": duty.user_id, "ticket": ticket.number},
    )  # fmt: skip
    session.add(call)
    await session.flush()
    dial = Dial(
        call_id=call.id, ticket_id=ticket.id, user_id=duty.user_id, purpose=purpose.value, return_call_id=owed.id if owed else None,
        automatic=automatic, state=DialState.WAITING.value, created_at=now, valid_until=now + VALID,
    )  # fmt: skip
    session.add(dial)
    await session.flush()
    await change(core, session, duty, DutyState.RINGING, call_id=call.id)
    data = {"purpose": purpose.value, "ticket": ticket.number, "automatic": automatic}
    await record(session, at=now, name="call.placed", subject="call", subject_id=call.id, who=actor.who, data=data)
    await wake(session, "dial", call_id=call.id)
    return dial


async def number_of(core: Core, session: AsyncSession, ticket: Ticket, owed: ReturnCall | None) -> str:
    """Whom to dial, as within the country: for a return call the number that called, else the citizen's; empty: none is known."""
    if owed is not None:
        call = await session.get(Call, owed.call_id)
        number = (await caller_numbers(core, session, [call])).get(call.id, "") if call is not None else ""
        if number:
            return local_form(number)
    citizen = await session.get(Citizen, ticket.citizen_id) if ticket.citizen_id else None
    return local_form(person(core, citizen, masked=False).phone) if citizen is not None else ""


async def open_of(session: AsyncSession, user_id: int) -> Dial | None:
    """The person's call that goes on."""
    return (await session.scalars(select(Dial).where(Dial.user_id == user_id, Dial.state != DialState.OVER.value))).first()


async def of_ticket(session: AsyncSession, ticket: Ticket, *, limit: int = 20) -> list[Dial]:
    """Calls to the citizen of this ticket, newest first."""
    return list(await session.scalars(select(Dial).where(Dial.ticket_id == ticket.id).order_by(Dial.id.desc()).limit(limit)))


async def allowed_now(core: Core, session: AsyncSession, ticket: Ticket, owed: ReturnCall | None) -> bool:
    """Whether the citizen may be called at this hour. Danger, and a caller of the last two hours, do not wait for the morning."""
    now = core.clock.now()
    if ticket.urgency == Urgency.EMERGENCY.value or (owed is not None and now <= owed.created_at + FRESH):
        return True
    return may_call((await book.current(session, now)).hours, now)


async def _hours(core: Core, session: AsyncSession, ticket: Ticket, owed: ReturnCall | None) -> None:
    if not await allowed_now(core, session, ticket, owed):
        hours = (await book.current(session, core.clock.now())).hours
        span = f"{hours.start:%H:%M}-{hours.end:%H:%M}"
        raise IllegalStep(_("现在不是可以给市民打电话的时间（{hours}）").format(hours=span))


async def _of_own_unit(session: AsyncSession, actor: Actor, ticket: Ticket) -> None:
    """Department staff call the citizens of what their unit has signed for and still has in hand."""
    if actor.role is None or not actor.role.in_unit:
        return
    states = [*(state.value for state in CONTACTING), AssignmentState.UNIT_REVIEW.value]
    mine = select(Assignment.id).where(Assignment.ticket_id == ticket.id, Assignment.unit_id == actor.unit_id, Assignment.state.in_(states))
    if await session.scalar(mine.limit(1)) is None:
        raise NotAllowed(_("签收以后、办结以前，才能给这件事的市民打电话"))


async def _owed(session: AsyncSession, actor: Actor, ticket: Ticket, *, lock: bool) -> ReturnCall | None:
    if not may(actor, "return_call.finish"):
        return None
    statement = select(ReturnCall).where(ReturnCall.ticket_id == ticket.id, ReturnCall.state == "open").order_by(ReturnCall.due_at).limit(1)
    return (await session.scalars(statement.with_for_update() if lock else statement)).first()


async def _free(core: Core, session: AsyncSession, user_id: int) -> Duty:
    """The person's telephone, locked."""
    return _is_free(await duty_of(core, session, user_id))


def _is_free(duty: Duty | None) -> Duty:
    if duty is None or not duty.phone:
        raise IllegalStep(_("还没有话机：先打开浏览器话机并上线，或请督办登记桌面话机"))
    if DutyState(duty.state) in ON_CALL:
        raise IllegalStep(_("你正在通话，结束以后再拨"))
    return duty


__all__ = ["allowed_now", "hindrance", "number_of", "of_ticket", "open_dial", "open_of", "place"]
