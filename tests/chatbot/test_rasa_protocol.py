"""Our action endpoint, run for real, and a small scripted Rasa that is slow, broken, dead, late or forged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import func, select

from chatbot.actions import create_app
from chatbot.dialogue import Dialogue
from chatbot.rasa_client import MOST_AT_ONCE, RasaClient, derive, read_turn_token, turn_token
from chatbot.rasa_files import ACTIONS_PATH
from hotline.database import Database
from ticketing.context import Core
from ticketing.conversation.models import Message, Owner
from ticketing.conversation.service import get_conversation
from ticketing.ticket.models import Ticket

Begin = Callable[[str], Awaitable[UUID]]


async def serve(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    return runner, f"http://127.0.0.1:{port}"


@dataclass
class ScriptedRasa:
    """Speaks Rasa's REST protocol. `behave` is what it does with a message before it answers."""

    actions_url: str
    key: str
    channel_key: str
    behave: str = "good"
    intent: str = "ask_guide"
    seen: list[dict[str, Any]] = field(default_factory=list)
    aligned: list[Any] = field(default_factory=list)
    returned: list[tuple[int, Any]] = field(default_factory=list)
    late: list[asyncio.Task[None]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post("/webhooks/rest/webhook", self.hook),
                web.post("/conversations/{id}/tracker/events", self.events),
                web.get("/status", self.status),
            ]
        )
        return app

    async def hook(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.channel_key}":
            return web.json_response({"error": "token"}, status=401)
        body = await request.json()
        self.seen.append(body)
        match self.behave:
            case "error":
                return web.json_response({"error": "boom"}, status=500)
            case "garbage":
                return web.Response(text="<html>not json")
            case "number":
                return web.json_response(7)
            case "nothing":
                return web.json_response([])
            case "cut":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "slow":
                self.late.append(asyncio.create_task(self._act_later(body)))
                await self.go.wait()
            case "twice":
                await self.act(body)
                await self.act(body)
            case _:
                await self.act(body)
        return web.json_response([])

    async def _act_later(self, body: dict[str, Any]) -> None:
        await self.go.wait()
        await self.act(body)

    async def act(self, body: dict[str, Any], action: str = "action_answer", **changes: Any) -> tuple[int, Any]:
        call = {
            "next_action": action,
            "sender_id": body["sender"],
            "tracker": {
                "latest_message": {"intent": {"name": self.intent, "confidence": 0.9}, "metadata": body["metadata"]},
                "active_loop": {},
            },
            **changes,
        }
        async with aiohttp.ClientSession() as session:
            async with session.post(self.actions_url, json=call, headers={"Authorization": f"Bearer {self.key}"}) as response:
                answer = (response.status, await response.json(content_type=None) if response.status == 200 else await response.text())
        self.returned.append(answer)
        return answer

    async def events(self, request: web.Request) -> web.Response:
        self.aligned.append(await request.json())
        return web.json_response({})

    async def status(self, request: web.Request) -> web.Response:
        return web.json_response({"model_file": "m"}, status=200 if request.query.get("token") else 401)


@pytest.fixture
async def rasa(core: Core, database: Database) -> AsyncIterator[tuple[ScriptedRasa, str]]:
    async def ready() -> str | None:
        return None

    actions, actions_url = await serve(create_app(core, database, ready))
    peer = ScriptedRasa(actions_url + ACTIONS_PATH, derive(core.secret, "rasa-actions"), derive(core.secret, "rasa-channel"))
    runner, url = await serve(peer.app())
    yield peer, url
    peer.go.set()
    await asyncio.gather(*peer.late, return_exceptions=True)
    await runner.cleanup()
    await actions.cleanup()


@pytest.fixture
async def talk(core: Core, database: Database, rasa: tuple[ScriptedRasa, str]) -> AsyncIterator[Dialogue]:
    dialogue = Dialogue(core, database, RasaClient(rasa[1], core.secret, timeout_s=5))
    yield dialogue
    await dialogue.close()


async def count(database: Database, author: str) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).where(Message.author == author)) or 0


async def test_rasa_decides_and_our_endpoint_answers(
    begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], database: Database
) -> None:
    turn = await talk.turn(await begin("web"), "身份证丢了怎么补办")
    assert not turn.degraded
    assert turn.answers[0].article_id is not None
    ((status, answer),) = rasa[0].returned
    assert status == 200
    assert answer["responses"][0]["custom"]["articles"] == [{"id": turn.answers[0].article_id, "version": 1}]
    assert "text" not in answer["responses"][0]


