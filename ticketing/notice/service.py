"""Telling a citizen something: one function, called for the events that seed/notices.yaml lists.

A notice is a row that the tracking page shows. It is also pushed by the way on which the citizen came, through the outbox
(`hotline.events.enqueue`): WeChat where the appeal came by WeChat, else SMS. An anonymous citizen, and one who wants no
contact, only finds it on the tracking page. Nothing here commits or sends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.clock import to_city
from hotline.events import enqueue
from hotline.i18n import DEFAULT_LANGUAGE, _, speaking
from hotline.together import get, put
from ticketing.assignment.models import Assignment
from ticketing.callback import book as conduct
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import person, person_vault
from ticketing.context import Core
from ticketing.deadline.book import policies
from ticketing.deadline.models import ClockKind, ClockState, Deadline
from ticketing.notice import english, templates
from ticketing.notice.models import DeliveryState, Notice, NoticeDelivery
from ticketing.notice.preferences import DEFAULT, Preference, preference_of
from ticketing.notice.templates import Hook, Template
from ticketing.people.models import Unit
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Channel, Confidentiality, Urgency
from ticketing.words import word

OUTBOX_KINDS = {"sms": "notice", "wechat": "text"}
TOO_MANY = "too many messages to an unverified number in a day"
_DEADLINES = {
    "accepted": (ClockKind.HANDLE, ClockKind.DISPATCH),
    "supplement": (ClockKind.SUPPLEMENT,),
    "not_accepted": (ClockKind.OBJECTION,),
}
"""What {deadline} is in a template: until the matter is dispatched, the citizen has sent what is missing, has objected to the refusal."""
_WORDS = {"way": "contact", "target": "emergency_line", "reason_class": "suspension_reason"}


async def on_event(core: Core, session: AsyncSession, ticket: Ticket, name: str, data: Mapping[str, Any], told: Mapping[str, str]) -> None:
    """Called by `ticketing.ticket.steps.tell` for every event of a ticket; most of them are told to nobody.

    `told` holds what the citizen may know and the event log may not (the query code).
    """
    hook = templates.load().hook(name, data)
    if hook is None:
        return
    await notify(core, session, ticket, hook.template, event=name, **_values(hook, data), **told)


async def on_followed(core: Core, session: AsyncSession, master: Ticket, ticket: Ticket, name: str, data: Mapping[str, Any]) -> None:
    """Tell the person of `ticket`, which was merged into `master`, what happened to the matter: seed/notices.yaml, `followers`.

    Called by `ticketing.relation.follow`; `data` holds nothing that only the master's citizen may know.
    """
    hook = templates.load().follower_hook(name, data)
    if hook is not None:
        values = {**_values(hook, data), "master": master.number}
        await _notify(core, session, ticket, master, hook.template, name, values)


def _values(hook: Hook, data: Mapping[str, Any]) -> dict[str, str]:
    """What the event's data has for the template's placeholders."""
    wanted = templates.load().template(hook.template).values
    values = {key: _in_words(key, value) for key, value in data.items() if key in wanted}
    return values | {placeholder: _in_words(source, data.get(source)) for placeholder, source in hook.values.items()}


async def notify(core: Core, session: AsyncSession, ticket: Ticket, template_key: str, *, event: str = "", **values: str) -> Notice:
    """Tell the citizen of `ticket` something.

    Values fill the template's placeholders; common ones (number, title, unit, deadline …) are found here. Raises NotFound
    for an unknown template.
    """
    return await _notify(core, session, ticket, ticket, template_key, event, values)


async def _notify(
    core: Core, session: AsyncSession, ticket: Ticket, matter: Ticket, template_key: str, event: str, values: Mapping[str, str]
) -> Notice:
    """Unit and deadline are those of `matter`, the ticket under which a merged one is handled."""
    template = await templates.in_force(core, session, template_key)
    common = await _common(core, session, ticket, template, values, matter)
    return await _notify_one(core, session, ticket, template, event, {**common, **values})


async def _notify_one(
    core: Core, session: AsyncSession, ticket: Ticket, template: Template, event: str, values: Mapping[str, str]
) -> Notice:
    citizen = await get(session, Citizen, ticket.citizen_id) if ticket.citizen_id else None
    wish = await preference_of(core, session, citizen) if citizen is not None else DEFAULT
    template, values = english.in_language(template, values, wish.language)
    # the tracking page was opened with the query code: it need not show it
    text = templates.render(template.text, {**values, "query_code": ""})
    vault = person_vault(core, citizen) if citizen is not None else None
    notice = Notice(
        ticket_id=ticket.id,
        template=template.key,
        template_version=template.version,
        event=event,
        text_sealed=vault.seal(text, "notice") if vault else None,
        text=None if vault else text,
        created_at=core.clock.now(),
    )
    await put(session, notice)
    if citizen is not None and vault is not None:
        await _push(core, session, ticket, citizen, template, notice, values, wish)
    return notice


async def _push(
    core: Core,
    session: AsyncSession,
    ticket: Ticket,
    citizen: Citizen,
    template: Template,
    notice: Notice,
    values: Mapping[str, str],
    wish: Preference,
) -> None:
    channel = way(core, ticket, citizen, template, wish)
    if channel is None:
        return
    words = words_for(ticket, citizen, template, channel, values, wish.language)
    await queue_delivery(core, session, ticket, citizen, notice, channel, words, wish=wish, values=_sent_values(ticket, citizen, values))


def _sent_values(ticket: Ticket, citizen: Citizen, values: Mapping[str, str]) -> dict[str, str]:
    """What a provider that knows the template may be given to fill it: as little as `words_for` would show."""
    if ticket.confidentiality == Confidentiality.SECRET.value:
        return {"line": values.get("line", "")}
    return dict(values) if citizen.phone_verified else {**values, "query_code": ""}


def words_for(ticket: Ticket, citizen: Citizen, template: Template, channel: str, values: Mapping[str, str], language: str = "zh") -> str:
    """What is pushed: nothing of a secret matter; the query code only to a number from which the citizen called."""
    if ticket.confidentiality == Confidentiality.SECRET.value:
        return templates.render(english.secret_in(language), values)
    if channel == "wechat":
        return templates.render(template.text, {**values, "query_code": ""})
    return templates.render(template.sms, values if citizen.phone_verified else {**values, "query_code": ""})


def way(core: Core, ticket: Ticket, citizen: Citizen, template: Template, wish: Preference = DEFAULT) -> str | None:
    """By which channel a notice is pushed to this citizen; None: only the tracking page shows it."""
    wished = wish.way_of(template)
    if ticket.anonymous or ticket.contact_by == "none" or (wished == "none" and not template.required):
        return None
    came_by_chat = ticket.channel == Channel.WECHAT.value
    by_chat = wished != "sms" and (wished == "wechat" or ticket.contact_by == "wechat" or came_by_chat)
    if came_by_chat and by_chat and citizen.openid_sealed and "wechat" not in template.channels:
        return None  # the conversation itself tells it
    ways = []
    if citizen.openid_sealed and ("wechat" in template.channels or (by_chat and template.channels)):
        ways.append("wechat")
    if "sms" in template.channels and is_mobile(core, citizen) and (template.required or not wish.opted_out):
        ways.append("sms")
    ways.sort(key=lambda one: (one != "wechat") if by_chat else (one != "sms"))
    return ways[0] if ways else None


def is_mobile(core: Core, citizen: Citizen) -> bool:
    """Whether the citizen's number takes text messages."""
    number = person(core, citizen, masked=False).phone
    return len(number) == 11 and number.startswith("1")


