"""Articles by the API: the same life as on the pages, by the same door."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from channels.api import articles
from channels.api.call import Operation
from knowledge.article import service
from tests.channels.console.test_articles import editor2, put_live
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs
from tests.channels.staff_api.test_roles import sample
from ticketing.access_token.models import TokenScope
from ticketing.conversation.models import Author
from ticketing.conversation.service import add_message, open_conversation
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Role
from ticketing.people.permissions import roles_with

__all__ = ["editor2"]

CONTENT: dict[str, Any] = {
    "title": "养犬登记", "scene": "城市管理", "questions": ["狗证怎么办"], "spoken": "到派出所办理。", "checked_on": "2026-11-01",
    "valid_from": "2026-01-01", "valid_until": "2027-12-31", "spoken_parts": {"fee": "二百元。"},
    "body": {
        "conditions": "居民", "materials": ["身份证"], "procedure": ["申请"], "time_limit": {"statutory": "十日"}, "fee": "200元",
        "address": "派出所", "phone": "0000-1", "basis": "条例",
    },
}  # fmt: skip
KEEPERS = roles_with("knowledge.supply", "knowledge.approve", "knowledge.publish")
MAY = {
    **dict.fromkeys(("listArticles", "getArticle"), roles_with("knowledge.read")),
    **dict.fromkeys(("createArticle",), roles_with("knowledge.supply", "knowledge.approve")),
    **dict.fromkeys(
        ("listArticleVersions", "addArticleVersion", "getArticleVersion", "compareArticleVersions", "listArticleAnswers"), KEEPERS
    ),
    "stepArticle": roles_with("knowledge.supply", "knowledge.approve"),  # the sample asks for `submit`
    **dict.fromkeys(("listTopics", "addTopic", "switchTopic"), roles_with("knowledge.publish")),
}


@pytest.mark.usefixtures("editor2")
async def test_the_whole_life(site: TestServer, city: City, program: Programs) -> None:
    clerk, chief, editor, agent = [await program(name) for name in ("clerk", "chief", "editor", "agent")]
    made = await clerk.post("/articles", {"content": CONTENT}, 201)
    steps, versions = f"/articles/{made['id']}/steps", f"/articles/{made['id']}/versions"
    assert (made["state"], made["unit_id"], made["newest_version"]) == ("editing", city.units["city"], 1)
    await agent.get(f"/articles/{made['id']}", 404)
    assert (await agent.get("/articles"))["items"] == []
    await chief.post(steps, {"step": "pass", "seen_version": 1}, 409)
    await clerk.post(steps, {"step": "submit", "seen_version": 1})
    await clerk.post(steps, {"step": "pass", "seen_version": 1}, 403)
    assert "pass" in (await chief.get(f"/articles/{made['id']}"))["steps"]
    await chief.post(steps, {"step": "pass", "seen_version": 1})
    live = await editor.post(steps, {"step": "publish", "version": 1})
    assert (live["state"], live["content"]["body"]["fee"]) == ("published", "200元")
    assert [item["id"] for item in (await agent.get("/articles?q=养犬"))["items"]] == [made["id"]]

    changed = {"content": {**CONTENT, "body": {**CONTENT["body"], "fee": "100元"}}, "seen_version": 1, "note": "降了"}
    await clerk.post(versions, changed, 201)
    await clerk.post(versions, changed, 409)
    seen = await agent.get(f"/articles/{made['id']}")
    assert (seen["content"]["body"]["fee"], seen["draft_state"], seen["newest_version"]) == ("200元", None, None)
    [field] = (await editor.get(f"/articles/{made['id']}/compare?before=1&after=2"))["items"]
    assert (field["field"], field["before"], field["after"]) == ("body.fee", "200元", "100元")
    assert [item["version"] for item in (await editor.get(f"{versions}?limit=1"))["items"]] == [2]
    assert (await editor.get(f"{versions}/2"))["content"]["body"]["fee"] == "100元"
    await editor.post(steps, {"step": "recall"}, 422)
    await editor.post(steps, {"step": "recall", "reason": "错了"})
    await agent.get(f"/articles/{made['id']}", 404)
    await clerk.post("/articles", {"content": {**CONTENT, "spoken": "见https://x"}}, 422)
    await clerk.post("/articles", {"content": CONTENT, "unit_id": city.units["water"]}, 403)


async def test_answers_and_topics(site: TestServer, city: City, program: Programs) -> None:
    one, editor = await put_live(city), await program("editor")
    async with city.database.transaction() as session:
        talk = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, talk, Author.BOT, "到派出所办理。", article=(one.id, 1))
    [told] = (await editor.get(f"/articles/{one.id}/answers?version=1"))["items"]
    assert (told["conversation_id"], told["version"], told["channel"]) == (str(talk.id), 1, "web")
    assert "text" not in told
    topic = await editor.post("/knowledge-topics", {"name": "防御台风"}, 201)
    await editor.post(f"/knowledge-topics/{topic['id']}/switch", {"active": True}, 409)
    content = {**CONTENT, "kind": "emergency", "topic_id": topic["id"], "title": "台风停课"}
    made = await editor.post("/articles", {"content": content}, 201)
    async with city.database.transaction() as session:
        await service.publish(city.core, session, SYSTEM, made["id"], version=1)
    assert made["id"] not in [item["id"] for item in (await editor.get("/articles"))["items"]]
    on = await editor.post(f"/knowledge-topics/{topic['id']}/switch", {"active": True, "until": "2026-12-01"})
    assert (on["active"], on["ready"], on["active_until"]) == (True, 1, "2026-12-01")
    assert made["id"] in [item["id"] for item in (await editor.get("/articles"))["items"]]


def _path(operation: Operation, article: int) -> str:
    path = operation.path.replace("{id}", str(article) if "articles" in operation.path else "999999").replace("{version}", "1")
    return f"{path}?before=1&after=1" if path.endswith("/compare") else path


def _body(operation: Operation, city: City) -> dict[str, Any] | None:
    if operation.body is None:
        return None
    found = sample(operation.body, city, 1, "x")
    return {**found, "content": CONTENT} if "content" in found else found


def test_every_operation_is_in_the_table() -> None:
    assert {operation.name for operation in articles.OPERATIONS} == set(MAY)


@pytest.mark.parametrize("role", list(Role))
async def test_role_by_operation(site: TestServer, city: City, program: Programs, role: Role) -> None:
    one, caller, wrong = await put_live(city, unit_id=city.units["city"]), await program(role.value), []
    for operation in articles.OPERATIONS:
        response = await caller.ask(operation.method, _path(operation, one.id), json=_body(operation, city))
        expected = {200, 201, 404, 409, 422} if role in MAY[operation.name] else {403}
        if response.status not in expected:
            wrong.append(f"{operation.name}: {response.status}: {await response.text()}")
    assert wrong == []


async def test_a_token_that_reads_writes_nothing(site: TestServer, city: City, program: Programs) -> None:
    caller = await program("editor", TokenScope.READ)
    for operation in articles.OPERATIONS:
        if operation.writes:
            response = await caller.ask(operation.method, _path(operation, 1), json=_body(operation, city))
            assert response.status == 403, operation.name
