"""Registering a ticket by an agent: from nothing, from a call, or from a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.console import receipt
from channels.console.pages import fragment, page, see_other
from channels.console.session import Staff, require_may
from channels.console.tickets import active_categories
from channels.web.files import read_uploads, store
from channels.web.inputs import whole_number
from channels.web.keys import CORE, DATABASE, SETTINGS
from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from ticketing.callback import rules
from ticketing.callback.models import ReturnCall
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person as private
from ticketing.context import Core
from ticketing.conversation.models import Author, Call, Conversation, Owner
from ticketing.conversation.service import messages
from ticketing.people.models import Role, Unit, User
from ticketing.queue.own_call import hidden_calls, writes_up
from ticketing.suggestion.emergency import alarm_in
from ticketing.suggestion.service import Suggestion, suggest
from ticketing.suggestion.similar import Similar, similar_open
from ticketing.ticket import drafts
from ticketing.ticket.access import closed_conversations, sees_conversation, visible
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, Kind, Urgency
from ticketing.ticket.steps import tell

DRAFT_FIELDS = frozenset(
    {
        "kind", "urgency", "confidentiality", "title", "content", "category_code", "occurred", "district", "address", "name", "phone",
        "id_number", "anonymous", "contact_by", "preferred_time", "reported_unit_id",
    }
)  # fmt: skip
"""What of the form is kept in a draft. Files and the people named on a secret ticket are chosen when it is registered."""
BLANK = {
    "kind": "complaint",
    "urgency": "normal",
    "confidentiality": "masked",
    "contact_by": "phone",
}
"""An empty form."""


async def show_form(request: web.Request) -> web.StreamResponse:
    """GET /console/tickets/new?conversation=…: an empty form, or what the machine understood of a call or chat.

    With `draft=…`: a form that was saved unfinished.
    """
    person = require_may(request, "ticket.register")
    async with request.app[DATABASE].transaction() as session:
        draft_id = _uuid(request.query.get("draft", ""))
        if draft_id is not None:
            entered, conversation = await opened_draft(request, session, person, draft_id)
            return await _respond(request, session, person, {**BLANK, **entered}, conversation=conversation)
        conversation = await _conversation(request.app[CORE], session, person, request.query.get("conversation", ""))
        entered = {**BLANK, **(await _from_conversation(request, session, person, conversation) if conversation else {})}
        return await _respond(request, session, person, entered, conversation=conversation)


async def _respond(
    request: web.Request,
    session: AsyncSession,
    person: Staff,
    entered: Mapping[str, str],
    *,
    conversation: Conversation | None = None,
    errors: dict[str, str] | None = None,
    chosen: list[str] | None = None,
) -> web.Response:
    text = f"{entered.get('title', '')} {entered.get('content', '')}".strip()
    said = await messages(session, conversation.id) if conversation else []
    return page(
        request,
        "console/new.html",
        nav="new",
        status=422 if errors else 200,
        entered=entered,
        errors=errors or {},
        conversation=conversation,
        said=said,
        categories=await active_categories(session),
        proposal=await _propose(request, session, entered, conversation) if text else None,
        similar=await _alike(request, session, person, entered) if text else [],
        units=list(await session.scalars(select(Unit).where(Unit.active, Unit.level > 1).order_by(Unit.level, Unit.id))),
        handlers=await _handlers(session),
        chosen=chosen or [],
        call_windows=rules.load().windows,
        submission=entered.get("submission") or str(uuid4()),
        drafts=[draft for draft in await drafts.mine(request.app[CORE], session, person.actor) if str(draft.id) != entered.get("draft")],
    )


async def _conversation(core: Core, session: AsyncSession, person: Staff, text: str) -> Conversation | None:
    """The call or chat that the ticket comes out of. Anything that is not open to this person does not exist (NotFound)."""
    if not text:
        return None
    try:
        found = await session.get(Conversation, UUID(text))
    except ValueError:
        found = None
    if found is None or person.role is Role.CALLBACK or not await _may_register(core, session, person, found):
        raise NotFound(_("没有找到这个会话"))
    return found


async def _may_register(core: Core, session: AsyncSession, person: Staff, conversation: Conversation) -> bool:
    """A live contact, or an ended call that is to be returned; never one out of which came a ticket that is hidden from this person."""
    if await _is_live(core, session, person, conversation):
        # a chat may live for days: its earlier tickets are no secret to who serves it now, only secret ones are
        return not await closed_conversations(core, session, person.actor, [conversation.id])
    owed = (
        select(ReturnCall.id)
        .join(Call, Call.id == ReturnCall.call_id)
        .join(Ticket, Ticket.id == ReturnCall.ticket_id)
        .where(Call.conversation_id == conversation.id, ReturnCall.state == "open", visible(core, person.actor))
    )
    return bool(await session.scalar(owed.limit(1))) and await sees_conversation(core, session, person.actor, conversation.id)


async def _is_live(core: Core, session: AsyncSession, person: Staff, conversation: Conversation) -> bool:
    if conversation.channel == "phone":
        call = (await session.scalars(select(Call).where(Call.conversation_id == conversation.id).limit(1))).first()
        if call is None or call.ended_at is not None:
            return call is not None and writes_up(person.actor, call, core.clock.now())
        return not await hidden_calls(session, person.actor, [call])
    if conversation.owner == Owner.HUMAN.value:
        return conversation.agent_id == person.user.id or person.role is Role.SUPERVISOR
    return conversation.owner == Owner.QUEUE.value or (conversation.owner == Owner.BOT.value and person.role is Role.SUPERVISOR)


async def _from_conversation(request: web.Request, session: AsyncSession, person: Staff, conversation: Conversation) -> dict[str, str]:
    """What the machine has understood so far; violet on the page until somebody touches it."""
    draft: dict[str, Any] = conversation.draft or {}
    said = [message.text for message in await messages(session, conversation.id) if message.author == Author.CITIZEN.value]
    found = {
        "content": str(draft.get("content") or "\n".join(said))[:5000],
        "address": str(draft.get("address") or ""),
        "occurred": str(draft.get("occurred") or ""),
        "name": str(draft.get("name") or ""),
    }
    if conversation.citizen_id and person.role is Role.AGENT:
        known = private(request.app[CORE], await session.get(Citizen, conversation.citizen_id), masked=False)
        if (known.name or known.phone) and conversation.agent_id != person.user.id:
            await _leave_trace(request.app[CORE], session, person, conversation)
        found |= {"name": known.name or found["name"], "phone": known.phone}
    return {key: value for key, value in found.items() if value}


async def _leave_trace(core: Core, session: AsyncSession, person: Staff, conversation: Conversation) -> None:
    """Name and number were shown in clear to somebody who does not serve this citizen: that stands in the audit log."""
    data = {"reason": _("登记工单")}
    await record(
        session,
        at=core.clock.now(),
        name="view.revealed",
        subject="conversation",
        subject_id=conversation.id,
        who=person.actor.who,
        data=data,
    )
    ticket = await session.get(Ticket, conversation.ticket_id) if conversation.ticket_id else None
    if ticket is not None:
        await tell(core, session, person.actor, ticket, "view.revealed", data)


async def _propose(
    request: web.Request, session: AsyncSession, entered: Mapping[str, str], conversation: Conversation | None = None
) -> Suggestion:
    """What the machine makes of the text in the form."""
    text = f"{entered.get('title', '')} {entered.get('content', '')}"[:5000]
    channel = conversation.channel if conversation else None
    return await suggest(request.app[CORE], session, text, address=entered.get("address", "")[:300], channel=channel)


async def suggest_category(request: web.Request) -> web.StreamResponse:
    """POST /console/suggest: chips under the category while the content is typed."""
    person = require_may(request, "ticket.register")
    form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    if not form.get("content", "").strip():
        return fragment(request, "console/_suggestions.html", proposal=None)
    async with request.app[DATABASE].transaction() as session:
        proposal = await _propose(request, session, form)
        return fragment(request, "console/_suggestions.html", proposal=proposal, similar=await _alike(request, session, person, form))


async def _alike(request: web.Request, session: AsyncSession, person: Staff, entered: Mapping[str, str]) -> list[Similar]:
    """Open tickets that this may be about, of those that this person sees."""
    place = entered.get("address", "")[:300]
    return await similar_open(request.app[CORE], session, person.actor, entered.get("content", "")[:5000], place)


async def create(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/new. The same form twice gives the same ticket."""
    person, core = require_may(request, "ticket.register"), request.app[CORE]
    data = await request.post()
    form = {name: value.strip() for name, value in data.items() if isinstance(value, str)}
    try:
        uploads = await read_uploads(request)
        async with request.app[DATABASE].transaction() as session:
            known = await _already(session, person, form.get("submission", ""))
            if known:
                return see_other(request, f"/console/tickets/{known}", "registered")
            conversation = await _conversation(core, session, person, form.get("conversation", ""))
            if conversation is not None:
                await drafts.one_at_a_time(session, person.actor, conversation.id)
            named = await _named(session, person, form, [str(value) for value in data.getall("named", [])])
            await _check_reported(session, form)
            _ask_about_danger(form)
            made = await register(core, session, person.actor, _appeal(form, conversation, named))
            if (draft_id := _uuid(form.get("draft", ""))) is not None:
                await drafts.drop(session, person.actor, draft_id)
            if conversation is not None:
                await drafts.drop_of_conversation(session, person.actor, conversation.id)
            for upload in uploads:
                await store(
                    core,
                    request.app[SETTINGS],
                    session,
                    body=upload.body,
                    file_name=upload.file_name,
                    from_citizen=False,
                    ticket_id=made.ticket.id,
                )
    except (InvalidInput, IllegalStep) as problem:  # refused, but what was typed stays
        async with request.app[DATABASE].transaction() as session:
            conversation = await _conversation(core, session, person, form.get("conversation", ""))
            errors = (problem.errors if isinstance(problem, InvalidInput) else {}) or {"content": str(problem)}
            chosen = [str(value) for value in data.getall("named", [])]
            return await _respond(request, session, person, form, conversation=conversation, errors=errors, chosen=chosen)
    response = see_other(request, "/console/desk" if form.get("back") == "desk" else f"/console/tickets/{made.ticket.number}", "registered")
    receipt.write(request, response, made.ticket.number, made.query_code)
    return response


