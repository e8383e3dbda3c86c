"""The demo's other systems believe only what is signed, and the same push twice has one effect."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from channels.hooks.post import signature
from hotline.clock import ManualClock
from hotline.demo.neighbour import HOST, TICKETS, Known, Neighbour
from tests.ports import free_port

SECRET = "exs_of_the_test"


async def _push(url: str, clock: ManualClock, secret: str) -> tuple[int, str]:
    body = json.dumps({"message_id": "asg_7", "number": "12345-20261118-00001"}).encode()
    moment = int(clock.now().timestamp())
    headers = {"Webhook-Signature": f"t={moment},v1={signature(secret, moment, body)}"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_only_what_is_signed_counts_and_only_once(clock: ManualClock) -> None:
    arrived: list[str] = []
    known = Known(free_port(), {TICKETS: SECRET})
    url = f"http://{HOST}:{known.port}{TICKETS}"
    async with Neighbour(known, clock, arrived.append).listening():
        assert (await _push(url, clock, "another secret"))[0] == 401
        assert arrived == []
        first, again = await _push(url, clock, SECRET), await _push(url, clock, SECRET)
    assert first == again == (200, '{"external_id": "GS000007"}')
    assert arrived == ["12345-20261118-00001"]


def test_what_it_knows_is_for_our_account_only(tmp_path: Path) -> None:
    Known(1, {TICKETS: SECRET}, "token", ["n"]).write(tmp_path)
    assert (tmp_path / "neighbour.json").stat().st_mode & 0o077 == 0
    assert Known.read(tmp_path) == Known(1, {TICKETS: SECRET}, "token", ["n"])
