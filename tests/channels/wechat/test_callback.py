"""Who is let in: signatures, age, modes, sizes, unreadable input."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hotline.clock import ManualClock
from hotline.database import Database
from hotline.settings import Settings
from tests.channels.wechat.world import World, build
from tests.simulators.wechat_codec import MessageCipher, new_aes_key, sign, to_xml
from tests.simulators.wechat_platform import Mode
from ticketing.context import Core


@pytest.mark.parametrize("mode", ["plain", "compat", "safe"])
async def test_every_mode_is_answered_in_its_own_mode(settings: Settings, core: Core, database: Database, mode: Mode) -> None:
    async with build(settings, core, database, mode=mode) as world:
        fan = world.account.fan()
        assert await world.platform.verify_url()
        done = await world.platform.text(fan, "路灯坏了 🙂 <a>&amp;]]>")
        assert done.complaint is None
        assert done.attempts == ["200"]
        assert done.text == "答：路灯坏了 🙂 <a>&amp;]]>"


async def test_address_check_refuses_a_wrong_signature_and_echoes_as_plain_text(world: World) -> None:
    query = world.platform.envelope("<xml><ToUserName>x</ToUserName></xml>")[0]
    url = world.platform.callback_url
    async with world.http.get(url, params={**query, "signature": "0" * 40, "echostr": "x"}) as response:
        assert response.status == 403
    async with world.http.get(url, params={**query, "echostr": "<script>alert(1)</script>"}) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_forged_pushes_are_refused_and_leave_nothing(world: World) -> None:
    platform = world.platform
    xml = platform.xml(world.account.fan(), {"MsgType": "text", "Content": "a", "MsgId": 7})
    query, body = platform.envelope(xml)
    assert await platform.post({**query, "signature": "0" * 40}, body) == 403
    assert await platform.post({**query, "signature": "中"}, body) == 403
    assert await platform.post({**query, "msg_signature": "0" * 40}, body) == 403
    assert await platform.post({}, body) == 403
    assert await world.inbound() == []
    assert world.dialogue.begun == []


@pytest.mark.parametrize("seconds", [301, -301])
async def test_old_and_future_pushes_are_refused(world: World, clock: ManualClock, seconds: int) -> None:
    xml = world.platform.xml(world.account.fan(), {"MsgType": "text", "Content": "a", "MsgId": 7})
    query, body = world.platform.envelope(xml)
    clock.advance(seconds=seconds)
    assert await world.platform.post(query, body) == 403
    assert await world.inbound() == []


async def test_timestamp_that_is_no_number_is_refused(world: World) -> None:
    for stamp in ("", "x", "１２３", "9" * 40):
        query = {"timestamp": stamp, "nonce": "n", "signature": sign(world.account.token, stamp, "n")}
        assert await world.platform.post(query, "<xml/>") == 403


@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_the_same_signature_with_another_body_is_refused(settings: Settings, core: Core, database: Database, mode: Mode) -> None:
    async with build(settings, core, database, mode=mode) as world:
        fan, platform = world.account.fan(), world.platform
        query, body = platform.envelope(platform.xml(fan, {"MsgType": "text", "Content": "a", "MsgId": 7}))
        other_xml = platform.xml(fan, {"MsgType": "text", "Content": "b", "MsgId": 8})
        other = other_xml
        forged = dict(query)
        if mode == "safe":  # even one that a holder of the keys has sealed anew
            sealed = world.account.cipher.encrypt(other_xml)
            forged["msg_signature"] = sign(world.account.token, query["timestamp"], query["nonce"], sealed)
            other = to_xml({"ToUserName": "x", "Encrypt": sealed})
        assert await platform.post(query, body) == 200
        assert await platform.post(forged, other) == 403
        assert await platform.post(query, "<xml>") == 403
        again = await world.instance()  # another process knows it as well
        platform.callback_url = again
        assert await platform.post(forged, other) == 403
        assert await platform.post(query, body) == 200
        assert world.dialogue.begun == ["a"]


async def _say_with(world: World, query: dict[str, str]) -> int:
    """Try to speak for a citizen with somebody else's signature, in plain mode."""
    xml = world.platform.xml(world.account.fan(), {"MsgType": "text", "Content": "不满意", "MsgId": 99})
    return await world.platform.post(query, xml)


