"""Screen pop (来电弹屏): what an agent's desk shows of their own call, from the first ring until the ticket is registered.

The page itself is `desk`; here is what it shows of one's own call, the form that fills itself, and what helps while somebody speaks.
Another person's call does not exist here (NotFound).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import receipt
from channels.console.pages import fragment
from channels.console.readings import readings
from channels.console.register import BLANK, DRAFT_FIELDS
from channels.console.session import Staff, require_may
from channels.console.tickets import active_categories
from channels.web.formats import mask_phone, show_phone
from channels.web.keys import CORE, DATABASE
from chatbot.registration import SURE_OF_CATEGORY, load_draft
from chatbot.understood import Understood, understand
from hotline.clock import to_city
from hotline.errors import NotFound
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person as private
from ticketing.context import Core
from ticketing.conversation.calls import caller_numbers
from ticketing.conversation.captions import captions
from ticketing.conversation.models import Author, Message
from ticketing.conversation.service import get_conversation, messages
from ticketing.people.models import Unit
from ticketing.people.permissions import may
from ticketing.queue.own_call import OwnCall, own_call
from ticketing.queue.service import tongue_name
from ticketing.suggestion.emergency import Alarm, alarm_in
from ticketing.suggestion.service import suggest
from ticketing.ticket import drafts
from ticketing.ticket.access import closed_conversations, visible
from ticketing.ticket.by_caller import Earlier, earlier_tickets
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Urgency

_FILLED = ("content", "address", "district", "occurred", "name", "phone", "kind", "urgency", "category_code", "reported_unit_id")
"""What the machine may fill in."""


@dataclass(frozen=True)
class Pop:
    """What the desk shows of one's own call."""

    own: OwnCall
    number: str
    """Masked until the call was answered."""
    said: list[Message]
    earlier: list[Earlier]
    registered: list[tuple[Ticket, str]]
    """Tickets that came of this call, with the query code where it was registered a moment ago by this person."""
    done: bool
    """This person has registered it: the form is gone, so that the same key pressed again does not register it again."""
    tongue: str
    """Language or dialect that the caller wishes to speak; empty: Mandarin."""


async def load_pop(request: web.Request, session: AsyncSession, person: Staff) -> Pop | None:
    """The person's own call with all that the desk shows of it; None when there is none, or a secret ticket closes it."""
    core = request.app[CORE]
    own = await own_call(core, session, person.actor)
    if own is None or await closed_conversations(core, session, person.actor, [own.call.conversation_id]):
        return None
    number = (await caller_numbers(core, session, [own.call])).get(own.call.id, "")
    clear = own.answered and may(person.actor, "private.during_call")
    shown = (show_phone(number) if clear else mask_phone(number)) if number else _("号码未显示")
    made = select(Ticket).where(Ticket.conversation_id == own.call.conversation_id, visible(core, person.actor)).order_by(Ticket.id)
    tickets = list(await session.scalars(made))
    return Pop(
        own,
        shown,
        await messages(session, own.call.conversation_id),
        await earlier_tickets(core, session, person.actor, own),
        [(ticket, receipt.read(request, ticket.number)) for ticket in tickets],
        any(ticket.created_by_id == person.user.id for ticket in tickets),
        await tongue_name(session, own.call.id),
    )


