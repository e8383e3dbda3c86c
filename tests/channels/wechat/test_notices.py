"""Template messages and subscription notices: what goes when the window is shut, and what of each of the platform's refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from channels.wechat.notices import Approved, TemplateMap, TemplatesError, fill
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.wechat.world import World, build
from tests.simulators.wechat_account import Fan
from tests.simulators.wechat_api import SEND, SUBSCRIPTION, TEMPLATE
from ticketing.citizen.service import add_contact, by_openid
from ticketing.context import Core
from ticketing.notice.models import NoticeDelivery
from ticketing.notice.service import notify
from ticketing.people.actor import citizen_actor
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel

PROGRESS, SUBSCRIBED = "TPL_progress_0001", "SUB_progress_0001"
VALUES = {"character_string1": "{number}", "phrase2": "已转办", "thing3": "{unit}", "time4": "{now}"}


@pytest.fixture
async def settled(settings: Settings, core: Core, database: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[World]:
    """An account with a template for 转办 and a subscription notice for 延期."""
    file = tmp_path / "wechat.yaml"
    templates = {
        "dispatched": {"id": PROGRESS, "values": VALUES},
        "extended": {"by": "subscription", "id": SUBSCRIBED, "values": {"character_string1": "{number}", "thing2": "{deadline}"}},
        "redo": {"id": "TPL_gone_00000001", "values": VALUES},
    }
    file.write_text(json.dumps({"templates": templates}), encoding="utf-8")
    async with build(settings.model_copy(update={"wechat_templates": file}), core, database) as world:
        world.account.templates |= {PROGRESS, SUBSCRIBED}
        yield world


async def _tell(world: World, fan: Fan, template: str, clock: ManualClock, *, hours: int = 49) -> None:
    core = world.services.core
    await world.platform.text(fan, "您好")
    async with world.services.database.transaction() as session:
        citizen = await by_openid(core, session, fan.openid)
        await add_contact(core, session, citizen, phone="13900002716")
        appeal = Appeal(channel=Channel.WECHAT, content="小区门口路灯三天没有亮，晚上看不见", address="滨河路", citizen_id=citizen.id)
        ticket = (await register(core, session, citizen_actor(citizen.id), appeal)).ticket
    clock.advance(hours=hours)
    async with world.services.database.transaction() as session:
        await notify(core, session, await session.merge(ticket), template, unit="市城市管理局照明管理处路灯维护中心第三工作站")
    for _ in range(2):
        await world.tick()


async def _deliveries(world: World) -> list[tuple[str, str, str]]:
    async with world.services.database.transaction() as session:
        rows = await session.scalars(select(NoticeDelivery).order_by(NoticeDelivery.id))
        return [(row.channel, row.state, (row.last_error or "")[:5]) for row in rows if row.channel == "wechat" or row.state != "sent"]


async def test_a_notice_after_48_hours_goes_as_template_message(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    await _tell(settled, fan, "dispatched", clock)
    (told,) = [one["content"] for one in fan.inbox if one["via"] == "notice"]
    assert told["phrase2"] == "已转办"
    assert told["thing3"] == "市城市管理局照明管理处路灯维护中心第三…"
    assert "路灯三天" not in str(told), "nothing of the matter on a lock screen"
    assert ("wechat", "sent", "") in await _deliveries(settled)


async def test_a_repeat_with_unknown_outcome_is_dropped_by_the_platform(settled: World, clock: ManualClock) -> None:
    fan = settled.account.fan()
    settled.api.swallow.set()
    await _tell(settled, fan, "dispatched", clock)
    settled.api.swallow.clear()
    clock.advance(seconds=60)
    await settled.tick()
    assert settled.account.calls[TEMPLATE] >= 2
    assert len(fan.seen("notice")) == 1
    assert ("wechat", "sent", "") in await _deliveries(settled)


async def test_a_subscription_that_is_used_up_goes_on_by_sms(settled: World, clock: ManualClock) -> None:
    first, second = settled.account.fan(), settled.account.fan()
    first.subscriptions[SUBSCRIBED] = 1
    await _tell(settled, first, "extended", clock)
    assert len(first.seen("notice")) == 1
    await _tell(settled, second, "extended", clock)
    assert settled.account.calls[SUBSCRIPTION] == 2
    assert second.seen("notice") == []
    found = await _deliveries(settled)
    assert ("wechat", "given_up", "43101") in found
    assert any(channel == "sms" for channel, _state, _error in found), "and the neutral text message follows"


REFUSED = [("redo", True, "40037"), ("dispatched", False, "43004"), ("suspended", True, "45015")]


@pytest.mark.parametrize(("key", "follows", "code"), REFUSED)
async def test_what_the_platform_refuses_is_not_repeated(settled: World, clock: ManualClock, key: str, follows: bool, code: str) -> None:
    fan = settled.account.fan()
    fan.subscribed = follows
    await _tell(settled, fan, key, clock)
    for _ in range(3):
        clock.advance(hours=1)
        await settled.tick()
    assert settled.account.calls[SEND] == 1
    assert ("wechat", "given_up", code) in await _deliveries(settled)


def test_values_fit_the_types_of_the_platform(clock: ManualClock) -> None:
    approved = Approved(id=PROGRESS, values={**VALUES, "thing5": "{deadline}"})
    told = fill(approved, {"number": "12345-20261118-00871", "unit": "市\n城管局"}, clock.now())
    assert told["thing3"] == {"value": "市 城管局"}
    assert told["thing5"] == {"value": "无"}, "an empty value is refused"
    assert "年" in told["time4"]["value"]


@pytest.mark.parametrize("values", [{"thing1": "{title}"}, {"thing1": "{query_code}"}, {"words1": "x"}])
def test_a_file_that_would_tell_more_is_refused(tmp_path: Path, values: dict[str, str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(json.dumps({"templates": {"dispatched": {"id": PROGRESS, "values": values}}}), encoding="utf-8")
    with pytest.raises(TemplatesError, match="dispatched"):
        TemplateMap.read(file)