async def test_the_signature_of_an_event_that_is_not_kept_serves_for_nothing_else(
    settings: Settings, core: Core, database: Database
) -> None:
    async with build(settings, core, database, mode="plain") as world:
        platform = world.platform
        place = {"MsgType": "event", "Event": "LOCATION", "Latitude": "1", "Longitude": "2", "Precision": "3"}
        query, body = platform.envelope(platform.xml(world.account.fan(), place))
        assert await platform.post(query, body) == 200
        assert await _say_with(world, query) == 403
        assert await platform.post(query, body) == 200, "the platform's own repeat"
        assert world.dialogue.begun == []


async def test_the_signature_of_the_address_check_serves_for_no_message(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, mode="plain") as world:
        query = world.platform.envelope("<xml></xml>")[0]
        for _ in range(2):
            async with world.http.get(world.platform.callback_url, params={**query, "echostr": "x"}) as response:
                assert (response.status, await response.text()) == (200, "x")
        assert await _say_with(world, query) == 403
        async with world.http.get(world.platform.callback_url, params={**query, "echostr": "y"}) as response:
            assert response.status == 403
        assert world.dialogue.begun == []


async def test_the_signature_of_an_unreadable_push_serves_for_nothing_else(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, mode="plain") as world:
        query = world.platform.envelope("<xml></xml>")[0]
        assert await world.platform.post(query, "<xml>") == 400
        assert await _say_with(world, query) == 403
        assert world.dialogue.begun == []


@pytest.mark.parametrize("shift", [1, 2])
async def test_a_signature_cannot_be_reused_by_moving_the_border_of_its_parts(
    settings: Settings, core: Core, database: Database, shift: int
) -> None:
    async with build(settings, core, database, mode="plain") as world:
        stamp, nonce, token = str(int(core.clock.now().timestamp())), "00100", world.account.token
        query = {"timestamp": stamp, "nonce": nonce, "signature": sign(token, stamp, nonce)}
        moved = {**query, "timestamp": "0" * shift + stamp, "nonce": nonce[:-shift]}
        assert sign(token, moved["timestamp"], moved["nonce"]) == query["signature"], "the same proof, written otherwise"
        xml = world.platform.xml(world.account.fan(), {"MsgType": "text", "Content": "a", "MsgId": 7})
        assert await world.platform.post(query, xml) == 200
        assert await _say_with(world, moved) == 403
        fresh = {**query, "timestamp": "0" * shift + stamp, "nonce": "4711"}
        assert await _say_with(world, {**fresh, "signature": sign(token, fresh["timestamp"], "4711")}) == 403, "never with leading zeros"
        assert world.dialogue.begun == ["a"]


async def test_plain_mode_can_be_switched_off(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, wechat_require_encryption=True) as world:
        fan, platform = world.account.fan(), world.platform
        assert (await platform.text(fan, "a")).text == "答：a"
        platform.mode = "plain"
        query, body = platform.envelope(platform.xml(fan, {"MsgType": "text", "Content": "b", "MsgId": 9}))
        assert await platform.post(query, body) == 403


async def test_the_previous_aes_key_is_still_accepted_and_answered_with(settings: Settings, core: Core, database: Database) -> None:
    old, new = new_aes_key(), new_aes_key()
    async with build(settings, core, database, wechat_aes_key=new, wechat_aes_key_previous=old) as world:
        fan = world.account.fan()
        for key in (old, new):
            world.account.aes_key = key
            assert (await world.platform.text(fan, "a")).text == "答：a"