async def queue_delivery(
    core: Core,
    session: AsyncSession,
    ticket: Ticket,
    citizen: Citizen,
    notice: Notice,
    channel: str,
    words: str,
    *,
    urgent: bool = False,
    wish: Preference,
    values: Mapping[str, str] | None = None,
) -> NoticeDelivery:
    """One push with a state of its own, handed to the outbox in the same transaction; in quiet hours it waits for the morning.

    `values` fill the template that an SMS provider (`channels.sms.providers`) or WeChat (`channels.wechat.notices`) knows; None: it has
    only the words.
    """
    file, now = templates.load(), core.clock.now()
    unverified = channel == "sms" and not citizen.phone_verified
    delivery = NoticeDelivery(
        notice_id=notice.id,
        channel=channel,
        state=DeliveryState.QUEUED.value,
        queued_at=now,
        phone_hash=citizen.phone_hash if unverified else None,
    )
    if unverified and wish.pushed >= file.unverified_per_day:  # a number typed into forms by somebody else is not flooded
        delivery.state, delivery.last_error = DeliveryState.GIVEN_UP.value, TOO_MANY
        return await put(session, delivery)
    await put(session, delivery)
    secret = ticket.confidentiality == Confidentiality.SECRET.value
    payload: dict[str, Any] = {"text_sealed": core.vault.seal(words).decode()}
    if values is not None:
        payload["template"] = "secret" if secret else notice.template
        payload["values_sealed"] = core.vault.seal(json.dumps(dict(values), ensure_ascii=False)).decode()
    at_once = urgent or file.template(notice.template).urgent or ticket.urgency == Urgency.EMERGENCY.value
    await enqueue(
        session,
        at=now if at_once else wish.not_before(file.quiet, now),
        channel=channel,
        kind=OUTBOX_KINDS[channel],
        recipient=str(citizen.id),
        payload={**payload, "at_once": at_once},
        dedupe_key=f"notice:{delivery.id}",
    )
    return delivery