def _ask_about_danger(form: dict[str, str]) -> None:
    """Words of danger under an urgency that nobody raised: asked once, since the form begins with 一般. Then the person's word holds.

    `danger_judged` keeps what was asked about, so that another danger is asked about again. Raises InvalidInput.
    """
    if form.get("urgency") == Urgency.EMERGENCY.value:
        return
    alarm = alarm_in(f"{form.get('title', '')}。{form.get('content', '')}")
    if alarm is None or form.get("danger_judged") == alarm.told:
        return
    form["danger_judged"] = alarm.told
    raise InvalidInput(_("内容里有危险：{words}。正在发生的请选特急；核实过没有危险的，再登记一次"), field="urgency", words=alarm.told)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def opened_draft(
    request: web.Request, session: AsyncSession, person: Staff, draft_id: UUID
) -> tuple[dict[str, str], Conversation | None]:
    """The fields of a draft, and the call or chat that it came from as long as that is still open to this person."""
    draft = await drafts.access_draft(request.app[CORE], session, person.actor, draft_id)
    entered = {**draft.fields, "draft": str(draft.id)}
    if draft.conversation_id is None:
        return entered, None
    try:
        return entered, await _conversation(request.app[CORE], session, person, str(draft.conversation_id))
    except NotFound:  # the call is over: what was written down goes on as a form of its own
        return entered, None


