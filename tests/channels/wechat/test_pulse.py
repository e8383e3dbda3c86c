"""The token itself, asked of the platform: what the administrator reads of each answer, and how often the platform is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from channels.console import health
from channels.wechat.api import Client
from channels.wechat.pulse import KEPT, Pulse, Watch
from hotline.clock import ManualClock
from tests.channels.wechat.world import World
from tests.simulators.wechat_api import CALLBACK_IP, STABLE_TOKEN


def _watch(world: World) -> Watch:
    client = Client.of(world.services.settings)
    assert client is not None
    return Watch(client, world.services.core.clock)


def _told(world: World, pulse: Pulse, *, demo: bool = False) -> health.Finding:
    facts = health.Facts(pulse.at, world.services.settings.model_copy(update={"demo": demo}), wechat=pulse)
    [found] = [each for each in health.of_channels(facts) if each.part == "微信令牌"]
    return found


async def test_a_good_token_is_said_and_asked_for_once_a_minute(world: World, clock: ManualClock) -> None:
    watch = _watch(world)
    first, *others = await asyncio.gather(*(watch.look() for _ in range(4)))
    assert set(others) == {first}
    assert world.account.calls[STABLE_TOKEN] == world.account.calls[CALLBACK_IP] == 1
    found = _told(world, first)
    assert (found.ok, found.seen) == (True, "平台认可，还有2小时有效")
    clock.advance(seconds=KEPT.total_seconds())
    await watch.look()
    assert world.account.calls[STABLE_TOKEN] == 2, "asked for anew, although the one we hold is still good"


@pytest.mark.parametrize(
    ("path", "code", "advice"),
    [(STABLE_TOKEN, 40164, "IP 白名单"), (STABLE_TOKEN, 40125, "AppSecret"), (CALLBACK_IP, 40001, "docs/wechat.md")],
)
async def test_each_refusal_says_what_to_do(world: World, path: str, code: int, advice: str) -> None:
    world.account.faults.append((path, code))
    found = _told(world, await _watch(world).look())
    assert not found.ok
    assert str(code) in found.seen
    assert advice in found.advice
    assert found.channel == "wechat"


async def test_a_platform_out_of_reach_is_an_answer(world: World) -> None:
    away = Watch(Client("wx1", "s", "http://127.0.0.1:9"), world.services.core.clock)
    pulse = await away.look()
    assert _told(world, pulse).seen == "连不上微信平台"
    assert _told(world, replace(pulse), demo=True).ok, "the demo's account does not exist"
