"""Registering a ticket. Every channel calls `register`; what happens afterwards stands in `steps` and the other nouns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.errors import IllegalStep, InvalidInput
from hotline.i18n import _
from hotline.security import hash_query_code, new_query_code
from hotline.together import next_number, put, together
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import add_contact, by_contact, normalise_id_number, normalise_phone, set_id_number, valid_id_number
from ticketing.context import Core
from ticketing.conversation.models import Conversation, Owner
from ticketing.deadline.models import Deadline
from ticketing.deadline.service import plan_dispatch_clock
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.notice.service import city_words
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.lines import is_off, line_of_call
from ticketing.plain_text import plain
from ticketing.secrecy import FLAG, is_secret, refuse_secret
from ticketing.suggestion import similar
from ticketing.suggestion.emergency import alarm_in
from ticketing.supervision import emergencies, sensitive
from ticketing.taxonomy.models import Category
from ticketing.ticket import workflow_versions
from ticketing.ticket.area import fault_of_area, with_area
from ticketing.ticket.danger import EVENT as DANGER_HEARD
from ticketing.ticket.danger import danger_of
from ticketing.ticket.models import NUMBER_SEQUENCE, Attachment, Ticket
from ticketing.ticket.states import Channel, Confidentiality, HandlingKind, Kind, Source, TicketState, Urgency
from ticketing.ticket.steps import tell

MIN_CONTENT, MAX_CONTENT = 2, 5000
MAX_LENGTHS = {
    "title": 60,
    "name": 50,
    "occurred": 200,
    "district": 50,
    "street": 50,
    "community": 50,
    "address": 300,
    "concerned": 100,
    "preferred_time": 30,
}
"""Longest texts in characters. Nothing is cut off unseen: a channel with machine-made values shortens them itself."""
MAX_TAGS, MAX_TAG = 10, 20
FILES_BELONG_FOR = timedelta(days=1)
"""Files that came in a conversation up to this long before the appeal belong to it."""
CONTACT_WAYS = ("phone", "sms", "wechat", "none")


@dataclass(frozen=True)
class Appeal:
    """What a citizen brings, from whatever channel."""

    channel: Channel
    content: str
    kind: Kind = Kind.COMPLAINT
    title: str = ""
    """Made from the content when empty."""
    category_code: str | None = None
    urgency: Urgency | None = None
    """By the words when nobody has said it: 特急 for a danger that is going on."""
    confidentiality: Confidentiality = Confidentiality.MASKED
    occurred: str = ""
    district: str = ""
    """The area: a district, 全市 or 不详. Found by the place when empty; staff must say it otherwise (T1)."""
    address: str = ""
    longitude: float | None = None
    latitude: float | None = None
    name: str = ""
    phone: str = ""
    id_number: str = ""
    """居民身份证号, only where the matter needs it; sealed, shown masked, opened with a reason."""
    anonymous: bool = False
    contact_by: str = "phone"
    citizen_id: int | None = None
    """When the channel knows who it is (caller's number, openid)."""
    conversation_id: UUID | None = None
    reported_unit_id: int | None = None
    source: Source = Source.CITIZEN
    handling_kind: HandlingKind = HandlingKind.PROMISED
    street: str = ""
    community: str = ""
    tags: tuple[str, ...] = ()
    concerned: str = ""
    """What or whom it is about: a company, a shop, a car's number."""
    amount_yuan: Decimal | None = None
    preferred_time: str = ""
    """Key of a callback window, such as `evening`; empty for any time."""
    named_user_ids: tuple[int, ...] = ()
    """Staff who may see a secret ticket."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """A new ticket. The query code exists in clear only here."""

    ticket: Ticket
    query_code: str
    clock: Deadline
    """The centre's clock until dispatch."""
    citizen: Citizen | None = None


async def register(core: Core, session: AsyncSession, actor: Actor, appeal: Appeal) -> Registered:
    """T1: make the ticket with its number, query code and dispatch clock.

    Raises InvalidInput naming every field that is wrong, IllegalStep for people of a line that is off; nothing is written then.
    """
    danger = await danger_of(session, appeal.conversation_id) if appeal.channel is Channel.PHONE else None
    appeal = _with_urgency(with_area(keep_secrets_out(core, readable(appeal))), heard=danger is not None and actor.user_id is None)
    await _check(session, actor, appeal)
    transition = (await workflow_versions.current(session)).step(TicketState.DRAFT, "register", actor)
    line = await _line(core, session, actor, appeal)
    known = await _known_citizen(core, session, appeal)
    async with together(session, NUMBER_SEQUENCE, Citizen, Ticket, Deadline, Notice, NoticeDelivery):
        citizen, query_code = known or await _new_citizen(core, session, appeal), new_query_code()
        ticket = _ticket_of(appeal, core.clock.now())
        ticket.number, ticket.line, ticket.state = await _next_number(core, session, line), line, transition.target.value
        ticket.query_code_hash, ticket.created_by_id = hash_query_code(query_code, core.secret), actor.user_id
        ticket.citizen_id = citizen.id if citizen else None
        clock = await plan_dispatch_clock(core, session, ticket)
        # as the database would find it: written once instead of twice
        ticket.next_due_at, ticket.next_white_at, ticket.next_yellow_at = clock.due_at, clock.white_at, clock.yellow_at or clock.due_at
        await put(session, ticket)
        clock.ticket_id = ticket.id
        await put(session, clock)
        await put(session, similar.signature(ticket))
        data = {"channel": ticket.channel, "kind": ticket.kind}
        told = {"query_code": query_code, "deadline": city_words(clock.due_at)}
        await tell(core, session, actor, ticket, transition.event, data, public=transition.public, told=told)
    await sensitive.flag(core, session, ticket)
    await emergencies.alert(core, session, ticket)
    if appeal.conversation_id:
        await _join_conversation(session, actor, ticket, appeal.conversation_id)
    if danger is not None:
        await tell(core, session, SYSTEM, ticket, DANGER_HEARD, danger)
    return Registered(ticket, query_code, clock, citizen)


def _with_urgency(appeal: Appeal, *, heard: bool) -> Appeal:
    """The smell of gas typed into a form on Friday evening does not wait for Monday's dispatcher.

    `heard`: danger was heard on the call and no person has judged it: whatever was made of the words, it is 特急.
    """
    if heard:
        return replace(appeal, urgency=Urgency.EMERGENCY)
    if appeal.urgency is not None:
        return appeal
    danger = alarm_in(f"{appeal.title}。{appeal.content}")
    return replace(appeal, urgency=Urgency.EMERGENCY if danger else Urgency.NORMAL)


def _ticket_of(appeal: Appeal, now: datetime) -> Ticket:
    """What the appeal says of the ticket; number, line, state, person and clock are still missing."""
    return Ticket(
        channel=appeal.channel.value,
        kind=appeal.kind.value,
        category_code=appeal.category_code,
        urgency=(appeal.urgency or Urgency.NORMAL).value,
        confidentiality=appeal.confidentiality.value,
        title=appeal.title.strip() or make_title(appeal.content, appeal.address),
        content=appeal.content.strip(),
        occurred=appeal.occurred.strip(),
        district=appeal.district.strip(),
        address=appeal.address.strip(),
        longitude=appeal.longitude,
        latitude=appeal.latitude,
        anonymous=appeal.anonymous,
        contact_by=appeal.contact_by,
        conversation_id=appeal.conversation_id,
        reported_unit_id=appeal.reported_unit_id,
        source=appeal.source.value,
        handling_kind=appeal.handling_kind.value,
        street=appeal.street.strip(),
        community=appeal.community.strip(),
        tags=[tag.strip() for tag in appeal.tags if tag.strip()],
        concerned=appeal.concerned.strip(),
        amount_yuan=appeal.amount_yuan,
        preferred_time=appeal.preferred_time,
        received_at=now,
        updated_at=now,
        extra={**appeal.extra, **({"named": list(appeal.named_user_ids)} if appeal.named_user_ids else {})},
    )


async def _join_conversation(session: AsyncSession, actor: Actor, ticket: Ticket, conversation_id: UUID) -> None:
    """The conversation leads to the ticket now, and files that came in it belong to the ticket."""
    conversation = await session.get(Conversation, conversation_id)
    over = conversation is not None and conversation.owner == Owner.CLOSED.value and conversation.ticket_id is not None
    if conversation is not None and not (over and actor.user_id):  # staff do not re-point what is over
        conversation.ticket_id = ticket.id
    loose = (Attachment.conversation_id == conversation_id) & Attachment.ticket_id.is_(None)
    lately = Attachment.created_at > ticket.received_at - FILES_BELONG_FOR
    await session.execute(update(Attachment).where(loose, lately).values(ticket_id=ticket.id))


def readable(appeal: Appeal) -> Appeal:
    """The same appeal without characters that hide or turn what stands in it, in every text that people read.

    Who leaves no contact is anonymous (T1: one contact, or anonymous): nobody can be told to speak with him.
    """
    found: dict[str, Any] = {name: plain(getattr(appeal, name)) for name in ("content", *MAX_LENGTHS)}
    nobody = appeal.citizen_id is None and not appeal.name.strip() and not appeal.phone.strip()
    return replace(appeal, **found, tags=tuple(map(plain, appeal.tags)), anonymous=appeal.anonymous or nobody)


def keep_secrets_out(core: Core, appeal: Appeal) -> Appeal:
    """I08: what carries a marking of secrecy is refused; a phone call's transcript is flagged, since the words are spoken.

    Raises SecretContent.
    """
    told = (appeal.content, appeal.title, appeal.address, appeal.occurred)
    if appeal.channel is not Channel.PHONE:
        refuse_secret(core, *told)
        return appeal
    return replace(appeal, extra={**appeal.extra, FLAG: True}) if is_secret(core, *told) else appeal


def make_title(content: str, address: str = "") -> str:
    """A title of at most 40 characters: the place, if it is not said in the content anyway, and the first sentence."""
    first = content.strip().replace("\n", " ")
    for mark in "。！？!?；;":
        first = first.split(mark, 1)[0]
    title = _with_place(address.strip(), first)
    return title if len(title) <= 40 else title[:39] + "…"


def _with_place(place: str, first: str) -> str:
    """The place before the sentence, nothing of it twice: «滨河路江畔花园» and «江畔花园工地» make «滨河路江畔花园工地»."""
    if not place or place in first:
        return first
    shared = next((length for length in range(min(len(place), len(first)), 1, -1) if place.endswith(first[:length])), 0)
    if shared:
        return place + first[shared:]
    says = any(place[start : start + 4] in first for start in range(len(place) - 3))
    return first if says else f"{place} {first}"


async def _line(core: Core, session: AsyncSession, actor: Actor, appeal: Appeal) -> str:
    """People of a sub-platform register for their line; else the number counts that was dialled; else it is the city's own line.

    Raises IllegalStep when the person's line was switched off: nothing new begins under its number.
    """
    if actor.line is not None and await is_off(session, actor.line):
        raise IllegalStep(_("{line}线路已经停用，不能再用它登记。请转给12345登记，或请管理员调整您的线路").format(line=actor.line))
    dialled = await line_of_call(session, appeal.conversation_id) if appeal.conversation_id and appeal.channel is Channel.PHONE else None
    return actor.line or dialled or core.line


async def _next_number(core: Core, session: AsyncSession, line: str) -> str:
    return f"{line}-{to_city(core.clock.now()):%Y%m%d}-{await next_number(session, NUMBER_SEQUENCE) % 100_000:05d}"


async def _known_citizen(core: Core, session: AsyncSession, appeal: Appeal) -> Citizen | None:
    """The person whom the channel knows already. What was known is never overwritten."""
    if appeal.citizen_id is None:
        return None
    citizen = await session.get_one(Citizen, appeal.citizen_id)
    await add_contact(core, session, citizen, name=appeal.name, phone=appeal.phone)
    if appeal.id_number.strip() and not citizen.id_number_sealed:
        await set_id_number(core, session, citizen, appeal.id_number)
    return citizen


async def _new_citizen(core: Core, session: AsyncSession, appeal: Appeal) -> Citizen | None:
    if appeal.anonymous:
        return None
    citizen = await by_contact(core, session, name=appeal.name.strip(), phone=appeal.phone)
    if citizen is not None and appeal.id_number.strip():
        await set_id_number(core, session, citizen, appeal.id_number)
    return citizen


async def _check(session: AsyncSession, actor: Actor, appeal: Appeal) -> None:
    errors: dict[str, str] = {}
    content = appeal.content.strip()
    if len(content) < MIN_CONTENT:
        errors["content"] = _("请说一说是什么事，至少两个字")
    elif len(content) > MAX_CONTENT:
        errors["content"] = _("内容太长，请控制在{limit}字以内").format(limit=MAX_CONTENT)
    if "\0" in "".join((content, *appeal.tags, *(getattr(appeal, name) for name in MAX_LENGTHS))):
        errors["content"] = _("内容里有不能保存的字符，请重新输入")
    if appeal.phone.strip() and normalise_phone(appeal.phone) is None:
        errors["phone"] = _("手机号应为11位数字，固定电话请加区号")
    if appeal.id_number.strip() and not valid_id_number(normalise_id_number(appeal.id_number)):
        errors["id_number"] = _("身份证号应为18位，请核对")
    elif appeal.id_number.strip() and not (appeal.citizen_id or appeal.name.strip() or appeal.phone.strip()):
        errors["id_number"] = _("留身份证号的，请同时留下称呼或电话")
    if fault := fault_of_area(appeal, actor):
        errors["district"] = fault
    for name, limit in MAX_LENGTHS.items():
        if len(getattr(appeal, name).strip()) > limit:
            errors[name] = _("这里最多{limit}个字").format(limit=limit)
    if len(appeal.tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in appeal.tags):
        errors["tags"] = _("标签最多{n}个，每个最多{m}个字").format(n=MAX_TAGS, m=MAX_TAG)
    if appeal.amount_yuan is not None and not 0 <= appeal.amount_yuan < 10**12:
        errors["amount_yuan"] = _("金额应为不小于零的数")
    if appeal.contact_by not in CONTACT_WAYS:
        errors["contact_by"] = _("请选择怎么告诉您结果")
    if appeal.longitude is not None and not -180 <= appeal.longitude <= 180:
        errors["longitude"] = _("经度应在-180到180之间")
    if appeal.latitude is not None and not -90 <= appeal.latitude <= 90:
        errors["latitude"] = _("纬度应在-90到90之间")
    if appeal.category_code is not None and await session.get(Category, appeal.category_code) is None:
        errors["category_code"] = _("没有这个类别：{code}").format(code=appeal.category_code)
    if errors:
        raise InvalidInput(errors=errors)


__all__ = ["MAX_LENGTHS", "Appeal", "Registered", "make_title", "register"]