async def _common(
    core: Core, session: AsyncSession, ticket: Ticket, template: Template, given: Mapping[str, str], matter: Ticket
) -> dict[str, str]:
    words = template.text + template.sms
    values = {
        "number": ticket.number,
        "title": ticket.title,
        "line": core.line,
        "result": ticket.answer or "",
        "answer": ticket.answer or "",
    }
    if "{deadline}" in words and "deadline" not in given:
        values["deadline"] = await _deadline(session, matter, template)
    if "{days}" in words and "days" not in given:
        values["days"] = str(await _days(core, session, template))
    if "{unit}" in words and "unit" not in given:
        values["unit"] = await _unit(session, matter)
    return values


async def _days(core: Core, session: AsyncSession, template: Template) -> int:
    """How many days the citizen has: to rate an answer, after the end of the matter to have it handled again."""
    now = core.clock.now()
    return (
        (await conduct.current(session, now)).rating_days
        if template.key == "answered"
        else (await policies(session, now)).centre.reopen_days
    )


async def _deadline(session: AsyncSession, ticket: Ticket, template: Template) -> str:
    """The moment that the citizen is told: of the answer, unless the template speaks of another one."""
    kinds = _DEADLINES.get(template.key, (ClockKind.HANDLE,))
    statement = select(Deadline.kind, Deadline.due_at).where(
        Deadline.ticket_id == ticket.id, Deadline.state == ClockState.RUNNING.value, Deadline.kind.in_([kind.value for kind in kinds])
    )
    found = {row.kind: row.due_at for row in await session.execute(statement.order_by(Deadline.due_at))}
    moment = next((found[kind.value] for kind in kinds if kind.value in found), None)
    return city_words(moment) if moment else ""


def city_words(moment: datetime) -> str:
    """11月23日24:00: midnight belongs to the day that it ends."""
    local = to_city(moment)
    if (local.hour, local.minute) == (0, 0):
        local -= timedelta(days=1)
        return f"{local.month}月{local.day}日24:00"
    return f"{local.month}月{local.day}日{local:%H:%M}"


async def _unit(session: AsyncSession, ticket: Ticket) -> str:
    lead = select(Unit.name).join(Assignment, Assignment.unit_id == Unit.id).where(Assignment.ticket_id == ticket.id, Assignment.lead)
    name = await session.scalar(lead.order_by(Assignment.id.desc()).limit(1))
    with speaking(DEFAULT_LANGUAGE):
        return name or _("承办单位")


def _in_words(key: str, value: Any) -> str:
    """A value of an event as a citizen reads it, in Chinese whatever page or line it came from: `english` translates for who chose it."""
    if value is None or isinstance(value, bool | dict):
        return ""
    if isinstance(value, list | tuple):
        return "；".join(f"{number}. {item}" for number, item in enumerate(value, 1)) if len(value) > 1 else "".join(map(str, value))
    if isinstance(value, str) and key in _WORDS:
        with speaking(DEFAULT_LANGUAGE):
            return word(_WORDS[key], value)
    if isinstance(value, str) and key.endswith(("_date", "_at", "until")):
        return _date_words(value)
    return str(value)[:600]


def _date_words(value: str) -> str:
    try:
        day = date.fromisoformat(value[:10]) if len(value) == 10 else to_city(datetime.fromisoformat(value)).date()
    except ValueError:
        return value
    return f"{day.year}年{day.month}月{day.day}日"


def text_of(core: Core, notice: Notice, citizen: Citizen | None) -> str:
    """The notice's words, addresses still open (`templates.put_address`); says so when the person was erased."""
    if notice.text is not None:
        return notice.text
    vault = person_vault(core, citizen) if citizen is not None and citizen.data_key_sealed else None
    if vault is None or notice.text_sealed is None:
        return _("（内容已随个人信息一并清除）")
    return vault.open(notice.text_sealed, "notice")


async def notices_of(session: AsyncSession, ticket: Ticket) -> list[Notice]:
    """What was told about a ticket, newest first. The ticket must have come through its door."""
    return list(await session.scalars(select(Notice).where(Notice.ticket_id == ticket.id).order_by(Notice.id.desc()).limit(50)))


__all__ = ["notices_of", "notify", "on_event", "on_followed", "text_of"]
