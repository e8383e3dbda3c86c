"""WeChat against the real service: the platform is played by the stand-in, which signs, encrypts, waits and repeats."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hotline.demo.secrets import read
from tests.e2e.demo import Demo
from tests.simulators.wechat_account import Account, Fan, Pushed
from tests.simulators.wechat_api import Api
from tests.simulators.wechat_platform import Mode, Platform

NUMBER = re.compile(r"12345-\d{8}-\d{5}")
VOICE = Path(__file__).parents[1] / "channels" / "wechat" / "complaint.amr"
_message_ids = itertools.count(time.time_ns() // 1000)
"""Other than those of a run before on the same data."""


@dataclass
class WeChat:
    """The platform around the running service."""

    platform: Platform
    account: Account

    async def say(self, fan: Fan, *lines: str) -> str:
        """Type lines; the last answer, passive or later."""
        text = ""
        for line in lines:
            before = len(fan.seen("custom"))
            done = await self.platform.text(fan, line)
            assert done.complaint is None, done
            text = done.text
            if text.startswith("已收到"):
                await until(lambda before=before: len(fan.seen("custom")) > before)
                text = fan.seen("custom")[-1]
        return text

    async def deliver(self, fan: Fan, content: str) -> Pushed:
        """One message, repeated by the platform until it is acknowledged."""
        self.account.credit(fan, "message")
        fields = {"MsgType": "text", "Content": content, "MsgId": next(_message_ids)}
        async with asyncio.timeout(120):
            while (done := await self.platform.push(fan, fields)).complaint:
                await asyncio.sleep(0.2)
        return done


async def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def wechat(demo: Demo, mode: Mode = "safe") -> AsyncIterator[WeChat]:
    keys = read(demo.data_dir / "secrets.env")
    account = Account(
        app_id=keys["HOTLINE_WECHAT_APP_ID"],
        secret=keys["HOTLINE_WECHAT_APP_SECRET"],
        token=keys["HOTLINE_WECHAT_TOKEN"],
        aes_key=keys["HOTLINE_WECHAT_AES_KEY"],
        ids=_message_ids,
    )
    runner = web.AppRunner(Api(account).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", demo.wechat_api_port).start()
    try:
        async with aiohttp.ClientSession() as http:
            yield WeChat(Platform(account, http, f"{demo.url}/wechat", mode=mode), account)
    finally:
        await runner.cleanup()


def tickets_of(demo: Demo, content: str) -> list[str]:
    return demo.sql(f"SELECT number FROM ticket WHERE channel = 'wechat' AND content LIKE '%{content}%' ORDER BY id")


@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_an_appeal_from_question_to_progress(demo: Demo, mode: Mode) -> None:
    content = f"滨河路{next(_message_ids) % 100000}号门口井盖丢了"
    async with wechat(demo, mode) as world:
        fan = world.account.fan()
        assert await world.platform.verify_url()
        assert "云川市12345热线" in (await world.platform.follow(fan)).text
        assert "身份证" in await world.say(fan, "居民身份证丢失补领怎么办")
        text = await world.say(fan, "我要投诉", content, "跳过", "跳过", "跳过", "对")
        found = NUMBER.search(text)
        assert found is not None, text
        assert tickets_of(demo, content) == [found.group()]
        assert found.group() in await world.say(fan, "我的工单")
        assert found.group() in await world.say(fan, f"工单{found.group()}办到哪了")


async def test_a_voice_message_starts_the_form(demo: Demo) -> None:
    async with wechat(demo) as world:
        fan = world.account.fan()
        done = await world.platform.voice(fan, VOICE.read_bytes())
        if done.text.startswith("已收到"):
            await until(lambda: fan.seen("custom"))
        text = (fan.seen("custom") or [done.text])[0]
        assert text.startswith("听到您说：“我要投诉井盖丢了")


async def test_twenty_citizens_at_once_are_answered_in_time(demo: Demo) -> None:
    async with wechat(demo) as world:
        fans = [world.account.fan() for _ in range(20)]
        done = await asyncio.gather(*(world.platform.text(fan, "我的工单") for fan in fans))
        assert {tuple(one.attempts) for one in done} == {("200",)}
        assert all(one.complaint is None for one in done)


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1, 0.3])
async def test_kill_9_of_the_web_process_loses_and_doubles_nothing(demo: Demo, after_s: float) -> None:
    content = f"滨河路{next(_message_ids) % 100000}号门口井盖丢了"
    async with wechat(demo) as world:
        fan = world.account.fan()
        await world.say(fan, "我要投诉", content, "跳过", "跳过", "跳过")
        sending = asyncio.create_task(world.deliver(fan, "对"))
        await asyncio.sleep(after_s)
        killed = await asyncio.to_thread(demo.kill, "web")
        await sending
        await asyncio.to_thread(demo.until_restarted, "web", killed)

        def told() -> list[str]:
            return [text for via in ("passive", "custom") for text in fan.seen(via) if NUMBER.search(text)]

        await until(told)
        numbers = tickets_of(demo, content)
        assert len(numbers) == 1
        assert {NUMBER.search(text).group() for text in told()} == set(numbers)  # type: ignore[union-attr]
        assert len(told()) == 1


@dataclass
class Agent:
    """A person at the console, by plain HTTP."""

    demo: Demo
    http: aiohttp.ClientSession
    csrf: str = ""

    async def get(self, path: str) -> str:
        async with self.http.get(self.demo.url + path) as response:
            page = await response.text()
            assert response.status == 200, page
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        self.csrf = found.group(1) if found else self.csrf
        return page

    async def post(self, path: str, **fields: str) -> None:
        async with self.http.post(self.demo.url + path, data={"csrf": self.csrf, **fields}) as response:
            assert response.status == 200, await response.text()


async def test_an_agents_reply_reaches_the_citizen_though_the_scheduler_dies(demo: Demo) -> None:
    async with wechat(demo) as world, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        fan, words = world.account.fan(), f"转人工，{next(_message_ids)}"
        await world.say(fan, words)
        conversation = demo.sql(f"SELECT conversation_id FROM message WHERE text = '{words}'")[0]
        agent = Agent(demo, http)
        await agent.get("/console/login")
        await agent.post("/console/login", login="agent", password="demo-12345")
        await agent.get(f"/console/chats?id={conversation}")
        await agent.post(f"/console/chats/{conversation}/take")
        await agent.get(f"/console/chats?id={conversation}")
        killed = await asyncio.to_thread(demo.kill, "scheduler")
        await agent.post(f"/console/chats/{conversation}/say", text="您好，我是话务员")
        await asyncio.to_thread(demo.until_restarted, "scheduler", killed)
        await until(lambda: fan.seen("custom"))
        assert (await world.platform.text(fan, "谢谢")).reply is None  # the bot keeps out of it
        assert fan.seen("custom") == ["您好，我是话务员"]


def test_the_command_plays_a_citizen(demo: Demo) -> None:
    done = demo.hotline("wechat", "say", "转人工", "--as", "e2e", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert answer["status"] == 200
    assert "转人工" in answer["reply"]
