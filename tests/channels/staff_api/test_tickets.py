from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestServer
from sqlalchemy import event, func, select, update

from channels.api.staff import BURST, WRONG_BURST
from hotline.events import record
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Program, Programs, token_of
from ticketing.access_token.models import ApiToken, TokenScope
from ticketing.callback.service import GATES
from ticketing.people.actor import SYSTEM
from ticketing.people.models import User
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import Confidentiality

NEW = {"content": "江畔花园北门工地夜间施工，影响休息", "category": "0501", "phone": "13900002716", "name": "周女士", "address": "滨河路"}
MEASURES = "已派人到现场更换路灯灯头并测试，当晚恢复照明；今后每周巡查一次，发现故障当天修复。"


async def dispatched(city: City, dispatcher: Program, unit: str = "city") -> tuple[str, int]:
    number = (await city.register()).ticket.number
    body = {"category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": city.units[unit], "instruction": "今晚到现场检查"}
    await dispatcher.act(number, "dispatch", **body)
    [part] = (await dispatcher.get(f"/tickets/{number}/assignments"))["items"]
    return number, part["id"]


async def _drafts(clerk: Program, number: str) -> tuple[list[str], int]:
    """The words of the ticket's replies, and how often one was handed to the chief."""
    replies = (await clerk.get(f"/tickets/{number}/replies"))["items"]
    events = (await clerk.get(f"/tickets/{number}/events"))["items"]
    return [reply["measures"] for reply in replies], [event["name"] for event in events].count("reply.drafted")


async def test_the_same_reply_twice_at_once_is_one(city: City, program: Programs) -> None:
    clerk = await program("clerk")
    number, part = await dispatched(city, await program("dispatcher"))
    await clerk.act(number, "sign", assignment=part)
    body = {"assignment": part, "facts": "true", "measures": MEASURES, "basis": "城市照明管理规定", "contact_note": "已电话告知市民"}
    path = f"/tickets/{number}/actions/reply"
    answers = await asyncio.gather(*(clerk.ask("POST", path, json=body) for _ in range(3)))
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert await _drafts(clerk, number) == ([MEASURES], 1)


async def test_of_two_replies_at_once_one_wins_and_who_has_seen_it_may_replace_it(city: City, program: Programs) -> None:
    """Both were accepted: the later overwrote the earlier, and who had written that one was told it was saved."""
    clerk = await program("clerk")
    number, part = await dispatched(city, await program("dispatcher"))
    await clerk.act(number, "sign", assignment=part)
    body = {"assignment": part, "facts": "true", "basis": "城市照明管理规定", "contact_note": "已电话告知市民"}
    path, words = f"/tickets/{number}/actions/reply", [f"{MEASURES}{more}" for more in ("第一稿。", "第二稿。")]
    answers = await asyncio.gather(*(clerk.ask("POST", path, json={**body, "measures": each}) for each in words))
    assert sorted(answer.status for answer in answers) == [200, 409]
    won = next(each for each, answer in zip(words, answers, strict=True) if answer.status == 200)
    assert await _drafts(clerk, number) == ([won], 1)
    etag = (await clerk.ask("GET", f"/tickets/{number}")).headers["ETag"]
    better = f"{MEASURES}看过以后改的。"
    await clerk.act(number, "reply", headers={"If-Match": etag}, **body, measures=better)
    assert await _drafts(clerk, number) == ([better], 2)
    await clerk.act(number, "reply", 409, headers={"If-Match": etag}, **body, measures=MEASURES)
    await clerk.act(number, "reply", headers={"If-Match": "*"}, **body, measures=MEASURES)
    assert await _drafts(clerk, number) == ([MEASURES], 3)


async def test_a_draft_that_was_given_back_is_written_anew_without_a_version(city: City, program: Programs) -> None:
    clerk, chief = await program("clerk"), await program("chief")
    number, part = await dispatched(city, await program("dispatcher"))
    await clerk.act(number, "sign", assignment=part)
    body = {"assignment": part, "facts": "true", "basis": "城市照明管理规定", "contact_note": "已电话告知市民"}
    await clerk.act(number, "reply", **body, measures=MEASURES)
    await chief.act(number, "refuse_draft", assignment=part, note="请写明巡查的次数")
    await clerk.act(number, "reply", **body, measures=MEASURES)  # also the same words: the chief gets them again
    assert await _drafts(clerk, number) == ([MEASURES], 2)