async def test_digits_do_not_reach_rasa(begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
    await talk.turn(await begin("web"), "我的号码是13800002716")
    assert rasa[0].seen[0]["message"] == "我的号码是00000000000"


async def test_the_form_through_rasa_ends_in_one_ticket_and_rasa_is_told(
    begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], database: Database
) -> None:
    conversation = await begin("web")
    rasa[0].intent, rasa[0].behave = "file_complaint", "twice"
    for line in ("门口那条路全是坑", "青石区建设路", "昨天", "跳过", "跳过", "对"):
        turn = await talk.turn(conversation, line)
        assert not turn.degraded
    assert turn.ticket is not None
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 1
    assert await count(database, "bot") == 6
    opened, closed = rasa[0].returned[0][1]["events"], rasa[0].returned[-1][1]["events"]
    assert opened == [{"event": "followup", "name": "complaint_form"}]
    assert closed == []


async def test_the_validation_call_says_what_is_asked_and_when_it_is_over(
    begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], core: Core, database: Database
) -> None:
    conversation = await begin("web")
    rasa[0].intent = "file_complaint"
    await talk.turn(conversation, "路灯坏了")
    status, answer = await rasa[0].act(rasa[0].seen[-1], "validate_complaint_form")
    assert (status, answer["events"]) == (200, [{"event": "slot", "name": "complaint_step", "value": "where"}])
    await talk.turn(conversation, "取消登记")
    status, answer = await rasa[0].act(rasa[0].seen[-1], "validate_complaint_form")
    assert {"event": "slot", "name": "requested_slot", "value": None} in answer["events"]


@pytest.mark.parametrize("behave", ["error", "garbage", "number", "nothing", "cut"])
async def test_a_broken_rasa_is_replaced_at_once(
    begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], database: Database, behave: str
) -> None:
    rasa[0].behave = behave
    turn = await talk.turn(await begin("web"), "身份证丢了怎么补办")
    assert turn.degraded
    assert turn.answers[0].article_id is not None
    assert await count(database, "bot") == 1


async def test_a_slow_rasa_is_not_waited_for_and_its_late_action_changes_nothing(
    begin: Begin, core: Core, rasa: tuple[ScriptedRasa, str], database: Database
) -> None:
    rasa[0].behave, rasa[0].intent = "slow", "file_complaint"
    dialogue = Dialogue(core, database, RasaClient(rasa[1], core.secret, timeout_s=0.3))
    conversation = await begin("web")
    turn = await dialogue.turn(conversation, "身份证丢了怎么补办")
    assert turn.degraded
    assert turn.answers[0].article_id is not None
    rasa[0].go.set()
    await asyncio.gather(*rasa[0].late)
    assert rasa[0].returned[0][0] == 200
    assert await count(database, "bot") == 1
    async with database.transaction() as session:
        assert (await get_conversation(session, conversation)).draft is None
    turn = await dialogue.turn(conversation, "护照多久能办好")  # left alone for a while after the failure
    assert turn.degraded
    assert len(rasa[0].seen) == 1
    await dialogue.close()


async def test_a_dead_rasa(begin: Begin, core: Core, database: Database) -> None:
    dialogue = Dialogue(core, database, RasaClient("http://127.0.0.1:9", core.secret, timeout_s=1))
    turn = await dialogue.turn(await begin("phone"), "楼上天天半夜施工")
    assert turn.degraded
    assert turn.form_open
    await dialogue.close()


async def test_a_busy_rasa_is_passed_over_at_once(begin: Begin, core: Core, rasa: tuple[ScriptedRasa, str], database: Database) -> None:
    rasa[0].behave = "slow"
    dialogue = Dialogue(core, database, RasaClient(rasa[1], core.secret, timeout_s=20))
    conversations = [await begin("web") for _ in range(MOST_AT_ONCE + 1)]
    waiting = [asyncio.create_task(dialogue.turn(one, "身份证丢了怎么补办")) for one in conversations[:-1]]
    async with asyncio.timeout(20):
        while len(rasa[0].seen) < MOST_AT_ONCE:
            await asyncio.sleep(0.01)
        turn = await dialogue.turn(conversations[-1], "身份证丢了怎么补办")
    assert turn.degraded
    rasa[0].go.set()
    await asyncio.gather(*waiting)
    turn = await dialogue.turn(conversations[-1], "护照多久能办好")
    assert len(rasa[0].seen) == MOST_AT_ONCE + 1
    await dialogue.close()


