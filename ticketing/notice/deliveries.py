"""What became of each push: the outbox's worker reports, people look at the stuck ones and send them again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import Outbox, record
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.notice import templates
from ticketing.notice.models import DeliveryState, Notice, NoticeDelivery
from ticketing.notice.preferences import DEFAULT, preference_of
from ticketing.notice.quiet import not_before
from ticketing.notice.service import is_mobile, queue_delivery
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.models import Role
from ticketing.people.permissions import may
from ticketing.ticket.access import visible
from ticketing.ticket.models import Ticket

PREFIX = "notice:"
RECEIPT = "receipt: "
"""How the error text begins when the provider said afterwards that the message did not arrive."""
NO_GATEWAY = "no gateway"
"""The outbox's error text where no SMS gateway is configured."""
STUCK = (DeliveryState.GIVEN_UP.value, DeliveryState.NO_GATEWAY.value)


async def follow(core: Core, session: AsyncSession, row: Outbox) -> None:
    """Write the delivery's state after the worker has changed its outbox row, in the same transaction.

    The first success, and the final failure, are events of the ticket. A WeChat message that cannot be delivered goes on by
    SMS when a mobile number is known.
    """
    if not row.dedupe_key.startswith(PREFIX):
        return
    key = int(row.dedupe_key.removeprefix(PREFIX).split(":")[0])
    delivery = await session.get(NoticeDelivery, key, with_for_update=True)
    if delivery is None or delivery.state in (DeliveryState.SENT.value, DeliveryState.ACKNOWLEDGED.value):
        return
    delivery.attempts, delivery.last_error = row.attempts, row.last_error
    if row.state == "waiting":
        delivery.state = (DeliveryState.FAILED if row.last_error else DeliveryState.QUEUED).value
        return
    if row.state == "sent":
        delivery.state, delivery.sent_at, delivery.last_error = DeliveryState.SENT.value, core.clock.now(), None
        await _tell(core, session, delivery, "notice.sent")
        return
    missing = row.last_error == NO_GATEWAY
    delivery.state = (DeliveryState.NO_GATEWAY if missing else DeliveryState.GIVEN_UP).value
    if not missing:
        await _tell(core, session, delivery, "notice.failed")
    if delivery.channel == "wechat":
        await _by_sms(core, session, delivery, row)


async def note_number(session: AsyncSession, dedupe_key: str, number: str) -> None:
    """The provider's own number of a message that it took, by the outbox row's key: its receipt will name it."""
    delivery = int(dedupe_key.removeprefix(PREFIX).split(":")[0])
    await session.execute(update(NoticeDelivery).where(NoticeDelivery.id == delivery).values(gateway_id=number))


async def receipt(
    core: Core, session: AsyncSession, *, channel: str = "sms", gateway_id: str, key: str = "", arrived: bool, code: str
) -> bool:
    """A delivery receipt (状态报告, 送达回执) of the provider; comes twice without harm.

    False when it is about no push of ours, or about one that is not noted as sent yet. A message that did not reach the
    telephone is on the list of those that somebody has to look at; one by WeChat goes on by SMS.
    """
    number = key.removeprefix(PREFIX) if key.startswith(PREFIX) else ""
    same = NoticeDelivery.id == int(number) if number.isascii() and number.isdecimal() else NoticeDelivery.gateway_id == gateway_id
    delivery = (await session.scalars(select(NoticeDelivery).where(same, NoticeDelivery.channel == channel).with_for_update())).first()
    if delivery is None or (delivery.gateway_id or gateway_id) != gateway_id:
        return False
    delivery.gateway_id = gateway_id
    if delivery.state in (DeliveryState.QUEUED.value, DeliveryState.FAILED.value):
        return False
    if delivery.state != DeliveryState.SENT.value or delivery.delivered_at is not None:
        return True
    if arrived:
        delivery.delivered_at = core.clock.now()
        return True
    delivery.state, delivery.sent_at, delivery.last_error = DeliveryState.GIVEN_UP.value, None, f"{RECEIPT}{code[:60]}"
    await _tell(core, session, delivery, "notice.failed")
    row = (await session.scalars(select(Outbox).where(Outbox.dedupe_key == f"{PREFIX}{delivery.id}"))).first()
    if channel == "wechat" and row is not None:
        await _by_sms(core, session, delivery, row)
    return True


async def _tell(core: Core, session: AsyncSession, delivery: NoticeDelivery, name: str) -> None:
    notice = await session.get_one(Notice, delivery.notice_id)
    title = next((item.title for item in templates.load().templates if item.key == notice.template), notice.template)
    data = {"template": notice.template, "way": delivery.channel, "delivery": delivery.id, "note": title}
    await record(
        session, at=core.clock.now(), name=name, subject="ticket", subject_id=notice.ticket_id, who=SYSTEM.who, data=data, public=False
    )


async def _by_sms(core: Core, session: AsyncSession, delivery: NoticeDelivery, row: Outbox) -> None:
    """The WeChat window is shut: the short text by SMS, if the template and the citizen allow it."""
    notice = await session.get_one(Notice, delivery.notice_id)
    ticket = await session.get_one(Ticket, notice.ticket_id)
    citizen = await session.get(Citizen, int(row.recipient))
    template = await templates.current(session, notice.template)
    there = select(NoticeDelivery.id).where(NoticeDelivery.notice_id == notice.id, NoticeDelivery.channel == "sms")
    wish = await preference_of(core, session, citizen) if citizen is not None else DEFAULT
    if (wish.opted_out or wish.way_of(template) in ("none", "wechat")) and not template.required:
        return
    if citizen is None or "sms" not in template.channels or not is_mobile(core, citizen) or await session.scalar(there) is not None:
        return
    words = templates.render(templates.load().secret, {"line": core.line})  # neutral: nothing but «look it up»
    await queue_delivery(core, session, ticket, citizen, notice, "sms", words, wish=wish, values={"line": core.line})