async def test_a_ticket_goes_its_whole_way_by_programs_only(city: City, program: Programs) -> None:
    agent, dispatcher, clerk, chief, callback = [await program(login) for login in ("agent", "dispatcher", "clerk", "chief", "callback")]
    made = await agent.post("/tickets", NEW, 201)
    number = made["number"]
    assert made["ticket"]["state"] == "registered"
    assert "13900002716" not in str(made)
    assert made["ticket"]["person"]["phone"].endswith("2716")
    body = {"category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": city.units["city"]}
    done = await dispatcher.act(number, "dispatch", **body)
    assert (done["result"], done["ticket"]["state"]) == ("dispatched", "in_progress")
    [part] = (await clerk.get(f"/tickets/{number}/assignments"))["items"]
    assert "sign" in (await clerk.get(f"/tickets/{number}"))["allowed"]
    await clerk.act(number, "sign", assignment=part["id"])
    await clerk.act(number, "contact", assignment=part["id"], way="phone", note="已与市民通话，说明今晚检修")
    await clerk.act(number, "reply", assignment=part["id"], facts="true", measures=MEASURES, basis="城市照明管理规定")
    await chief.act(number, "sign_off", assignment=part["id"])
    await dispatcher.act(number, "review", accept=True, gates=list(GATES))
    await callback.act(number, "visit", contacted=True, solved=True, attitude="good", satisfaction="satisfied")
    leader = await program("leader", TokenScope.READ)
    ended = await leader.get(f"/tickets/{number}")
    assert (ended["state"], ended["satisfaction"], ended["solved"]) == ("closed", "satisfied", True)
    names = [event["name"] for event in (await leader.get(f"/tickets/{number}/events"))["items"]]
    assert names[0] == "ticket.registered"
    assert "ticket.closed" in names
    [reply] = (await leader.get(f"/tickets/{number}/replies"))["items"]
    assert reply["measures"] == MEASURES
    assert {clock["kind"] for clock in (await leader.get(f"/tickets/{number}/clocks"))["items"]} >= {"dispatch", "sign", "handle"}
    assert (await leader.get(f"/tickets/{number}/callbacks"))["items"][0]["satisfaction"] == "satisfied"


async def test_what_was_asked_for_can_be_found_and_decided_by_programs_only(city: City, program: Programs) -> None:
    dispatcher, clerk, stranger = await program("dispatcher"), await program("clerk"), await program("water_clerk")
    number, part = await dispatched(city, dispatcher)
    await clerk.act(number, "request_return", assignment=part, reason="道路照明由供水以外的单位管理，依据三定方案")
    [asked] = (await clerk.get(f"/tickets/{number}/requests"))["items"]
    assert (asked["kind"], asked["state"], asked["assignment"]) == ("return", "pending", part)
    await stranger.get(f"/tickets/{number}/requests", 404)
    [seen] = (await dispatcher.get(f"/tickets/{number}/requests"))["items"]
    await dispatcher.act(number, "decide_return", request=seen["id"], approve=False, note="确是你单位职责")
    [decided] = (await clerk.get(f"/tickets/{number}/requests"))["items"]
    assert (decided["state"], decided["note"]) == ("refused", "确是你单位职责")