async def test_after_turns_without_rasa_its_memory_is_set_right(
    begin: Begin, core: Core, database: Database, rasa: tuple[ScriptedRasa, str]
) -> None:
    conversation = await begin("web")
    alone = Dialogue(core, database, RasaClient("http://127.0.0.1:9", core.secret, timeout_s=1))
    await alone.turn(conversation, "路灯坏了")
    await alone.close()
    together = Dialogue(core, database, RasaClient(rasa[1], core.secret, timeout_s=5))
    turn = await together.turn(conversation, "建设路")
    assert not turn.degraded
    assert rasa[0].aligned[0][0] == {"event": "restart"}
    assert {"event": "active_loop", "name": "complaint_form"} in rasa[0].aligned[0]
    await together.turn(conversation, "昨天")
    assert len(rasa[0].aligned) == 1
    await together.close()


async def test_after_an_agent_gave_it_back_rasa_starts_anew(
    begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], database: Database
) -> None:
    conversation = await begin("web")
    await talk.turn(conversation, "身份证丢了怎么补办")
    async with database.transaction() as session:
        row = await get_conversation(session, conversation)
        row.bot_state = {**row.bot_state, "restart": True}  # as ticketing.conversation.service.give_back does
    await talk.turn(conversation, "护照多久能办好")
    assert rasa[0].aligned == [[{"event": "restart"}, {"event": "action", "name": "action_listen"}]]


async def test_nothing_goes_to_rasa_after_the_hand_over(begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
    conversation = await begin("web")
    await talk.turn(conversation, "转人工")
    await talk.turn(conversation, "身份证丢了怎么补办")
    assert rasa[0].seen == []


class TestEndpoint:
    async def test_without_the_key_nobody_acts(self, begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
        await talk.turn(await begin("web"), "身份证丢了怎么补办")
        rasa[0].key = "wrong"
        assert (await rasa[0].act(rasa[0].seen[0]))[0] == 401

    async def test_turns_that_we_did_not_begin_are_refused(self, begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
        conversation = await begin("web")
        await talk.turn(conversation, "身份证丢了怎么补办")
        genuine = rasa[0].seen[0]["metadata"]["turn"]
        for token in ("", "1", "1.", genuine[:-1] + ("1" if genuine.endswith("0") else "0"), "²." + "0" * 64, "9" * 30 + "." + "0" * 64):
            body = {"sender": str(conversation), "metadata": {"turn": token}}
            assert (await rasa[0].act(body))[0] == 403, token
        other = {"sender": str(await begin("web")), "metadata": {"turn": genuine}}
        assert (await rasa[0].act(other))[0] == 403

    async def test_unknown_actions_and_bad_bodies(self, begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
        await talk.turn(await begin("web"), "身份证丢了怎么补办")
        body = rasa[0].seen[0]
        assert (await rasa[0].act(body, "action_delete_everything"))[0] == 404
        assert (await rasa[0].act(body, tracker={}))[0] == 400
        assert (await rasa[0].act({**body, "sender": "somebody"}))[0] == 400
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {rasa[0].key}"}) as session:
            for raw in (b"", b"[]", b"{", b"null", b"\xff"):
                async with session.post(rasa[0].actions_url, data=raw) as response:
                    assert response.status == 400, raw
            async with session.post(rasa[0].actions_url, data=b"{" + b" " * 3_000_000) as response:
                assert response.status == 413

    async def test_an_unknown_intent_is_an_unsure_one(self, begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str]) -> None:
        rasa[0].intent = "something_new"
        turn = await talk.turn(await begin("web"), "身份证丢了怎么补办")
        assert turn.answers[0].article_id is not None

    async def test_an_action_for_a_conversation_with_a_person_says_nothing(
        self, begin: Begin, talk: Dialogue, rasa: tuple[ScriptedRasa, str], core: Core, database: Database
    ) -> None:
        conversation = await begin("web")
        await talk.turn(conversation, "转人工")
        await talk.turn(conversation, "身份证丢了怎么补办")
        async with database.transaction() as session:
            last = await session.scalar(select(func.max(Message.id)).where(Message.author == "citizen"))
            assert (await get_conversation(session, conversation)).owner == Owner.QUEUE.value
        body = {"sender": str(conversation), "metadata": {"turn": turn_token(core.secret, conversation, last or 0)}}
        status, answer = await rasa[0].act(body)
        assert (status, answer["responses"]) == (200, [])


def test_turn_tokens_belong_to_one_conversation_and_message() -> None:
    conversation, secret = uuid4(), "s" * 40
    token = turn_token(secret, conversation, 7)
    assert read_turn_token(secret, conversation, token) == 7
    assert read_turn_token(secret, uuid4(), token) is None
    assert read_turn_token("t" * 40, conversation, token) is None
    assert read_turn_token(secret, conversation, "8" + token[1:]) is None
