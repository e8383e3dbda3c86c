"""One message, one work, one answer: repeats, several processes, slowness, crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import Unavailable
from hotline.settings import Settings
from tests.channels.wechat.world import World, build, until
from tests.simulators.wechat_account import Fan, Rules
from tests.simulators.wechat_platform import Platform
from ticketing.context import Core

BUSY = "已收到，正在为您处理，请稍候。"


async def post_same(world: World, xml: str, url: str) -> int:
    """The same message, newly signed, as the platform's repeats are."""
    query, body = world.platform.envelope(xml)
    return await Platform(world.account, world.http, url).post(query, body)


def text_xml(world: World, fan: Fan, content: str, message_id: int = 7) -> str:
    world.account.credit(fan, "message")
    return world.platform.xml(fan, {"MsgType": "text", "Content": content, "MsgId": message_id})


def begun(world: World, text: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return text in world.dialogue.begun

    return check


async def test_a_repeat_gets_the_stored_answer_from_any_process(world: World) -> None:
    fan, second = world.account.fan(), await world.instance()
    fields = {"MsgType": "text", "Content": "a", "MsgId": 7}
    first = await world.platform.push(fan, fields)
    for url in (world.platform.callback_url, second):
        world.platform.callback_url = url
        assert (await world.platform.push(fan, fields)).text == first.text == "答：a"
    assert world.dialogue.begun == ["a"]
    assert len(await world.inbound()) == 1


async def test_concurrent_repeats_at_two_processes_do_the_work_once(world: World) -> None:
    fan, second = world.account.fan(), await world.instance()
    xml = text_xml(world, fan, "a")
    urls = [world.platform.callback_url, second] * 5
    assert await asyncio.gather(*(post_same(world, xml, url) for url in urls)) == [200] * 10
    assert world.dialogue.begun == ["a"]
    assert len(await world.inbound()) == 1


async def test_events_of_the_same_second_are_told_apart(world: World) -> None:
    fan = world.account.fan()
    for key in ("MINE", "MINE", "GUIDE"):  # the second is a repeat in every field
        await world.platform.click(fan, key)
    assert len(await world.inbound()) == 2


async def test_two_citizens_may_share_a_message_id(world: World) -> None:
    for fan in (world.account.fan(), world.account.fan()):
        assert (await world.platform.push(fan, {"MsgType": "text", "Content": "a", "MsgId": 7})).text == "答：a"
    assert world.dialogue.begun == ["a", "a"]


async def test_slow_work_is_answered_received_and_told_exactly_once_later(impatient: World) -> None:
    world = impatient
    fan, second = world.account.fan(), await world.instance()
    world.dialogue.open.clear()
    done = await world.platform.text(fan, "慢")
    assert done.attempts == ["200"]
    assert done.text == BUSY
    xml = world.platform.xml(fan, {"MsgType": "text", "Content": "慢", "MsgId": 23_456_789_012_345_678})
    assert await post_same(world, xml, second) == 200  # a repeat waits for the same work, here or there
    assert await world.tick() == 0  # nothing is sent before it is known
    world.dialogue.open.set()
    await world.told(fan)
    for _ in range(3):
        await world.tick()
    assert fan.seen("custom") == ["答：慢"]
    assert world.dialogue.begun == ["慢"]
    assert fan.credits["message"][0] == 4


async def test_a_platform_that_gives_up_waiting_gets_the_answer_on_a_later_try(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, rules=Rules(reply_timeout_s=0.3)) as world:
        fan = world.account.fan()
        world.dialogue.open.clear()
        pushing = asyncio.create_task(world.platform.text(fan, "a"))
        await until(begun(world, "a"))
        asyncio.get_running_loop().call_later(0.4, world.dialogue.open.set)
        done = await pushing
        assert (done.attempts[0], done.attempts[-1]) == ("timeout", "200")
        assert done.text == "答：a"
        assert world.dialogue.begun == ["a"]
        await world.tick()
        assert fan.seen("custom") == []  # nothing was promised, so nothing is told twice


async def test_an_answer_that_came_after_the_promise_is_not_given_twice(impatient: World) -> None:
    """The «received» got lost on its way: the platform asks again when the answer is ready but not sent yet."""
    world = impatient
    fan = world.account.fan()
    world.dialogue.open.clear()
    fields = {"MsgType": "text", "Content": "a", "MsgId": 7}

    async def is_answered() -> bool:
        return (await world.inbound())[0].state == "answered"

    world.account.credit(fan, "message")
    assert (await world.platform.push(fan, fields)).text == BUSY
    world.dialogue.open.set()
    await until(is_answered)
    assert (await world.platform.push(fan, fields)).text == "答：a"  # taken back from the outbox
    await world.tick()
    assert fan.seen("custom") == []
    assert (await world.platform.push(fan, fields)).reply is None  # it was given; «success» ends the matter


async def test_messages_of_one_citizen_are_answered_in_their_order(impatient: World) -> None:
    world = impatient
    fan, second = world.account.fan(), await world.instance()
    world.dialogue.open.clear()
    assert (await world.platform.text(fan, "一")).text == BUSY
    world.platform.callback_url = second
    assert (await world.platform.text(fan, "二")).text == BUSY
    assert world.dialogue.begun == ["一"]
    other = world.account.fan()
    waiting = asyncio.create_task(world.platform.text(other, "别人"))
    await until(begun(world, "别人"))
    world.dialogue.open.set()
    await waiting
    await until(begun(world, "二"))
    assert await world.told(fan, 2) == ["答：一", "答：二"]


async def test_what_a_dead_process_left_behind_is_answered_later(world: World, clock: ManualClock) -> None:
    """kill -9 between store and answer: the row is there, leased to nobody who lives."""
    fan = world.account.fan()
    xml = text_xml(world, fan, "井盖丢了")
    await store_and_die(world, xml)
    assert await world.tick() == 0  # its lease still runs: perhaps the process lives
    clock.advance(seconds=13)
    await world.told(fan)
    assert fan.seen("custom") == ["答：井盖丢了"]
    assert world.dialogue.begun == ["井盖丢了"]
    clock.advance(seconds=60)
    assert await world.tick() == 0


async def test_a_repeat_after_a_crash_is_promised_and_told_once(impatient: World, clock: ManualClock) -> None:
    world = impatient
    fan = world.account.fan()
    xml = text_xml(world, fan, "a")
    await store_and_die(world, xml)
    assert await post_same(world, xml, world.platform.callback_url) == 200
    clock.advance(seconds=13)
    await world.told(fan)
    await world.tick()
    assert fan.seen("custom") == ["答：a"]


async def store_and_die(world: World, xml: str) -> None:
    """Do what a process does up to its sudden end."""
    from channels.wechat.envelope import Envelope
    from channels.wechat.journal import Journal
    from channels.wechat.signature import Signed

    query, body = world.platform.envelope(xml)
    push = Envelope.of(world.services.settings).open(query, body.encode())
    entry = await Journal(world.services.core, world.services.database).store(Signed.of(query), push)
    assert entry.ours


async def test_work_that_failed_is_promised_and_done_again(world: World, clock: ManualClock) -> None:
    fan = world.account.fan()
    world.dialogue.failures = [RuntimeError("defect"), Unavailable("bot")]
    assert (await world.platform.text(fan, "a")).text == BUSY
    for _ in range(2):
        clock.advance(seconds=9)
        await world.tick()
    await world.told(fan)
    assert fan.seen("custom") == ["答：a"]
    assert world.dialogue.begun == ["a", "a", "a"]


async def test_work_that_keeps_failing_ends_with_an_apology(world: World, clock: ManualClock) -> None:
    fan = world.account.fan()
    world.dialogue.failures = [RuntimeError(str(number)) for number in range(9)]
    assert (await world.platform.text(fan, "a")).text == BUSY
    for _ in range(8):
        clock.advance(seconds=65)
        await world.tick()
    assert fan.seen("custom") == ["抱歉，系统没能处理您刚才的消息。请您再发一次，或拨打12345。"]
    assert len(world.dialogue.begun) == 5
    assert (await world.inbound())[0].state == "failed"


async def test_a_message_that_kills_processes_is_given_up(world: World, clock: ManualClock) -> None:
    from channels.wechat.journal import Journal

    fan = world.account.fan()
    await store_and_die(world, text_xml(world, fan, "a"))
    journal = Journal(world.services.core, world.services.database)
    for _ in range(7):  # each time somebody takes it and dies
        clock.advance(seconds=13)
        assert len(await journal.abandoned()) == 1
    clock.advance(seconds=13)
    await world.tick()
    assert fan.seen("custom") == ["抱歉，系统没能处理您刚才的消息。请您再发一次，或拨打12345。"]
    assert world.dialogue.begun == []


async def test_without_a_database_the_platform_is_asked_to_come_again(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, rules=Rules(attempts=1)) as world:
        fan = world.account.fan()
        gone = Database("postgresql://nobody@127.0.0.1:9/none")
        world.services.database = gone
        world.platform.callback_url = await world.instance()
        done = await world.platform.text(fan, "a")
        assert done.attempts == ["503"]
        await gone.close()
