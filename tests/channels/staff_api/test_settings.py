"""What the city sets, by the API: workflow (two people), words of notices, catalogue, quality, held appeals, keeping of data."""

from __future__ import annotations

from aiohttp.test_utils import TestServer
from sqlalchemy import func, select

from hotline.events import Event
from tests.channels.console.test_held import _hold as hold
from tests.channels.console.test_quality import recorded
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Programs, token_of
from ticketing.people.actor import staff_actor
from ticketing.people.models import Role, User
from ticketing.quality import book
from ticketing.ticket import workflow
from ticketing.ticket.models import Ticket

FULL = {item.key: item.points for item in book.parse(book.seed_text()).items}


def _next_workflow() -> str:
    """The package's workflow under a higher number."""
    number = workflow.load().version
    return workflow.seed_text().replace(f"version: {number}", f"version: {number + 1}", 1)


async def _second(city: City, role: Role) -> str:
    """Another person of this role; the log-in."""
    login = f"{role.value}2"
    async with city.database.transaction() as session:
        user = User(login=login, name=login, staff_number=f"9{len(login)}", role=role.value, password_hash="x")
        session.add(user)
        await session.flush()
        city.people[login] = staff_actor(user)
    return login


async def test_a_workflow_is_proposed_by_one_and_published_by_another(site: TestServer, city: City, program: Programs) -> None:
    admin, other, supervisor = await program("admin"), await program(await _second(city, Role.ADMIN)), await program("supervisor")
    before = await admin.get("/workflow")
    assert (before["published_at"], before["version"]) == (None, workflow.load().version)
    wanted = {"document": _next_workflow(), "reason": "按新的派单办法调整"}
    made = await admin.post("/workflow/proposals", wanted, 201)
    await supervisor.post("/workflow/proposals", wanted, 409)  # one at a time
    await admin.post(f"/workflow/proposals/{made['id']}/decide", {"approve": True}, 403)  # never oneself
    await supervisor.post(f"/workflow/proposals/{made['id']}/decide", {"approve": True}, 403)
    await other.post(f"/workflow/proposals/{made['id']}/withdraw", status=403)
    await other.post(f"/workflow/proposals/{made['id']}/decide", {"approve": False}, 422)
    done = await other.post(f"/workflow/proposals/{made['id']}/decide", {"approve": True})
    assert (done["state"], done["decided_by_id"]) == ("published", city.people["admin2"].user_id)
    await other.post(f"/workflow/proposals/{made['id']}/decide", {"approve": True}, 409)
    now = await supervisor.get("/workflow")
    assert (now["version"], now["document"]) == (before["version"] + 1, wanted["document"])
    assert [each["version"] for each in (await admin.get("/workflow/versions"))["items"]] == [now["version"]]
    assert (await admin.get(f"/workflow/versions/{now['version']}"))["document"] == wanted["document"]
    await admin.get("/workflow/versions/77", 404)


