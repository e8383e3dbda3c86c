"""Webhook subscriptions, their failed deliveries, and the partners of the ticket exchange. For administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Id, Sent, Switch, Told, text
from channels.api.ticket_answers import UnitRef
from hotline.events import Outbox
from ticketing.exchange import service as exchange
from ticketing.exchange.models import ExchangePartner
from ticketing.people.models import Unit
from ticketing.webhook import service
from ticketing.webhook.models import WebhookSubscription

TAG = "通知与对接"
Name = Annotated[str, text(1, 60)]
Url = Annotated[str, text(10, 500)]


class NewSubscription(Sent):
    """Whom to tell of what."""

    name: Name
    url: Url
    events: Annotated[list[Annotated[str, text(1, 60)]], Field(min_length=1, max_length=50, description="事件名称，或ticket.*，或*")]


class SubscriptionOut(Told):
    """A subscription without its secret."""

    id: int
    name: str
    url: str
    events: list[str]
    active: bool
    created_at: datetime


class MadeSubscription(Told):
    """A new subscription. `secret` is told only here."""

    subscription: SubscriptionOut
    secret: str


class Subscriptions(Told):
    """All subscriptions."""

    items: list[SubscriptionOut]


class DeliveryOut(Told):
    """A delivery that was given up."""

    id: int
    subscription: int
    url: str | None
    event: str
    payload: dict[str, Any]
    attempts: int
    last_error: str | None
    created_at: datetime


class Deliveries(Told):
    """Deliveries that were given up, newest first."""

    items: list[DeliveryOut]


class Queued(Told):
    """It waits to be sent."""

    id: int


class NewPartner(Sent):
    """The system of a unit."""

    unit_id: Id
    name: Name
    url: Url


class PartnerOut(Told):
    """A partner without its secret."""

    id: int
    unit: UnitRef
    name: str
    url: str
    active: bool


class MadePartner(Told):
    """A new partner. `secret` is told only here."""

    partner: PartnerOut
    secret: str


class Partners(Told):
    """All partners."""

    items: list[PartnerOut]


class JournalRow(Told):
    """One message of the exchange."""

    id: int
    partner: int
    direction: str
    message_id: str
    kind: str
    number: str | None
    external_id: str | None
    state: str
    problem: str
    at: datetime
    done_at: datetime | None


class Journal(Told):
    """The newest messages."""

    items: list[JournalRow]


def _out(item: WebhookSubscription) -> SubscriptionOut:
    return SubscriptionOut(id=item.id, name=item.name, url=item.url, events=item.events, active=item.active, created_at=item.created_at)


def _partner(partner: ExchangePartner, unit: Unit) -> PartnerOut:
    reference = UnitRef(id=unit.id, code=unit.code, name=unit.name)
    return PartnerOut(id=partner.id, unit=reference, name=partner.name, url=partner.url, active=partner.active)


def _delivery(row: Outbox, subscription: WebhookSubscription | None) -> DeliveryOut:
    return DeliveryOut(
        id=row.id, subscription=int(row.recipient), url=subscription.url if subscription else None, event=row.kind, payload=row.payload,
        attempts=row.attempts, last_error=row.last_error, created_at=row.created_at,
    )  # fmt: skip


async def list_subscriptions(call: Call) -> Subscriptions:
    """All subscriptions."""
    return Subscriptions(items=[_out(item) for item in await service.subscriptions(call.session, call.actor)])


async def subscribe(call: Call) -> Answer:
    """A new subscription."""
    sent, hosts = call.sent(NewSubscription), call.settings.webhook_private_hosts
    made = await service.subscribe(
        call.core, call.session, call.actor, name=sent.name, url=sent.url, events=sent.events, allowed_hosts=hosts
    )
    return Answer(MadeSubscription(subscription=_out(made.subscription), secret=made.secret), 201)


async def switch_subscription(call: Call) -> SubscriptionOut:
    """Off or on."""
    return _out(await service.switch(call.core, call.session, call.actor, call.id(), active=call.sent(Switch).active))


async def list_failed(call: Call) -> Deliveries:
    """What was given up."""
    return Deliveries(items=[_delivery(row, item) for row, item in await service.failed(call.session, call.actor)])


async def send_again(call: Call) -> Queued:
    """Try once more."""
    return Queued(id=(await service.send_again(call.core, call.session, call.actor, call.id())).id)


async def list_partners(call: Call) -> Partners:
    """All partners."""
    return Partners(items=[_partner(partner, unit) for partner, unit in await exchange.partners(call.session, call.actor)])


async def set_partner(call: Call) -> Answer:
    """A new partner, or a new address and secret of the unit's partner."""
    sent, hosts = call.sent(NewPartner), call.settings.webhook_private_hosts
    made = await exchange.add_partner(
        call.core, call.session, call.actor, unit_id=sent.unit_id, name=sent.name, url=sent.url, allowed_hosts=hosts
    )
    unit = await call.session.get_one(Unit, sent.unit_id)
    return Answer(MadePartner(partner=_partner(made.partner, unit), secret=made.secret), 201)


async def switch_partner(call: Call) -> PartnerOut:
    """Off or on."""
    partner = await exchange.switch_partner(call.core, call.session, call.actor, call.id(), active=call.sent(Switch).active)
    return _partner(partner, await call.session.get_one(Unit, partner.unit_id))


async def list_journal(call: Call) -> Journal:
    """The newest messages."""
    plain = ("id", "direction", "message_id", "kind", "external_id", "state", "problem", "at", "done_at")
    rows = await exchange.journal(call.session, call.actor)
    items = [JournalRow(partner=each.partner_id, number=number, **{name: getattr(each, name) for name in plain}) for each, number in rows]
    return Journal(items=items)


async def push_again(call: Call) -> Queued:
    """Push once more what was given up."""
    return Queued(id=(await exchange.push_again(call.core, call.session, call.actor, call.id())).id)


def _post(path: str, run: Any, name: str, summary: str, answer: Any, body: Any = None, status: int = 200) -> Operation:
    return Operation("POST", path, run, name, TAG, summary, answer=answer, body=body, status=status)


OPERATIONS = (
    Operation("GET", "/webhooks", list_subscriptions, "listWebhooks", TAG, "通知地址", answer=Subscriptions),
    _post("/webhooks", subscribe, "subscribe", "登记通知地址", MadeSubscription, NewSubscription, 201),
    _post("/webhooks/{id}/switch", switch_subscription, "switchWebhook", "停用或启用通知地址", SubscriptionOut, Switch),
    Operation("GET", "/webhooks/failed", list_failed, "listFailedDeliveries", TAG, "没有送达的通知", answer=Deliveries),
    _post("/webhooks/failed/{id}/send", send_again, "sendAgain", "再次发送", Queued),
    Operation("GET", "/exchange/partners", list_partners, "listPartners", TAG, "对接的单位系统", answer=Partners),
    _post("/exchange/partners", set_partner, "setPartner", "登记单位系统", MadePartner, NewPartner, 201),
    _post("/exchange/partners/{id}/switch", switch_partner, "switchPartner", "停用或启用单位系统", PartnerOut, Switch),
    Operation("GET", "/exchange/journal", list_journal, "listExchange", TAG, "对接流水", answer=Journal),
    _post("/exchange/journal/{id}/push", push_again, "pushAgain", "再次推送", Queued),
)
