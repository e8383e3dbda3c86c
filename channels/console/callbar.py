"""The bar above the desk: what the agent does now, their call, and what can be done with it by one key (design.md, section 7).

The bar is read anew at each notice of the desk; its forms are sent without leaving the page, so that a form half filled in keeps
its cursor while the caller is put on hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.pages import fragment
from channels.console.session import Staff
from channels.web.formats import mask_phone, show_phone
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.i18n import _, texts
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers
from ticketing.conversation.models import Call, CallState
from ticketing.duty.models import Duty, DutyState
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.queue.commands import failed_now
from ticketing.queue.own_call import OwnCall, own_call
from ticketing.ticket.access import closed_conversations
from ticketing.words import choices

_SEAT = "sip:seat-"
_EMERGENCY = ("110", "119", "120", "122")
_WHY = texts(
    {
        "not_allowed": "没有拨出：这个号码不在允许外呼的范围",
        "busy": "没有接通：对方正忙",
        "no_answer": "没有接通：对方没有接听",
        "wrong_number": "没有接通：号码不存在",
        "": "没有办成，请再试一次",
    }
)
"""By the result of a command (`ticketing.queue.commands.settle`); empty: every other one."""


@dataclass(frozen=True)
class Bar:
    """What the bar shows of one person."""

    state: str
    """A DutyState; `off` for who was never on duty."""
    reason: str
    seconds: int
    """In this state."""
    wrap_left: int | None
    """Seconds of after-call work that are left; None: none runs."""
    phone: str
    """`browser`, `desk`, or empty: nothing can ring."""
    call: Call | None
    """The call that they speak on."""
    number: str
    """Of the caller, masked until answered; empty without a call."""
    called: str
    emergency: tuple[str, ...]
    """Emergency lines that this installation may dial."""
    trouble: str = ""
    """Why the last key of the call did nothing; empty: it did."""

    @property
    def mode(self) -> str:
        """What the citizen hears."""
        return str(self.call.data.get("mode", "talking")) if self.call else ""


async def load_bar(request: web.Request, session: AsyncSession, person: Staff) -> dict[str, Any]:
    """What the templates `_callbar.html` and `_call_dialogs.html` need."""
    core = request.app[CORE]
    duty, my_call = await mine(session, person.actor)
    now = core.clock.now()
    own = await own_call(core, session, person.actor) if duty is not None else None
    call = my_call or (own.call if own else await _rings(session, duty))
    others: list[User] = await colleagues(session, person.actor) if my_call else []
    phone = "" if duty is None or not duty.phone else "browser" if duty.phone.startswith(_SEAT) else "desk"
    bar = Bar(
        state=duty.state if duty else DutyState.OFF.value,
        reason=duty.reason if duty else "",
        seconds=max(0, int((now - duty.since).total_seconds())) if duty else 0,
        wrap_left=max(0, int((duty.wrap_until - now).total_seconds())) if duty and duty.wrap_until else None,
        phone=phone,
        call=my_call,
        number=await _number(request, session, person, call, own),
        called=call.called if call else "",
        emergency=tuple(line for line in _EMERGENCY if line.startswith(request.app[SETTINGS].outbound_prefixes)),
        trouble=await _trouble(core, session, person, my_call),
    )
    return {"bar": bar, "others": others, "breaks": {key: name for key, name in choices("break_reason").items() if key != "no_answer"}}


async def _trouble(core: Core, session: AsyncSession, person: Staff, call: Call | None) -> str:
    """Why somebody was not reached, or the call not handed on: the caller is still with this person."""
    row = await failed_now(core, session, person.actor, call) if call is not None else None
    return _(_WHY.get(row.result) or _WHY[""]) if row is not None else ""


async def _rings(session: AsyncSession, duty: Duty | None) -> Call | None:
    """A call of ours that rings for this person: the robot's citizen wants a human being, or their own click."""
    ringing = duty is not None and duty.state == DutyState.RINGING.value and duty.call_id is not None
    return await session.get(Call, duty.call_id) if duty is not None and ringing else None


async def _number(request: web.Request, session: AsyncSession, person: Staff, call: Call | None, own: OwnCall | None) -> str:
    if call is None:
        return ""
    if call.direction == "out":
        return _("回访转人工") if call.data.get("purpose") == "callback" and call.state == CallState.QUEUED.value else _("打给市民")
    core = request.app[CORE]
    if await closed_conversations(core, session, person.actor, [call.conversation_id]):
        return _("保密来电")
    number = (await caller_numbers(core, session, [call])).get(call.id, "")
    if not number:
        return _("号码未显示")
    clear = own is not None and own.call.id == call.id and own.answered and may(person.actor, "private.during_call")
    return show_phone(number) if clear else mask_phone(number)


async def renewed(request: web.Request, person: Staff) -> web.Response:
    """The bar as it is after one of its keys, in its own place; the word about what went wrong before is taken away."""
    async with request.app[DATABASE].transaction() as session:
        values = await load_bar(request, session, person)
    return fragment(request, "console/_callbar_part.html", **values)


async def mine(session: AsyncSession, actor: Actor) -> tuple[Duty | None, Call | None]:
    """The person's state and the call that they have."""
    duty = await session.get(Duty, actor.user_id) if actor.user_id is not None else None
    call = await session.get(Call, duty.call_id) if duty is not None and duty.call_id is not None else None
    talking = call is not None and call.state == CallState.TALKING.value and call.data.get("agent_id") == actor.user_id
    return duty, call if talking else None


async def colleagues(session: AsyncSession, actor: Actor) -> list[User]:
    """Whom a caller can be handed to: on duty, with a telephone, not in a call."""
    free = (DutyState.READY.value, DutyState.WRAP_UP.value, DutyState.BREAK.value)
    statement = select(User).join(Duty, Duty.user_id == User.id).where(User.active, Duty.phone != "", Duty.state.in_(free))
    return list(await session.scalars(statement.where(User.id != (actor.user_id or 0)).order_by(User.staff_number).limit(200)))
