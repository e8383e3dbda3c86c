"""Customer messages: sent once, tried again only when that is safe, never lost without a trace."""

from __future__ import annotations

import asyncio

import pytest

from channels.outbox import LEASE, pause
from channels.wechat.api import Client
from channels.wechat.errors import PlatformRefused
from channels.wechat.outbox import queue_agent_reply
from channels.wechat.sender import Sender
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import IllegalStep, InvalidInput
from hotline.settings import Settings
from tests.channels.wechat.world import SaidAnswer, SaidTurn, World, build, until
from tests.simulators.wechat_account import Fan
from tests.simulators.wechat_api import SEND, STABLE_TOKEN
from ticketing.context import Core
from ticketing.conversation.models import Conversation
from ticketing.conversation.service import open_conversation


async def conversation_of(world: World, fan: Fan) -> Conversation:
    await world.platform.text(fan, "您好")
    async with world.services.database.transaction() as session:
        return await open_conversation(world.services.core, session, channel="wechat", party=fan.openid)


async def agent_says(world: World, conversation: Conversation, text: str) -> None:
    async with world.services.database.transaction() as session:
        await queue_agent_reply(world.services.core, session, conversation, text)


async def test_an_agents_reply_reaches_the_citizen_once(world: World) -> None:
    fan = world.account.fan()
    await agent_says(world, await conversation_of(world, fan), "我是3012号话务员 ]]> \x01")
    assert await asyncio.gather(*(world.tick() for _ in range(4)))
    assert fan.seen("custom") == ["我是3012号话务员 ]]> "]
    [row] = await world.outbox()
    assert row.state == "sent"
    assert "3012" not in str(row.payload)
    assert fan.openid not in str(vars(row))


async def test_only_wechat_conversations_take_an_agents_reply(world: World) -> None:
    async with world.services.database.transaction() as session:
        conversation = await open_conversation(world.services.core, session, channel="web")
        with pytest.raises(IllegalStep):
            await queue_agent_reply(world.services.core, session, conversation, "x")


async def test_a_reply_that_the_platform_would_refuse_for_its_length_is_refused_at_once(world: World) -> None:
    fan = world.account.fan()
    conversation = await conversation_of(world, fan)
    with pytest.raises(InvalidInput, match="分成几条"):
        await agent_says(world, conversation, "字" * 683)
    assert await world.outbox() == []
    await agent_says(world, conversation, "字" * 682)
    assert await world.told(fan) == ["字" * 682]


async def test_a_long_answer_that_comes_late_is_cut_to_the_platforms_limit(impatient: World) -> None:
    fan = impatient.account.fan()
    impatient.dialogue.say = lambda text: SaidTurn((SaidAnswer("字" * 1000),))
    impatient.dialogue.open.clear()
    await impatient.platform.text(fan, "x")
    impatient.dialogue.open.set()
    [text] = await impatient.told(fan)
    assert len(text.encode()) <= 2048
    assert text.endswith("字…")


@pytest.mark.parametrize("code", [-1, 45009, 45011])
async def test_a_busy_platform_is_asked_again_after_a_pause(world: World, clock: ManualClock, code: int) -> None:
    from tests.simulators import wechat_api

    wechat_api.MESSAGES.setdefault(code, "limit")
    fan = world.account.fan()
    await agent_says(world, await conversation_of(world, fan), "x")
    world.account.faults = [(SEND, code)] * 2
    for _ in range(3):
        await world.tick()
    assert world.account.calls[SEND] == 1  # not before the pause is over
    for _ in range(2):
        clock.advance(seconds=60)
        await world.tick()
    assert fan.seen("custom") == ["x"]


async def test_a_shut_window_is_never_tried_again_and_the_text_comes_with_the_next_answer(world: World, clock: ManualClock) -> None:
    fan = world.account.fan()
    conversation = await conversation_of(world, fan)
    clock.advance(hours=49)
    await agent_says(world, conversation, "处理好了")
    for _ in range(3):
        await world.tick()
        clock.advance(hours=1)
    assert world.account.calls[SEND] == 1
    assert [row.state for row in await world.outbox()] == ["parked"]
    done = await world.platform.text(fan, "在吗")
    assert done.text == "答：在吗\n\n（此前可能没有送达您的消息）\n\n处理好了"
    assert (await world.platform.text(fan, "好")).text == "答：好"