async def save_draft(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/drafts: the form as it stands, without checking that it is complete."""
    person, core = require_may(request, "ticket.register"), request.app[CORE]
    form = {name: value.strip() for name, value in (await request.post()).items() if isinstance(value, str)}
    fields = {name: value for name, value in form.items() if name in DRAFT_FIELDS}
    async with request.app[DATABASE].transaction() as session:
        conversation = await _conversation(core, session, person, form.get("conversation", ""))
        source = conversation.id if conversation else None
        try:
            await drafts.save(core, session, person.actor, fields, draft_id=_uuid(form.get("draft", "")), conversation_id=source)
        except InvalidInput as problem:
            errors = problem.errors or {"content": str(problem)}
            return await _respond(request, session, person, form, conversation=conversation, errors=errors)
    return see_other(request, "/console/tickets/new", "draft_saved")


async def drop_draft(request: web.Request) -> web.StreamResponse:
    """POST /console/tickets/drafts/{id}/drop."""
    person = require_may(request, "ticket.register")
    async with request.app[DATABASE].transaction() as session:
        await drafts.drop(session, person.actor, UUID(request.match_info["id"]))
    return see_other(request, "/console/tickets/new", "draft_dropped")


async def _already(session: AsyncSession, person: Staff, submission: str) -> str | None:
    """The ticket of this submission, if the button was pressed twice."""
    if not submission:
        return None
    key = func.hashtextextended(f"submission:{submission}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))  # two posts at once: the second waits and finds the first's ticket
    same = select(Ticket.number).where(Ticket.created_by_id == person.user.id, Ticket.extra["submission"].astext == submission)
    return await session.scalar(same.limit(1))


async def _check_reported(session: AsyncSession, form: Mapping[str, str]) -> None:
    number = whole_number(form.get("reported_unit_id"))
    if form.get("reported_unit_id") and (number is None or await session.get(Unit, number) is None):
        raise InvalidInput(_("请选择被反映单位"), field="reported_unit_id")


async def _handlers(session: AsyncSession) -> list[User]:
    """People of the centre who may be named on a secret ticket."""
    roles = (Role.DISPATCHER.value, Role.SUPERVISOR.value)
    return list(await session.scalars(select(User).where(User.role.in_(roles), User.active).order_by(User.role, User.id)))


async def _named(session: AsyncSession, person: Staff, form: Mapping[str, str], wanted: list[str]) -> tuple[int, ...]:
    """Who may see a secret ticket besides the receiver; without a dispatcher or supervisor it could never be handled."""
    if form.get("confidentiality") != Confidentiality.SECRET.value:
        return ()
    chosen = [user.id for user in await _handlers(session) if str(user.id) in wanted]
    if not chosen and person.role not in (Role.DISPATCHER, Role.SUPERVISOR):
        raise InvalidInput(_("保密件要指定由哪位派单员或督办处理"), field="named")
    return tuple(dict.fromkeys((person.user.id, *chosen)))


_CHANNELS = {"phone": Channel.PHONE, "wechat": Channel.WECHAT, "web": Channel.WEB, "sms": Channel.SMS}


def _appeal(form: Mapping[str, str], conversation: Conversation | None, named: tuple[int, ...]) -> Appeal:
    errors = {}
    for name, kind, words in (
        ("kind", Kind, _("请选择诉求类型")),
        ("urgency", Urgency, _("请选择紧急程度")),
        ("confidentiality", Confidentiality, _("请选择公开程度")),
    ):
        if form.get(name) not in {item.value for item in kind}:
            errors[name] = words
    anonymous = form.get("anonymous") == "yes"
    if not anonymous and not form.get("phone") and not (conversation and conversation.citizen_id):
        errors["phone"] = _("请填写回复电话；市民不愿留的，勾选匿名")
    if errors:
        raise InvalidInput(errors=errors)
    return Appeal(
        channel=_CHANNELS[conversation.channel] if conversation else Channel.STAFF,
        kind=Kind(form["kind"]),
        urgency=Urgency(form["urgency"]),
        confidentiality=Confidentiality(form["confidentiality"]),
        title=form.get("title", ""),
        content=form.get("content", "").replace("\r\n", "\n"),
        category_code=form.get("category_code") or None,
        occurred=form.get("occurred", ""),
        district=form.get("district", ""),
        address=form.get("address", ""),
        name="" if anonymous else form.get("name", ""),
        phone="" if anonymous else form.get("phone", ""),
        id_number="" if anonymous else form.get("id_number", ""),
        anonymous=anonymous,
        contact_by="none" if anonymous else form.get("contact_by", "phone"),
        preferred_time="" if anonymous else window.key if (window := rules.load().window(form.get("preferred_time", ""))) else "",
        citizen_id=conversation.citizen_id if conversation and not anonymous else None,
        conversation_id=conversation.id if conversation else None,
        reported_unit_id=whole_number(form.get("reported_unit_id")),
        named_user_ids=named,
        extra={"submission": form.get("submission", "")[:60]},
    )