async def test_pages_follow_a_cursor_and_never_repeat_or_miss(city: City, program: Programs) -> None:
    leader = await program("leader", TokenScope.READ)
    numbers = [(await city.register()).ticket.number for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = await leader.get("/tickets", params={"limit": "2", "cursor": cursor})
        seen += [item["number"] for item in page["items"]]
        cursor = page["next"]
        if len(seen) == 2:
            await city.register()  # what comes meanwhile shifts nothing
    assert seen == list(reversed(numbers))


async def test_a_cursor_of_another_list_or_a_forged_one_is_refused(city: City, program: Programs) -> None:
    leader = await program("leader", TokenScope.READ)
    for _ in range(3):
        await city.register()
    cursor = (await leader.get("/tickets", params={"limit": "1"}))["next"]
    for params in ({"cursor": cursor, "state": "closed"}, {"cursor": cursor[:-2] + "xx"}, {"cursor": "é"}, {"cursor": "x"}):
        problem = await leader.get("/tickets", 422, params=params)
        assert problem["errors"][0]["field"] == "cursor"


async def test_filters_fit_all_at_once(city: City, program: Programs) -> None:
    leader = await program("leader", TokenScope.READ)
    wanted = (await city.register(category_code="0301", district="东城区", title="停水三天")).ticket
    await city.register(category_code="0301", district="西城区")
    await city.register(category_code="0501", district="东城区")
    until = (wanted.received_at + timedelta(seconds=1)).isoformat()
    for params in (
        {"category": "0301", "district": "东城区"},
        {"q": "停水三"},
        {"q": wanted.number},
        {
            "category": "0301",
            "district": "东城区",
            "channel": "web",
            "state": "registered",
            "received_until": until,
            "queue": "to_dispatch",
        },
    ):
        assert [item["number"] for item in (await leader.get("/tickets", params=params))["items"]] == [wanted.number], params
    assert (await leader.get("/tickets", params={"received_from": until}))["items"] == []
    problem = await leader.get("/tickets", 422, params={"state": "nonsense", "wrong": "1"})
    assert {item["field"] for item in problem["errors"]} == {"state", "wrong"}


async def test_nobody_makes_a_ticket_disappear_by_making_it_secret(city: City, program: Programs) -> None:
    """Secret with nobody named on it, it was gone for all of them, and its clocks ran."""
    agent, dispatcher, other = await program("agent"), await program("dispatcher"), await program("dispatcher2")
    number = (await city.register()).ticket.number
    secret = {"category_code": "0501", "urgency": "normal", "confidentiality": "secret"}
    refused = await agent.act(number, "edit", 409, **secret)
    assert "派单员" in refused["detail"]
    await other.get(f"/tickets/{number}")
    done = await dispatcher.act(number, "edit", **secret)
    assert done["ticket"]["confidentiality"] == "secret"
    assert "dispatch" in done["ticket"]["allowed"]
    await other.get(f"/tickets/{number}", 404)
    await agent.get(f"/tickets/{number}", 404)


async def test_the_unit_filter_finds_what_the_unit_handles(city: City, program: Programs) -> None:
    dispatcher = await program("dispatcher")
    number, _part = await dispatched(city, dispatcher)
    await city.register()
    found = await dispatcher.get("/tickets", params={"unit": str(city.units["city"])})
    assert [item["number"] for item in found["items"]] == [number]
    assert found["items"][0]["unit"]["id"] == city.units["city"]


async def test_a_program_sees_exactly_what_its_person_sees(city: City, program: Programs) -> None:
    dispatcher, clerk, stranger = await program("dispatcher"), await program("clerk"), await program("water_clerk")
    number, _part = await dispatched(city, dispatcher)
    secret = (await city.register(confidentiality=Confidentiality.SECRET)).ticket.number
    assert [item["number"] for item in (await clerk.get("/tickets"))["items"]] == [number]
    assert (await stranger.get("/tickets"))["items"] == []
    for path in ("", "/events", "/clocks", "/assignments", "/replies", "/callbacks", "/attachments"):
        hidden = await stranger.get(f"/tickets/{number}{path}", 404)
        missing = await stranger.get(f"/tickets/12345-20200101-00001{path}", 404)
        assert {**hidden, "instance": ""} == {**missing, "instance": ""}
        assert (await dispatcher.get(f"/tickets/{secret}{path}", 404))["type"] == "urn:hotline:problem:not_found"


async def test_a_merged_ticket_names_its_master(city: City, program: Programs) -> None:
    agent, dispatcher = await program("agent"), await program("dispatcher")
    number = (await agent.post("/tickets", NEW, status=201))["number"]
    master = (await city.register()).ticket.number
    assert (await agent.get(f"/tickets/{number}"))["master"] is None
    await dispatcher.act(number, "merge", master=master, reason="同一处工地，同一个晚上")
    told = await dispatcher.get(f"/tickets/{number}")
    assert (told["master"], told["repeat_of"]) == (master, None)


async def test_lesson_15_the_second_of_two_programs_gets_409_with_what_changed(city: City, program: Programs) -> None:
    dispatcher, supervisor = await program("dispatcher"), await program("supervisor")
    number = (await city.register()).ticket.number
    response = await dispatcher.ask("GET", f"/tickets/{number}")
    etag = response.headers["ETag"]
    await supervisor.act(number, "urge", note="请尽快派单，市民连打三次")
    body = {"category_code": "0301", "urgency": "urgent"}
    problem = await dispatcher.act(number, "submit", 409, headers={"If-Match": etag}, **body)
    assert problem["type"] == "urn:hotline:problem:conflict"
    assert [change["name"] for change in problem["changed"]] == ["supervise.urged"]
    assert "dispatch" in problem["allowed"] or "submit" in problem["allowed"]
    fresh = (await dispatcher.ask("GET", f"/tickets/{number}")).headers["ETag"]
    done = await dispatcher.act(number, "submit", headers={"If-Match": fresh}, **body)
    assert done["ticket"]["category"] == "0301"


async def test_a_message_that_went_out_to_the_citizen_is_no_change(city: City, program: Programs) -> None:
    """The text message of the registration is sent seconds later: whoever read the ticket in between may act."""
    dispatcher = await program("dispatcher")
    ticket = (await city.register()).ticket
    etag = (await dispatcher.ask("GET", f"/tickets/{ticket.number}")).headers["ETag"]
    async with city.database.transaction() as session:
        await record(session, at=city.clock.now(), name="notice.sent", subject="ticket", subject_id=ticket.id, who=SYSTEM.who)
    await dispatcher.act(ticket.number, "submit", headers={"If-Match": etag}, category_code="0301", urgency="normal")


async def test_two_programs_at_the_same_moment_never_lose_an_update(city: City, program: Programs) -> None:
    first, second = await program("dispatcher"), await program("dispatcher2")
    number = (await city.register()).ticket.number
    etag = (await first.ask("GET", f"/tickets/{number}")).headers["ETag"]
    body = {"category_code": "0301", "urgency": "urgent"}
    path, headers = f"/tickets/{number}/actions/submit", {"If-Match": etag}
    answers = await asyncio.gather(*(each.ask("POST", path, json=body, headers=headers) for each in (first, second)))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_an_illegal_step_says_what_is_allowed_now(city: City, program: Programs) -> None:
    dispatcher = await program("dispatcher")
    number, _part = await dispatched(city, dispatcher)
    problem = await dispatcher.act(number, "submit", 409, category_code="0301", urgency="normal")
    assert problem["type"] == "urn:hotline:problem:illegal_step"
    assert problem["title"] == "现在不能这样做"  # nobody changed anything meanwhile
    assert problem["allowed"] == (await dispatcher.get(f"/tickets/{number}"))["allowed"]


async def test_every_wrong_field_is_named(city: City, program: Programs) -> None:
    agent = await program("agent")
    problem = await agent.post("/tickets", {"content": "x", "kind": "nonsense", "colour": "red", "phone": 7}, 422)
    assert {item["field"] for item in problem["errors"]} == {"content", "kind", "colour", "phone"}
    response = await agent.ask("POST", "/tickets", data=b"{", headers={"Content-Type": "application/json"})
    assert (response.status, response.content_type) == (400, "application/problem+json")
    response = await agent.ask("POST", "/tickets", data=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status == 415
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 0


async def test_without_a_valid_token_nothing_is_told(city: City, site: TestServer, program: Programs) -> None:
    agent = await program("agent")
    for token in ("", "hl_wrong", "é", "a" * 5000):
        agent.token = token
        response = await agent.ask("GET", "/tickets")
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await response.json())["type"] == "urn:hotline:problem:token_refused"


async def test_a_cookie_of_the_console_opens_nothing_here(city: City, browser, program: Programs) -> None:  # type: ignore[no-untyped-def]
    logged_in = await browser("dispatcher")
    response = await logged_in.get("/api/v1/tickets")
    assert response.status == 401


async def test_a_token_ends_when_it_expires_is_revoked_or_the_account_is_switched_off(city: City, program: Programs) -> None:
    agent = await program("agent")
    [shown] = (await agent.get("/tokens"))["items"]
    other = await agent.post("/tokens", {"name": "夜间任务", "scope": "read", "days": 1}, 201)
    helper = Program(agent.client, other["text"])
    await helper.get("/me")
    assert (await helper.post("/tickets", NEW, 403))["detail"].startswith("这个令牌只能读取")
    city.clock.advance(days=2)
    await helper.get("/me", 401)
    assert (await agent.ask("DELETE", f"/tokens/{shown['id']}")).status == 200
    await agent.get("/me", 401)
    chief = await program("chief")
    async with city.database.transaction() as session:
        user = await session.get_one(User, city.people["chief"].user_id)
        user.active = False
    await chief.get("/me", 401)


async def test_a_token_cannot_make_one_that_outlives_it_or_touch_anothers(city: City, program: Programs) -> None:
    agent, other = await program("agent"), await program("agent2")
    problem = await agent.post("/tokens", {"name": "x", "days": 300}, 422)
    assert problem["errors"][0]["field"] == "days"
    [theirs] = (await other.get("/tokens"))["items"]
    assert (await agent.ask("DELETE", f"/tokens/{theirs['id']}")).status == 404
    await other.get("/me")
    async with city.database.transaction() as session:
        stored = list(await session.scalars(select(ApiToken.token_hash)))
    assert agent.token not in stored


async def test_the_same_idempotency_key_makes_one_ticket(city: City, program: Programs) -> None:
    agent = await program("agent")
    headers = {"Idempotency-Key": "abc-1"}
    first, second = await asyncio.gather(*(agent.ask("POST", "/tickets", json=NEW, headers=headers) for _ in range(2)))
    assert (first.status, second.status) == (201, 201)
    assert await first.json() == await second.json()
    assert first.headers["Location"] == second.headers["Location"]
    assert {first.headers.get("Idempotent-Replayed"), second.headers.get("Idempotent-Replayed")} == {None, "true"}
    async with city.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 1
    problem = await agent.post("/tickets", {**NEW, "content": "另一件事，另一件事"}, 422, headers=headers)
    assert problem["errors"][0]["field"] == "Idempotency-Key"
    other = await program("agent2")
    await other.post("/tickets", NEW, 201, headers=headers)  # another person's key is another key
    city.clock.advance(hours=25)
    await agent.post("/tickets", {**NEW, "content": "第二天的另一件事"}, 201, headers=headers)


async def test_a_refused_request_does_not_use_up_its_key(city: City, program: Programs) -> None:
    agent = await program("agent")
    headers = {"Idempotency-Key": "abc-2"}
    await agent.post("/tickets", {**NEW, "category": "9999"}, 422, headers=headers)
    await agent.post("/tickets", NEW, 201, headers=headers)


async def test_a_bulk_tells_the_outcome_of_each_ticket_and_one_failure_stops_no_other(city: City, program: Programs) -> None:
    dispatcher = await program("dispatcher")
    good = [(await city.register()).ticket.number for _ in range(2)]
    over, _part = await dispatched(city, dispatcher)
    numbers = [good[0], over, "12345-20200101-00001", good[1]]
    body = {"numbers": numbers, "body": {"category_code": "0301", "urgency": "urgent"}}
    first = await dispatcher.post("/bulk/submit", body, headers={"Idempotency-Key": "bulk-1"})
    assert [item["status"] for item in first["items"]] == [200, 409, 404, 200]
    assert "allowed" in first["items"][1]["problem"]
    assert (first["done"], first["refused"]) == (2, 2)
    again = await dispatcher.post("/bulk/submit", body, headers={"Idempotency-Key": "bulk-1"})
    assert [item["status"] for item in again["items"]] == [200, 409, 404, 200]
    problem = await dispatcher.post("/bulk/submit", {**body, "numbers": good[:1] * 101}, 422)
    assert problem["errors"][0]["field"] == "numbers"


async def test_files_are_added_and_read_under_the_tickets_permission(city: City, program: Programs) -> None:
    dispatcher, clerk, stranger = await program("dispatcher"), await program("clerk"), await program("water_clerk")
    number, _part = await dispatched(city, dispatcher)
    form = FormData()
    form.add_field("files", b"%PDF-1.7\n%%EOF", filename="报告.pdf", content_type="application/pdf")
    response = await clerk.ask("POST", f"/tickets/{number}/attachments", data=form)
    assert response.status == 201, await response.text()
    [made] = (await response.json())["items"]
    read = await dispatcher.ask("GET", f"/attachments/{made['id']}")
    assert read.status == 200
    assert read.headers["Content-Disposition"].startswith("attachment")
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert (await stranger.ask("GET", f"/attachments/{made['id']}")).status == 404
    assert (await clerk.ask("GET", "/attachments/nonsense")).status == 404


async def test_a_key_that_came_with_one_file_does_not_swallow_another(city: City, program: Programs) -> None:
    dispatcher = await program("dispatcher")
    number = (await city.register()).ticket.number

    async def send(content: bytes) -> ClientResponse:
        form = FormData()
        form.add_field("files", content, filename="报告.pdf", content_type="application/pdf")
        return await dispatcher.ask("POST", f"/tickets/{number}/attachments", data=form, headers={"Idempotency-Key": "file-1"})

    first, again, other = await send(b"%PDF-1.7\n%%EOF"), await send(b"%PDF-1.7\n%%EOF"), await send(b"%PDF-1.7\n2\n%%EOF")
    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len((await dispatcher.get(f"/tickets/{number}/attachments"))["items"]) == 1


async def test_a_broken_form_is_a_bad_request(city: City, program: Programs) -> None:
    dispatcher = await program("dispatcher")
    number = (await city.register()).ticket.number
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a\r.png"\r\n\r\n1\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await dispatcher.ask("POST", f"/tickets/{number}/attachments", data=body, headers=headers)
    assert (response.status, response.content_type) == (400, "application/problem+json")


async def test_reference_data(city: City, program: Programs) -> None:
    clerk = await program("clerk", TokenScope.READ)
    me = await clerk.get("/me")
    assert (me["role"], me["unit"]["code"], me["scope"]) == ("clerk", "city", "read")
    assert {unit["code"] for unit in (await clerk.get("/units"))["items"]} == {"centre", "city", "water"}
    assert {item["code"] for item in (await clerk.get("/categories"))["items"]} == {"0301", "0501"}
    await clerk.get("/policies")
    days = await clerk.get("/calendar", params={"first": "2026-10-01", "last": "2026-10-08"})
    assert days["items"][0] == {"day": "2026-10-01", "is_work": False, "name": days["items"][0]["name"], "official": True}
    await clerk.get("/calendar", 422, params={"first": "2026-10-01", "last": "2030-10-08"})


@pytest.mark.parametrize("path", ["/nonsense", "/tickets/x/y/z"])
async def test_unknown_addresses_answer_with_a_problem_too(program: Programs, path: str) -> None:
    agent = await program("agent")
    response = await agent.ask("GET", path)
    assert (response.status, response.content_type) == (404, "application/problem+json")


async def test_a_token_that_asks_too_often_has_to_wait(city: City, program: Programs) -> None:
    agent = await program("agent")
    statuses = [(await agent.ask("GET", "/me")).status for _ in range(BURST + 1)]
    assert statuses.count(429) == 1
    assert statuses[-1] == 429
    response = await agent.ask("GET", "/me")
    city.clock.advance(seconds=int(response.headers["Retry-After"]))
    assert (await agent.ask("GET", "/me")).status == 200


async def test_guessing_tokens_is_slowed_down(city: City, program: Programs) -> None:
    right = await token_of(city, "agent")
    agent = await program("agent")
    agent.token = "hl_guess"
    statuses = [(await agent.ask("GET", "/me")).status for _ in range(WRONG_BURST + 1)]
    assert statuses[-1] == 429
    assert set(statuses[:-1]) == {401}
    assert right


async def test_registering_takes_four_statements_and_a_revoked_token_ends_at_once(city: City, program: Programs) -> None:
    """Token with versions of the rules, numbers, messages to this number today, all rows (docs/decisions/0120)."""
    agent = await program("agent")
    await agent.post("/tickets", NEW, 201)
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(city.database.engine.sync_engine, "before_cursor_execute", note)
    await agent.post("/tickets", {name: value for name, value in NEW.items() if name != "category"}, 201)
    assert len(seen) <= 4, seen
    async with city.database.transaction() as session:
        await session.execute(update(ApiToken).values(revoked_at=city.core.clock.now()))
    await agent.post("/tickets", NEW, 401)