@dataclass(frozen=True)
class Stuck:
    """A push that waits for somebody, with what the person may see of it."""

    delivery: NoticeDelivery
    notice: Notice
    ticket: Ticket | None
    """None for the administrator, who has no case content (4b)."""


async def deliveries(
    core: Core, session: AsyncSession, actor: Actor, *, state: str = "", before: int | None = None, limit: int = 50
) -> list[Stuck]:
    """Pushes in one state (all when empty), newest first, `before` an id for the next page; only of tickets that the actor may see.

    The administrator, who keeps the gateway running, sees channel, state and error of all of them and nothing of the matter.
    """
    if not may(actor, "notice.follow"):
        raise NotAllowed(_("这个岗位没有权限打开本页或做这一步"))
    statement = select(NoticeDelivery, Notice, Ticket).join(Notice, Notice.id == NoticeDelivery.notice_id)
    statement = statement.join(Ticket, Ticket.id == Notice.ticket_id).order_by(NoticeDelivery.id.desc()).limit(limit)
    if not actor.has(Role.ADMIN):
        statement = statement.where(visible(core, actor))
    if state:
        statement = statement.where(NoticeDelivery.state == state)
    if before is not None:
        statement = statement.where(NoticeDelivery.id < before)
    admin = actor.has(Role.ADMIN)
    return [Stuck(row.NoticeDelivery, row.Notice, None if admin else row.Ticket) for row in await session.execute(statement)]


async def counts(session: AsyncSession) -> dict[str, int]:
    """How many pushes are stuck in each way; by a partial index."""
    statement = select(NoticeDelivery.state, func.count()).where(NoticeDelivery.state.in_(STUCK)).group_by(NoticeDelivery.state)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def access_delivery(core: Core, session: AsyncSession, actor: Actor, delivery_id: int) -> NoticeDelivery:
    """One delivery, locked. Raises NotFound when it does not exist or its ticket may not be seen."""
    statement = select(NoticeDelivery).join(Notice, Notice.id == NoticeDelivery.notice_id).join(Ticket, Ticket.id == Notice.ticket_id)
    if not actor.has(Role.ADMIN):
        statement = statement.where(visible(core, actor))
    found = (await session.scalars(statement.where(NoticeDelivery.id == delivery_id).with_for_update(of=NoticeDelivery))).first()
    if found is None or not may(actor, "notice.follow"):
        raise NotFound(_("没有找到这条通知"))
    return found


async def resend(core: Core, session: AsyncSession, actor: Actor, delivery_id: int) -> NoticeDelivery:
    """Send a stuck push again, with the words that it had. Raises IllegalStep when it is not stuck."""
    delivery = await access_delivery(core, session, actor, delivery_id)
    if delivery.state not in (*STUCK, DeliveryState.ACKNOWLEDGED.value):
        raise IllegalStep(_("这条通知不需要重发：已发出，或正在自动重试"))
    statement = select(Outbox).where(Outbox.dedupe_key == f"{PREFIX}{delivery.id}").with_for_update()
    row = (await session.scalars(statement)).first()
    if row is None:
        raise IllegalStep(_("这条通知没有进入发送队列（当天发给这个号码的太多），请电话告知市民"))
    now = core.clock.now()
    urgent = bool(row.payload.get("at_once"))
    row.state, row.attempts, row.leased_until, row.last_error, row.sent_at = "waiting", 0, None, None, None
    delivery.gateway_id = delivery.delivered_at = None
    row.not_before = now if urgent else not_before(templates.load().quiet, now)
    delivery.state, delivery.acknowledged_by_id, delivery.resends = DeliveryState.QUEUED.value, None, delivery.resends + 1
    notice = await session.get_one(Notice, delivery.notice_id)
    data = {"delivery": delivery.id, "template": notice.template, "way": delivery.channel}
    await record(session, at=now, name="notice.resent", subject="ticket", subject_id=notice.ticket_id, who=actor.who, data=data)
    await session.flush()
    return delivery


async def acknowledge(core: Core, session: AsyncSession, actor: Actor, delivery_id: int, note: str) -> NoticeDelivery:
    """Leave a stuck push as it is, with a reason (the citizen was told otherwise): it is no longer on the list (lesson 24)."""
    delivery = await access_delivery(core, session, actor, delivery_id)
    if delivery.state not in STUCK:
        raise IllegalStep(_("这条通知没有停发"))
    if len(note.strip()) < 2:
        raise InvalidInput(_("请写明怎么处理的"), field="note")
    delivery.state, delivery.acknowledged_by_id = DeliveryState.ACKNOWLEDGED.value, actor.user_id
    notice = await session.get_one(Notice, delivery.notice_id)
    data = {"delivery": delivery.id, "template": notice.template, "note": note.strip()[:500]}
    await record(
        session, at=core.clock.now(), name="notice.acknowledged", subject="ticket", subject_id=notice.ticket_id, who=actor.who, data=data
    )
    await session.flush()
    return delivery