async def test_another_account_or_an_unknown_key_is_unreadable(world: World) -> None:
    platform, account = world.platform, world.account
    xml = platform.xml(account.fan(), {"MsgType": "text", "Content": "a", "MsgId": 7})
    for cipher in (MessageCipher(account.aes_key, "wxother"), MessageCipher(new_aes_key(), account.app_id)):
        query, _ = platform.envelope(xml)
        sealed = cipher.encrypt(xml)
        query["msg_signature"] = sign(account.token, query["timestamp"], query["nonce"], sealed)
        assert await platform.post(query, to_xml({"Encrypt": sealed})) == 400
    assert await world.inbound() == []


UNREADABLE = {
    "empty": "",
    "no XML": "hello",
    "cut": "<xml><MsgType>",
    "other root": "<a></a>",
    "empty root": "<xml></xml>",
    "entity": "<!DOCTYPE x [<!ENTITY a 'b'>]><xml><MsgType>&a;</MsgType></xml>",
    "type is doubled": "<xml><MsgType>text</MsgType><MsgType>text</MsgType></xml>",
    "type is nested": "<xml><MsgType><a>1</a></MsgType></xml>",
    "type is empty": "<xml><MsgType></MsgType><FromUserName>o1</FromUserName><ToUserName>g</ToUserName></xml>",
    "no sender": "<xml><MsgType>text</MsgType><ToUserName>g</ToUserName></xml>",
    "sender is empty": "<xml><MsgType>text</MsgType><FromUserName></FromUserName><ToUserName>g</ToUserName></xml>",
    "sender is no openid": "<xml><MsgType>text</MsgType><FromUserName>a b</FromUserName><ToUserName>g</ToUserName></xml>",
    "event key is nested": (
        "<xml><MsgType>event</MsgType><Event>subscribe</Event><EventKey><a>1</a></EventKey>"
        "<FromUserName>o1</FromUserName><ToUserName>g</ToUserName></xml>"
    ),
    "not UTF-8": "<xml>\udcff</xml>",
    "deeply nested": "<a>" * 20_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_unreadable_pushes_are_answered_with_400(settings: Settings, core: Core, database: Database, mode: Mode, body: str) -> None:
    async with build(settings, core, database, mode="plain") as world:
        query, _ = world.platform.envelope("<xml></xml>")
        if mode == "safe":
            query["encrypt_type"] = "aes"
        assert await world.platform.post(query, body) == 400
        assert await world.inbound() == []


async def test_unreadable_inside_the_cipher_is_answered_with_400(world: World) -> None:
    for inner in ("", "hello", "<xml></xml>"):
        query, _ = world.platform.envelope("<xml><ToUserName>x</ToUserName></xml>")
        sealed = world.account.cipher.encrypt(inner)
        query["msg_signature"] = sign(world.account.token, query["timestamp"], query["nonce"], sealed)
        assert await world.platform.post(query, to_xml({"Encrypt": sealed})) == 400


async def test_too_large_bodies_are_refused_with_and_without_announced_length(world: World) -> None:
    query, _ = world.platform.envelope("<xml><ToUserName>x</ToUserName></xml>")
    assert await world.platform.post(query, "x" * (64 * 1024 + 1)) == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    async with world.http.post(world.platform.callback_url, params=query, data=pieces()) as response:
        assert response.status == 413


async def test_the_channel_is_off_without_a_token(settings: Settings, core: Core, database: Database) -> None:
    async with build(settings, core, database, wechat_token="") as world:
        assert await world.platform.post({}, "") == 404


async def test_what_citizens_wrote_lies_sealed_in_the_journal(world: World) -> None:
    fan = world.account.fan()
    await world.platform.text(fan, "井盖丢了")
    [row] = await world.inbound()
    stored = " ".join(str(value) for value in vars(row).values())
    assert fan.openid not in stored
    assert "井盖" not in stored
    assert "井盖" in core_open(world, row.body_sealed)
    assert row.answer is not None
    assert core_open(world, row.answer.encode()) == "答：井盖丢了"


def core_open(world: World, sealed: bytes) -> str:
    return world.services.core.vault.open(sealed)