async def test_a_wrong_workflow_is_not_even_proposed(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    for document in ("states: [", workflow.seed_text().replace("to: in_progress", "to: nowhere", 1), "version: 1"):
        answer = await admin.post("/workflow/proposals", {"document": document, "reason": "试一试错的"}, 422)
        assert answer["errors"][0]["field"] == "document"
    made = await admin.post("/workflow/proposals", {"document": _next_workflow(), "reason": "过两天再说"}, 201)
    assert (await admin.post(f"/workflow/proposals/{made['id']}/withdraw"))["state"] == "withdrawn"
    assert [each["state"] for each in (await admin.get("/workflow/proposals"))["items"]] == ["withdrawn"]


async def test_words_of_a_notice_are_tried_and_changed(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    first = (await admin.get("/notice-templates"))["items"][0]
    path = f"/notice-templates/{first['key']}"
    words = {"text": first["text"] + "谢谢您。", "sms": first["sms"]}
    assert "谢谢您。" in (await admin.post(f"{path}/preview", words))["text"]
    await admin.post(f"{path}/preview", {**words, "text": "{nobody}"}, 422)
    changed = {**words, "reason": "加一句谢谢", "seen": first["version"]}
    assert (await admin.ask("PUT", path, json=changed)).status == 200
    assert (await admin.ask("PUT", path, json=changed)).status == 422, "somebody changed it in between"
    now = await admin.get(path)
    assert (now["text"], now["version"]) == (words["text"], first["version"] + 1)
    assert [each["reason"] for each in (await admin.get(f"{path}/versions"))["items"]] == ["加一句谢谢"]
    await admin.get("/notice-templates/no_such_one", 404)


async def test_rows_of_the_catalogue_are_added_changed_and_switched_off(site: TestServer, city: City, program: Programs) -> None:
    admin = await program("admin")
    row = {"category_code": "0501", "lead_unit_id": city.units["city"], "words": "夜间", "reason": "夜间施工归城管"}
    made = await admin.post("/catalogue", row, 201)
    await admin.post("/catalogue", row, 409)
    changed = {**row, "lead_unit_id": city.units["water"], "version": made["version"], "reason": "划给供水"}
    answer = await admin.ask("PUT", f"/catalogue/{made['id']}", json=changed)
    assert (answer.status, (await answer.json())["lead_unit_id"]) == (200, city.units["water"])
    assert (await admin.ask("PUT", f"/catalogue/{made['id']}", json=changed)).status == 409, "an older version"
    off = await admin.post(f"/catalogue/{made['id']}/switch", {"active": False, "reason": "不再使用"})
    assert off["active"] is False
    assert [each["id"] for each in (await admin.get("/catalogue?category=0501"))["items"]] == [made["id"]]
    assert (await admin.get("/catalogue?category=0301"))["items"] == []
    assert (await admin.post("/catalogue", {**row, "lead_unit_id": 999}, 422))["errors"][0]["field"] == "lead_unit_id"


async def test_a_call_is_scored_appealed_and_decided(site: TestServer, city: City, program: Programs) -> None:
    call_id = await recorded(city)
    inspector, agent, supervisor = await program("quality"), await program("agent"), await program("supervisor")
    made = await inspector.post("/quality/checks", {"call_id": str(call_id)})
    await agent.get(f"/quality/checks/{made['id']}", 404)  # not before it is scored
    poor = {**FULL, next(iter(FULL)): 0}
    await inspector.post(f"/quality/checks/{made['id']}/score", {"points": {}, "remark": "没有填"}, 422)
    scored = await inspector.post(f"/quality/checks/{made['id']}/score", {"points": poor, "remark": "开头没有问候"})
    assert (scored["state"], scored["score"]) == ("scored", 100 - FULL[next(iter(FULL))])
    assert [each["id"] for each in (await agent.get("/quality/checks"))["items"]] == [made["id"]]
    await agent.post(f"/quality/checks/{made['id']}/appeal", {"words": "录音前两秒没有录上，我问候过"})
    await inspector.post(f"/quality/checks/{made['id']}/decide", {"upheld": False, "note": "录音里听不到问候的话"}, 403)
    judged = {"upheld": True, "note": "前两秒确实没有录上，改判", "points": FULL}
    done = await supervisor.post(f"/quality/checks/{made['id']}/decide", judged)
    assert (done["state"], done["score"], done["first_score"], done["upheld"]) == ("decided", 100, scored["score"], True)
    assert [each["mean"] for each in (await supervisor.get("/quality/averages"))["items"]] == [100.0]
    assert (await supervisor.get("/quality/averages?month=2020-01"))["items"] == []


async def test_calls_are_drawn_and_the_sheet_is_published(site: TestServer, city: City, program: Programs) -> None:
    await recorded(city, seconds=3)
    city.clock.advance(hours=1)
    supervisor = await program("supervisor")
    assert (await supervisor.post("/quality/draws"))["drawn"] == 0, "a talk of a minute is not short, and today is not over"
    city.clock.advance(hours=30)
    assert (await supervisor.post("/quality/draws"))["drawn"] == 1
    assert [each["rule"] for each in (await supervisor.get("/quality/checks?state=waiting"))["items"]] == ["share"]
    now = await supervisor.get("/quality/book")
    text = now["document"].replace(f"version: {now['version']}", f"version: {now['version'] + 1}", 1)
    assert (await supervisor.post("/quality/book", {"document": text, "note": "按季度调整"}, 201))["version"] == now["version"] + 1
    assert [each["note"] for each in (await supervisor.get("/quality/book/versions"))["items"]] == ["按季度调整"]


async def test_a_held_appeal_is_registered_and_another_thrown_away(site: TestServer, city: City, program: Programs) -> None:
    agent = await program("agent")
    good = await hold(city, "江畔花园北门对面工地连续三晚打桩")
    waiting = await agent.get("/held-appeals")
    assert (waiting["waiting"], waiting["items"][0]["id"], waiting["items"][0]["who"]) == (1, good, "周** 139 **** 2716")
    number = (await agent.post(f"/held-appeals/{good}/release"))["number"]
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.number == number)) == 1
    await agent.post(f"/held-appeals/{good}/release", status=409)
    bad = await hold(city, "低价出售，加微信咨询")
    await agent.post(f"/held-appeals/{bad}/discard", {"reason": "内容是广告"})
    assert (await agent.get("/held-appeals"))["waiting"] == 0
    await agent.post("/held-appeals/nonsense/release", status=404)


async def test_what_is_due_is_ended_when_asked(site: TestServer, city: City, program: Programs) -> None:
    await recorded(city)
    admin = await program("admin")
    await admin.post("/retention/runs", {"kinds": ["nothing"], "reason": "试一试"}, 422)
    city.clock.advance(hours=24 * 731)
    admin.token = await token_of(city, "admin")
    due = {each["kind"]: each["count"] for each in (await admin.get("/retention/dry-run"))["items"]}
    done = await admin.post("/retention/runs", {"kinds": ["recordings"], "reason": "磁盘快满了，提前处理"})
    assert [(each["kind"], each["count"]) for each in done["items"]] == [("recordings", 1)]
    assert due["recordings"] == 1
    assert {each["kind"]: each["count"] for each in (await admin.get("/retention/dry-run"))["items"]}["recordings"] == 0
    async with city.database.transaction() as session:
        asked = (await session.scalars(select(Event).where(Event.name == "retention.asked"))).one()
    assert (asked.actor_id, asked.data["reason"]) == (city.people["admin"].user_id, "磁盘快满了，提前处理")
    await (await program("supervisor")).post("/retention/runs", {"kinds": ["recordings"], "reason": "磁盘快满了"}, 403)
