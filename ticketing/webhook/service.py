"""Subscriptions, turning events into deliveries, and the list of failed ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotFound
from hotline.events import Event, Outbox, enqueue, record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality
from ticketing.webhook.models import WebhookSubscription
from ticketing.webhook.urls import check_url

CHANNEL = "webhook"
PERMISSION = "webhook.manage"
FAMILIES = (
    "ticket",
    "assignment",
    "reply",
    "return",
    "extension",
    "suspension",
    "dispute",
    "refusal",
    "callback",
    "supervise",
    "attachment",
)
"""First parts of the names that may be subscribed to. What people looked at, exports and accounts are nobody else's business."""
MAX_SUBSCRIPTIONS = 50


@dataclass(frozen=True)
class NewSubscription:
    """A subscription that was just made. The secret exists in clear only here."""

    subscription: WebhookSubscription
    secret: str


def check_events(names: list[str]) -> list[str]:
    """Names, `family.*` or `*`. Raises InvalidInput."""
    cleaned = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    for name in cleaned:
        family, _dot, rest = name.partition(".")
        if name != "*" and not (family in FAMILIES and (rest == "*" or (rest and rest.replace("_", "").isalpha() and rest.isascii()))):
            raise InvalidInput(_("没有“{name}”这种事件，可以写*、ticket.*或ticket.closed这样的名称"), field="events", name=name[:40])
    if not 1 <= len(cleaned) <= 50:
        raise InvalidInput(_("请写明要通知哪些事件，最多50个"), field="events")
    return cleaned


async def subscribe(
    core: Core, session: AsyncSession, actor: Actor, *, name: str, url: str, events: list[str], allowed_hosts: tuple[str, ...]
) -> NewSubscription:
    """Tell `url` of `events` from now on. Only an administrator. Raises InvalidInput by field."""
    actor = ensure(actor, PERMISSION)
    name = name.strip()
    if not 1 <= len(name) <= 60:
        raise InvalidInput(_("请写明通知给谁，最多60个字"), field="name")
    known = list(await session.scalars(select(WebhookSubscription.url).where(WebhookSubscription.active)))
    if len(known) >= MAX_SUBSCRIPTIONS:
        raise InvalidInput(_("最多{n}个通知地址，请先停用不再使用的"), field="url", n=MAX_SUBSCRIPTIONS)
    secret = "whs_" + secrets.token_urlsafe(32)
    made = WebhookSubscription(
        name=name, url=check_url(url.strip(), allowed_hosts), events=check_events(events),
        secret_sealed=core.vault.seal(secret), created_at=core.clock.now(), created_by_id=actor.user_id,
    )  # fmt: skip
    session.add(made)
    await session.flush()
    await _event(core, session, actor, made, "webhook.subscribed", {"url": made.url, "events": made.events})
    return NewSubscription(made, secret)


async def subscriptions(session: AsyncSession, actor: Actor) -> list[WebhookSubscription]:
    """All of them, newest first."""
    ensure(actor, PERMISSION)
    return list(await session.scalars(select(WebhookSubscription).order_by(WebhookSubscription.id.desc()).limit(200)))


async def switch(core: Core, session: AsyncSession, actor: Actor, subscription_id: int, *, active: bool) -> WebhookSubscription:
    """Switch one off or on again. What waits for one that is off is not sent."""
    actor = ensure(actor, PERMISSION)
    statement = select(WebhookSubscription).where(WebhookSubscription.id == subscription_id).with_for_update()
    found = (await session.scalars(statement)).first()
    if found is None:
        raise NotFound(_("没有找到这个通知地址"))
    if found.active != active:
        found.active = active
        await _event(core, session, actor, found, "webhook.switched", {"active": active})
    return found


async def failed(session: AsyncSession, actor: Actor, *, limit: int = 100) -> list[tuple[Outbox, WebhookSubscription | None]]:
    """Deliveries that were given up, newest first."""
    ensure(actor, PERMISSION)
    statement = select(Outbox).where(Outbox.channel == CHANNEL, Outbox.state == "parked").order_by(Outbox.id.desc()).limit(limit)
    rows = list(await session.scalars(statement))
    known = {item.id: item for item in await session.scalars(select(WebhookSubscription))}
    return [(row, known.get(int(row.recipient))) for row in rows]


async def send_again(core: Core, session: AsyncSession, actor: Actor, delivery_id: int) -> Outbox:
    """Put a delivery that was given up back in the queue, with a full count of tries and the same event id."""
    actor = ensure(actor, PERMISSION)
    parked = (Outbox.id == delivery_id) & (Outbox.channel == CHANNEL) & (Outbox.state == "parked")
    row = (await session.scalars(select(Outbox).where(parked).with_for_update())).first()
    if row is None:
        raise NotFound(_("没有找到这次通知，或者它已经重新发送"))
    row.state, row.attempts, row.not_before, row.leased_until = "waiting", 0, core.clock.now(), None
    await record(
        session, at=core.clock.now(), name="webhook.sent_again", subject="webhook", subject_id=row.recipient, who=actor.who,
        data={"delivery": row.id},
    )  # fmt: skip
    return row


def wants(subscription: WebhookSubscription, name: str) -> bool:
    """Whether the subscription covers an event of this name."""
    family = name.partition(".")[0]
    return family in FAMILIES and any(item in ("*", name, f"{family}.*") for item in subscription.events)


async def fan_out(core: Core, session: AsyncSession, events: list[Event]) -> int:
    """Write a delivery for each event and subscription that wants it; returns how many. Secret tickets are never told of."""
    subscriptions = list(await session.scalars(select(WebhookSubscription).where(WebhookSubscription.active)))
    told = [(event, item) for event in events if event.subject == "ticket" for item in subscriptions if wants(item, event.name)]
    if not told:
        return 0
    ids = {int(event.subject_id) for event, _item in told}
    tickets = {ticket.id: ticket for ticket in await session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
    count = 0
    for event, item in told:
        ticket = tickets.get(int(event.subject_id))
        if ticket is None or ticket.confidentiality == Confidentiality.SECRET.value or event.at < item.created_at:
            continue
        await enqueue(
            session, at=core.clock.now(), channel=CHANNEL, kind=event.name, recipient=str(item.id),
            payload=payload(event, ticket), dedupe_key=f"webhook:{item.id}:{event.id}",
        )  # fmt: skip
        count += 1
    return count


async def may_be_told(session: AsyncSession, payload: dict[str, Any]) -> bool:
    """Whether what was written down may still be sent: a ticket may have become secret since, and tries go on for hours."""
    number = str(payload.get("ticket", {}).get("number", ""))
    level = await session.scalar(select(Ticket.confidentiality).where(Ticket.number == number))
    return level is not None and level != Confidentiality.SECRET.value


def payload(event: Event, ticket: Ticket) -> dict[str, Any]:
    """What is told: which event, which ticket, and where it stands in codes. No words of anybody, no person, no place."""
    return {
        "id": f"evt_{event.id}",
        "type": event.name,
        "at": event.at.isoformat(timespec="milliseconds"),
        "ticket": {
            "number": ticket.number,
            "seq": event.seq,
            "state": event.stored.get("to") or ticket.state,
            "line": ticket.line,
            "category": ticket.category_code,
            "urgency": ticket.urgency,
        },
    }


async def _event(
    core: Core, session: AsyncSession, actor: Actor, subscription: WebhookSubscription, name: str, data: dict[str, Any]
) -> None:
    await session.flush()
    await record(session, at=core.clock.now(), name=name, subject="webhook", subject_id=subscription.id, who=actor.who, data=data)
