"""What the platform reports later: receipts early, late, twice and of strangers; consents to 订阅通知, one use each."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from channels.console.channel_states import WINDOW, Receipts, receipts_since
from channels.wechat import receipts, subscriptions
from channels.wechat.models import WechatReceipt, WechatSubscription
from hotline.clock import ManualClock
from tests.channels.wechat.test_notices import PROGRESS, SUBSCRIBED, _tell, settled
from tests.channels.wechat.world import World
from tests.simulators.wechat_account import Fan
from tests.simulators.wechat_api import SUBSCRIPTION
from ticketing.citizen.service import by_openid
from ticketing.notice.models import NoticeDelivery

__all__ = ["settled"]


async def _delivery(world: World, channel: str = "wechat") -> NoticeDelivery | None:
    """The newest push by this channel."""
    newest = select(NoticeDelivery).where(NoticeDelivery.channel == channel).order_by(NoticeDelivery.id.desc()).limit(1)
    async with world.services.database.transaction() as session:
        return (await session.scalars(newest)).first()


async def _left(world: World, fan: Fan) -> int:
    async with world.services.database.transaction() as session:
        citizen = await by_openid(world.services.core, session, fan.openid)
        return (await subscriptions.left(session, citizen.id))[SUBSCRIBED]


async def _waiting(world: World) -> list[WechatReceipt]:
    async with world.services.database.transaction() as session:
        return list(await session.scalars(select(WechatReceipt)))


async def test_a_receipt_says_that_the_notice_arrived_once(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await _tell(settled, fan, "dispatched", clock)
    [(_openid, template, number)] = settled.account.sent
    assert template == PROGRESS
    assert (await settled.platform.template_receipt(fan, number)).attempts == ["200"]
    first = await _delivery(settled)
    assert first is not None
    assert (first.state, first.delivered_at) == ("sent", clock.now())
    clock.advance(minutes=3)
    await settled.platform.template_receipt(fan, number, "failed:user block")  # contradicts the first: the first one counts
    again = await _delivery(settled)
    assert again is not None
    assert (again.state, again.delivered_at) == ("sent", first.delivered_at)
    async with settled.services.database.transaction() as session:
        counted = await receipts_since(session, clock.now() - WINDOW)
    assert counted == {"wechat": Receipts(arrived=1, refused=0, silent=0)}
    assert fan.seen("passive")[1:] == [], "a receipt is answered by nothing that a citizen sees"


@pytest.mark.parametrize(("status", "said"), [("failed:user block", "user block"), ("failed: system failed", "system failed")])
async def test_a_notice_that_was_refused_goes_on_by_sms(settled: World, clock: ManualClock, status: str, said: str) -> None:
    fan = settled.account.fan()
    await _tell(settled, fan, "dispatched", clock)
    assert await _delivery(settled, "sms") is None
    number = settled.account.sent[0][2]
    await settled.platform.template_receipt(fan, number, status)
    clock.advance(seconds=5)
    await settled.platform.template_receipt(fan, number, status)
    failed, text = await _delivery(settled), await _delivery(settled, "sms")
    assert failed is not None
    assert (failed.state, failed.last_error, failed.sent_at) == ("given_up", f"receipt: {said}", None)
    assert text is not None
    async with settled.services.database.transaction() as session:
        ways = list(await session.scalars(select(NoticeDelivery.channel).where(NoticeDelivery.notice_id == failed.notice_id)))
    assert sorted(ways) == ["sms", "wechat"], "one text message, however often the receipt comes"


async def test_a_receipt_that_is_faster_than_we_are_waits(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await _tell(settled, fan, "dispatched", clock)
    sent = await _delivery(settled)
    assert sent is not None
    number = settled.account.sent[0][2]
    async with settled.services.database.transaction() as session:  # as it was before the answer of the call was written down
        row = await session.get_one(NoticeDelivery, sent.id)
        row.gateway_id, row.state, row.sent_at = None, "queued", None
    await settled.platform.template_receipt(fan, number)
    await settled.tick()
    assert [row.message_id for row in await _waiting(settled)] == [str(number)]
    async with settled.services.database.transaction() as session:
        row = await session.get_one(NoticeDelivery, sent.id)
        row.gateway_id, row.state, row.sent_at = str(number), "sent", clock.now()
    await settled.tick()
    assert await _waiting(settled) == []
    found = await _delivery(settled)
    assert found is not None
    assert found.delivered_at == clock.now()


async def test_receipts_of_strangers_are_dropped_after_an_hour(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.template_receipt(fan, 77)
    await settled.platform.event(fan, "TEMPLATESENDJOBFINISH", {"MsgID": "1 OR 1=1", "Status": "success"})
    await settled.platform.event(fan, "TEMPLATESENDJOBFINISH", {"Status": "success"})
    await settled.platform.event(fan, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": "text"})
    assert [row.message_id for row in await _waiting(settled)] == ["77"]
    clock.advance(seconds=receipts.KEPT.total_seconds() + 1)
    await settled.tick()
    assert await _waiting(settled) == []


async def test_each_consent_is_good_for_one_notice(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.consent(fan, SUBSCRIBED)
    await settled.platform.consent(fan, SUBSCRIBED, PROGRESS)  # several: an array
    await settled.platform.consent(fan, SUBSCRIBED, status="reject")
    assert await _left(settled, fan) == 2
    for count in (1, 0):
        await _tell(settled, fan, "extended", clock)
        assert await _left(settled, fan) == count
    await _tell(settled, fan, "extended", clock)
    assert len(fan.seen("notice")) == 2
    assert settled.account.calls[SUBSCRIPTION] == 2, "the platform is not asked when we know that nothing is left"
    found = await _delivery(settled)
    assert found is not None
    assert (found.channel, found.state) == ("wechat", "given_up")
    assert await _delivery(settled, "sms") is not None


async def test_the_same_event_twice_is_one_consent(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.consent(fan, SUBSCRIBED)
    await settled.platform.consent(fan, SUBSCRIBED)  # the clock stands: the platform's repeat has the same fields
    assert await _left(settled, fan) == 1
    await settled.platform.withdraw_consent(fan, SUBSCRIBED)
    assert await _left(settled, fan) == 0
    clock.advance(seconds=1)
    await settled.platform.consent(fan, SUBSCRIBED)
    assert await _left(settled, fan) == 1


async def test_a_consent_is_not_lost_with_a_refusal_for_another_reason(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.consent(fan, SUBSCRIBED)
    settled.account.faults.append((SUBSCRIPTION, 40037))
    await _tell(settled, fan, "extended", clock)
    assert fan.seen("notice") == []
    assert await _left(settled, fan) == 1
    del fan.subscriptions[SUBSCRIBED]  # the platform knows better: the event was lost
    await _tell(settled, fan, "extended", clock)
    assert await _left(settled, fan) == 0
    calls = settled.account.calls[SUBSCRIPTION]
    await _tell(settled, fan, "extended", clock)
    assert settled.account.calls[SUBSCRIPTION] == calls


async def test_a_receipt_of_a_subscription_notice(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.consent(fan, SUBSCRIBED)
    await _tell(settled, fan, "extended", clock)
    [(_openid, template, number)] = settled.account.sent
    await settled.platform.subscription_receipt(fan, template, number, code=4)
    found = await _delivery(settled)
    assert found is not None
    assert (found.state, found.last_error) == ("given_up", "receipt: 4 fail")


async def test_one_consent_is_never_used_by_two_at_once(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await settled.platform.consent(fan, SUBSCRIBED)
    database = settled.services.database
    async with database.transaction() as session, database.transaction() as other:
        citizen = (await by_openid(settled.services.core, session, fan.openid)).id
        taken = await subscriptions.take(session, citizen, SUBSCRIBED, clock.now(), lasting=False)
        assert taken is not None
        with pytest.raises(Exception, match="43101"):
            await subscriptions.take(other, citizen, SUBSCRIBED, clock.now(), lasting=False)
        lasting = await subscriptions.take(other, citizen, SUBSCRIBED, clock.now(), lasting=True)
        assert lasting is None, "a lasting one is there for all at once"
    async with database.transaction() as session:
        rows = list(await session.scalars(select(WechatSubscription)))
        assert [row.used_at is not None for row in rows] == [True]
        await subscriptions.give_back(session, rows[0].id)
        assert await subscriptions.take(session, citizen, SUBSCRIBED, clock.now(), lasting=True) is None
        assert (await subscriptions.left(session, citizen))[SUBSCRIBED] == 1, "a lasting one is not used up"