async def test_a_used_up_quota_is_not_tried_again(world: World) -> None:
    fan = world.account.fan()
    conversation = await conversation_of(world, fan)
    for number in range(7):
        await agent_says(world, conversation, str(number))
    await world.tick()
    await world.tick()
    assert fan.seen("custom") == ["0", "1", "2", "3", "4"]
    assert world.account.calls[SEND] == 7
    assert [row.last_error[:5] for row in (await world.outbox())[5:] if row.last_error] == ["45047", "45047"]


async def test_an_unknown_outcome_is_not_repeated_blindly(world: World, clock: ManualClock) -> None:
    fan = world.account.fan()
    await agent_says(world, await conversation_of(world, fan), "x")
    world.api.swallow.set()
    for _ in range(3):
        await world.tick()
        clock.advance(hours=1)
    assert fan.seen("custom") == ["x"]
    [row] = await world.outbox()
    assert (row.state, row.attempts) == ("parked", 1)


async def test_a_process_that_dies_while_sending_does_not_make_it_twice(world: World, clock: ManualClock) -> None:
    fan = world.account.fan()
    await agent_says(world, await conversation_of(world, fan), "x")
    world.api.hold = asyncio.Event()
    services = world.services
    client = channel_client(world)
    dying = asyncio.create_task(Sender(services.settings, services.core, services.database, client).send_waiting())

    async def is_sending() -> bool:
        return (await world.outbox())[0].last_error == "sending"

    await until(is_sending)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.api.hold.set()
    assert await world.tick() == 0  # the lease still runs
    clock.advance(seconds=LEASE.total_seconds() + 1)
    await world.tick()
    assert [row.state for row in await world.outbox()] == ["parked"]


def channel_client(world: World) -> Client:
    client = Client.of(world.services.settings)
    assert client is not None
    return client


async def test_a_platform_that_is_down_is_tried_until_the_last_try_then_parked(
    settings: Settings, core: Core, database: Database, clock: ManualClock
) -> None:
    async with build(settings, core, database, wechat_api_base="http://127.0.0.1:9") as world:
        fan = world.account.fan()
        await agent_says(world, await conversation_of(world, fan), "x")
        for _ in range(10):
            await world.tick()
            clock.advance(hours=1)
        [row] = await world.outbox()
        assert (row.state, row.attempts) == ("parked", 8)
        assert "secret" not in str(row.last_error)
        assert "token" not in str(row.last_error).lower()


async def test_without_app_secret_the_late_answer_comes_with_the_next_one(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, wechat_app_secret="", wechat_budget_s=0.2) as world:
        fan = world.account.fan()
        world.dialogue.open.clear()
        await world.platform.text(fan, "一")
        world.dialogue.open.set()
        await until(world.outbox)
        await world.tick()
        assert "答：一" in (await world.platform.text(fan, "二")).text


async def test_an_expired_token_is_renewed_once_for_all_and_refusals_do_not_loop(world: World) -> None:
    fan = world.account.fan()
    await world.platform.text(fan, "x")
    client = channel_client(world)
    await client.text(fan.openid, "1")
    world.account.tokens = dict.fromkeys(world.account.tokens, 0.0)
    world.account.calls.clear()
    await asyncio.gather(*(client.text(fan.openid, str(number)) for number in range(3)))
    assert world.account.calls[STABLE_TOKEN] == 1
    world.account.faults = [(SEND, 40001)] * 5
    world.account.calls.clear()
    with pytest.raises(PlatformRefused) as caught:
        await client.text(fan.openid, "8")
    assert caught.value.code == 40001
    assert world.account.calls[SEND] == 2
    assert world.account.current not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_pauses_grow_and_end_at_half_an_hour() -> None:
    assert 3 < pause(1).total_seconds() < 7
    assert pause(30).total_seconds() <= 1800 * 1.25
