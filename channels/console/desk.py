"""The agent's first page: calls that go on, what is said in them, and callers who were promised a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console.callbar import load_bar
from channels.console.handed import load_handed
from channels.console.idle import load_idle
from channels.console.missed import load_missed
from channels.console.pages import fragment, page
from channels.console.pop import load_pop
from channels.console.session import require_may
from channels.web.formats import mask_phone, show_phone
from channels.web.keys import CORE, DATABASE
from channels.web.templating import is_fragment
from hotline.i18n import _
from ticketing.call_flow import versions
from ticketing.callback import taken
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers, live_calls
from ticketing.conversation.models import Author, Call, CallState, Message
from ticketing.conversation.service import messages
from ticketing.people.actor import Actor
from ticketing.people.lines import calls_of
from ticketing.people.models import User
from ticketing.people.permissions import may
from ticketing.queue.own_call import has, hidden_calls
from ticketing.ticket.access import closed_conversations


@dataclass(frozen=True)
class LiveCall:
    """One call that goes on."""

    call: Call
    number: str
    waiting: bool
    seconds: int
    """How long it has waited, or has gone on."""
    last: str
    """The last thing the caller said."""
    agent: str
    """Who talks with the caller; empty: the assistant, or nobody yet."""
    closed: bool
    """A secret ticket came of it that this person may not see: neither number nor words are shown."""
    elsewhere: bool = False
    """It rings for another agent, or another one speaks: its words are not shown."""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/desk?call=…: the calls, one transcript, the return calls."""
    person = require_may(request, "desk.answer")
    core = request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        calls = await _live(core, session, person.actor)
        bar = await load_bar(request, session, person)
        my_call = bar["bar"].call
        pop = await load_pop(request, session, person)
        handed = None if pop else await load_handed(core, session, person)
        # after the call, who calls back anyhow finds the task on the callback desk
        shows_task = handed is not None or not may(person.actor, "callback.visit")
        in_hand = await taken.in_hand(core, session, person.actor) if shows_task and not pop else None
        mine = my_call or (handed.call if handed else None)
        chosen = _choose(calls, request.query.get("call", "") or str(mine.id if mine else ""))
        said = await messages(session, chosen.call.conversation_id) if chosen and not chosen.closed and not chosen.elsewhere else []
        prompts = (await versions.current(session)).prompts
        missed = await load_missed(core, session, person.actor)
        idle = {} if pop else await load_idle(request, session, person)
    waiting = [item for item in calls if item.waiting]
    values: dict[str, Any] = {"calls": calls, "chosen": chosen, "said": said, **missed, **idle, "waiting": waiting}
    values |= {
        "pop": pop,
        "handed": handed,
        "in_hand": in_hand,
        **bar,
        "part": is_fragment(request),
        "prompts": prompts.of(person.user.staff_number) if prompts else None,
    }
    if is_fragment(request) and request.query.get("part") == "colleagues":
        return fragment(request, "console/_colleagues.html", **values)
    if is_fragment(request) and request.query.get("part"):
        return fragment(request, "console/_desk.html", **values)
    return page(request, "console/desk.html", nav="desk", **values)


def _choose(calls: list[LiveCall], wanted: str) -> LiveCall | None:
    return next((item for item in calls if str(item.call.id) == wanted), calls[0] if calls else None)


async def _live(core: Core, session: AsyncSession, actor: Actor) -> list[LiveCall]:
    """Waiting ones first, longest first. The number is in clear only for the agent who speaks with the caller (4b)."""
    now = core.clock.now()
    calls = await live_calls(session, calls_of(actor))
    last = await last_words(session, [call.conversation_id for call in calls])
    numbers = await caller_numbers(core, session, calls)
    closed = await closed_conversations(core, session, actor, [call.conversation_id for call in calls])
    hidden = await hidden_calls(session, actor, calls)
    agents = {
        user.id: user.name for user in await session.scalars(select(User).where(User.id.in_([c.data.get("agent_id", 0) for c in calls])))
    }
    found = []
    for call in calls:
        number = numbers.get(call.id, "")
        spoken_with = call.state == CallState.TALKING.value and has(actor, call) and may(actor, "private.during_call")
        shown = (show_phone(number) if spoken_with else mask_phone(number)) if number else _("号码未显示")
        waiting = call.state == CallState.QUEUED.value
        agent = agents.get(call.data.get("agent_id", 0), "") if call.state == CallState.TALKING.value else ""
        since = call.queued_at if waiting and call.queued_at else call.started_at
        seconds = max(0, int((now - since).total_seconds()))
        if call.direction == "out":
            shown, agent = _("呼出"), agents.get(call.data.get("agent_id", 0), "")
        if call.conversation_id in closed:
            found.append(LiveCall(call, _("保密来电"), waiting, seconds, _("保密，只有指定的人能看"), agent, True))
        else:
            elsewhere = call.id in hidden
            words = _("正在由坐席接听") if elsewhere else last.get(call.conversation_id, "")
            found.append(LiveCall(call, shown, waiting, seconds, words, agent, False, elsewhere))
    return sorted(found, key=lambda item: (not item.waiting, -item.seconds))


async def last_words(session: AsyncSession, conversations: list[UUID]) -> dict[UUID, str]:
    """What each citizen said last."""
    newest = (
        select(func.max(Message.id))
        .where(Message.conversation_id.in_(conversations), Message.author == Author.CITIZEN.value)
        .group_by(Message.conversation_id)
    )
    rows = await session.execute(select(Message.conversation_id, Message.text).where(Message.id.in_(newest)))
    return {row.conversation_id: row.text for row in rows}