async def show_form(request: web.Request) -> web.StreamResponse:
    """GET /console/calls/{id}/form: the form for this call; what the agent has touched is as they left it, the rest is the machine's."""
    person, core = require_may(request, "ticket.register"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        own = await _answered(request, session, person)
        machine = await machine_fields(core, session, person, own)
        kept = await drafts.of_conversation(core, session, person.actor, own.call.conversation_id)
        fields = kept.fields if kept else {}
        touched = {name for name in fields.get("touched", "").split(",") if name in DRAFT_FIELDS}
        values: dict[str, Any] = {
            "call": own.call,
            "entered": {**BLANK, **machine, **{name: fields.get(name, "") for name in touched}},
            "touched": touched,
            "machine": machine.keys() - touched,
            "submission": str(uuid4()),
            "categories": await active_categories(session),
            "units": list(await session.scalars(select(Unit).where(Unit.active, Unit.level > 1).order_by(Unit.level, Unit.id))),
        }
    return fragment(request, "console/_pop_form.html", **values)


async def show_fields(request: web.Request) -> web.StreamResponse:
    """GET /console/calls/{id}/fields: what the machine would write into the form now, by name of the field; JSON."""
    person = require_may(request, "ticket.register")
    async with request.app[DATABASE].transaction() as session:
        own = await _answered(request, session, person)
        found = await machine_fields(request.app[CORE], session, person, own)
    return web.json_response(found, headers={"Cache-Control": "no-store"})


async def save_draft(request: web.Request) -> web.StreamResponse:
    """POST /console/calls/{id}/draft: keep the form as it stands, while it is written; one draft a call and person."""
    person, core = require_may(request, "ticket.register"), request.app[CORE]
    form = {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}
    async with request.app[DATABASE].transaction() as session:
        own = await _answered(request, session, person)
        source = own.call.conversation_id
        await drafts.one_at_a_time(session, person.actor, source)
        if await _registered(session, person, source):
            return web.Response(status=204)  # the page was still saving when the key was pressed
        before = await drafts.of_conversation(core, session, person.actor, source)
        fields = {name: value for name, value in form.items() if name in DRAFT_FIELDS}
        fields["touched"] = ",".join(sorted(set(form.get("touched", "").split(",")) & DRAFT_FIELDS))
        draft_id = before.id if before else None
        await drafts.save(core, session, person.actor, fields, draft_id=draft_id, conversation_id=source)
    return web.Response(text=_("已暂存 {time}").format(time=f"{to_city(core.clock.now()):%H:%M:%S}"))


async def _registered(session: AsyncSession, person: Staff, conversation_id: UUID) -> bool:
    mine = select(Ticket.id).where(Ticket.conversation_id == conversation_id, Ticket.created_by_id == person.user.id)
    return await session.scalar(mine.limit(1)) is not None


async def show_hints(request: web.Request) -> web.StreamResponse:
    """GET /console/calls/{id}/hints: danger in what is said, and articles for it."""
    person, core = require_may(request, "desk.answer"), request.app[CORE]
    async with request.app[DATABASE].transaction() as session:
        own = await _own(request, session, person)
        speaking = [caption.text for caption in await captions(core, session, own.call.id) if caption.speaker == "citizen"]
        said = [*await _citizens_words(session, own.call.conversation_id), *speaking]
        conversation = await get_conversation(session, own.call.conversation_id)
        found = await readings(core, session, conversation, said)
    return fragment(request, "console/_pop_hints.html", call=own.call, alarm=_alarm(said), readings=found, said=bool(said))


def _alarm(said: list[str]) -> Alarm | None:
    """The newest danger: it is shown as long as the call is, since help may be on its way."""
    return next((alarm for text in reversed(said) if (alarm := alarm_in(text))), None)


async def machine_fields(core: Core, session: AsyncSession, person: Staff, own: OwnCall) -> dict[str, str]:
    """What the machine makes of the call so far, by name of the form's field; fields that it knows nothing about are missing."""
    conversation = await get_conversation(session, own.call.conversation_id)
    said = await _citizens_words(session, conversation.id)
    told = understand(load_draft(core, conversation), said)
    found = {
        "content": told.content,
        "address": told.address,
        "district": told.district,
        "occurred": told.occurred,
        "name": told.name,
        "phone": told.phone,
        **await _contact(core, session, person, own, told),
        **await _classified(core, session, told, own.call.called, _alarm(said)),
    }
    return {name: found[name] for name in _FILLED if found.get(name)}


async def _contact(core: Core, session: AsyncSession, person: Staff, own: OwnCall, told: Understood) -> dict[str, str]:
    """Name and number as they are known of this caller; what they said in this call is newer."""
    if own.call.citizen_id is None or not may(person.actor, "private.during_call"):
        return {}
    known = private(core, await session.get(Citizen, own.call.citizen_id), masked=False)
    return {"name": told.name or known.name, "phone": told.phone or known.phone}


async def _classified(core: Core, session: AsyncSession, told: Understood, line: str, alarm: Alarm | None) -> dict[str, str]:
    if not told.content:
        return {}
    proposal = await suggest(core, session, told.content, address=told.address, channel="phone", line=line)
    sure = proposal.category if proposal.category and proposal.category.confidence >= SURE_OF_CATEGORY else None
    reported = await session.scalar(select(Unit.id).where(Unit.code == proposal.reported)) if proposal.reported else None
    return {
        "kind": proposal.kind.value,
        # each sentence by itself: «yesterday» in the first one must not soften the gas of the last one
        "urgency": Urgency.EMERGENCY.value if alarm else proposal.urgency.value,
        "category_code": sure.code if sure else "",
        "reported_unit_id": str(reported or ""),
    }


async def _citizens_words(session: AsyncSession, conversation_id: UUID) -> list[str]:
    said = select(Message.text).where(Message.conversation_id == conversation_id, Message.author == Author.CITIZEN.value)
    return list(await session.scalars(said.order_by(Message.id)))


async def _own(request: web.Request, session: AsyncSession, person: Staff) -> OwnCall:
    own = await own_call(request.app[CORE], session, person.actor)
    if own is None or str(own.call.id) != request.match_info["id"].lower():
        raise NotFound(_("没有找到这通电话"))
    if await closed_conversations(request.app[CORE], session, person.actor, [own.call.conversation_id]):
        raise NotFound(_("没有找到这通电话"))
    return own


async def _answered(request: web.Request, session: AsyncSession, person: Staff) -> OwnCall:
    own = await _own(request, session, person)
    if not own.answered:
        raise NotFound(_("接听以后才能登记"))
    return own
