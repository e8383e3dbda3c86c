"""查进度: by number and query code, and by everything that is not one's own; what the page tells in each state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from channels.portal.tickets import read_here
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import Event
from tests.channels.office import Office
from tests.channels.portal.browser import Browser
from tests.channels.portal.track import errors, now_step, opened, try_code
from tests.channels.public import Client, MakeTicket
from ticketing.context import Core
from ticketing.ticket.states import Confidentiality


@pytest.mark.parametrize("spell", [str, str.lower, " ".join, " {} ".format])
async def test_number_and_code_open_the_ticket(client: Client, make_ticket: MakeTicket, spell: Callable[[str], str]) -> None:
    made = await make_ticket()
    code = spell(made.query_code)
    page = await try_code(Browser(client), made.ticket.number.translate(str.maketrans("123", "１２３")), code)
    assert (page.status, "滨河路十八号门前的路灯三天没有亮" in page.text) == (200, True)


async def test_a_notice_does_not_send_its_reader_to_the_page_he_reads(client: Client, make_ticket: MakeTicket) -> None:
    made = await make_ticket()
    notices = (await try_code(Browser(client), made.ticket.number, made.query_code)).text.partition("给您的通知")[2]
    assert "进度可在本页查询" in notices
    assert "{track}" not in notices
    assert " /track" not in notices


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("7天内可到 {track} 要求重办。", "7天内可到本页要求重办。"),
        ("到 {track}查看和评价", "到本页查看和评价"),
        ("进度：{track}", "进度：见本页"),
        ("“路灯”: Follow it: {track}", "“路灯”: Follow it: this page"),
        ("write at {track} within 5 days", "write at this page within 5 days"),
    ],
)
def test_the_way_to_the_page_reads_well_on_the_page_itself(written: str, read: str) -> None:
    assert read_here(written) == read


@pytest.mark.parametrize("dash", ["", " ", "－"])
async def test_the_number_may_be_typed_as_it_was_heard(client: Client, make_ticket: MakeTicket, dash: str) -> None:
    made = await make_ticket()
    page = await try_code(Browser(client), made.ticket.number.replace("-", dash), made.query_code)
    assert (page.status, "滨河路十八号门前的路灯三天没有亮" in page.text) == (200, True)


async def test_unknown_number_and_wrong_code_get_the_same_answer(client: Client, make_ticket: MakeTicket, core: Core) -> None:
    made = await make_ticket()
    answers = []
    for number, code in (
        (made.ticket.number, "ABCD2345"),
        ("12345-20261118-99999", made.query_code),
        ("12345-20261118-99999", "ABCD2345"),
        ("' OR 1=1 --", "x"),
        (made.ticket.number, "%"),
        (made.ticket.number, "\x07" * 8 + "A"),
        (made.ticket.number.replace("-", "_"), made.query_code),
    ):
        page = await try_code(Browser(client), number, code)
        assert page.status == 422
        answers.append(errors(page))
    assert len(set(answers)) == 1, set(answers)
    assert answers[0].strip()


async def test_empty_fields_are_named(client: Client) -> None:
    page = await try_code(Browser(client), "", "")
    assert page.status == 422
    assert 'href="#f-number"' in page.text
    assert 'href="#f-code"' in page.text


async def test_guessing_is_slowed_down_by_address(client: Client, make_ticket: MakeTicket, clock: ManualClock) -> None:
    made = await make_ticket()
    browser = Browser(client)
    statuses = [(await try_code(browser, made.ticket.number, "ABCD2345")).status for _ in range(14)]
    assert statuses == [422] * 12 + [429] * 2
    locked = await try_code(browser, made.ticket.number, made.query_code)
    assert (locked.status, "分钟后再试" in locked.text) == (429, True)
    assert "滨河路十八号" not in locked.text
    clock.advance(minutes=2)
    assert (await try_code(browser, made.ticket.number, made.query_code)).status == 200


async def test_guessing_one_number_from_many_addresses_is_slowed_down_too(
    client: Client, make_ticket: MakeTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = await make_ticket(), await make_ticket()
    addresses = iter(range(1000))
    monkeypatch.setattr("channels.portal.tracking.address_of", lambda _request: f"203.0.113.{next(addresses)}")
    browser = Browser(client)
    statuses = [(await try_code(browser, made.ticket.number, "ABCD2345")).status for _ in range(51)]
    assert statuses == [422] * 50 + [429]
    assert (await try_code(browser, other.ticket.number, other.query_code)).status == 200


async def test_the_cookie_ends_after_half_an_hour_or_at_once(client: Client, make_ticket: MakeTicket, clock: ManualClock) -> None:
    made = await make_ticket()
    browser = await opened(client, made)
    clock.advance(minutes=29)
    assert made.ticket.number in (await browser.get("/track")).text
    clock.advance(minutes=2)
    assert 'name="code"' in (await browser.get("/track")).text
    browser = await opened(client, made)
    await browser.submit("/track/leave", {}, at="/track")
    assert 'name="code"' in (await browser.get("/track")).text


async def test_forged_cookies_open_nothing(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    mine, theirs = await make_ticket(), await make_ticket(content="别人的事：邻居家漏水")
    browser = await opened(client, mine)
    good = browser.cookies["hotline_track"]
    number, until, signature = good.rsplit(".", 2)
    chat = (await _cookie_of(client, "/ask"))["hotline_chat"]
    for forged in (
        good.replace(number, theirs.ticket.number),
        f"{theirs.ticket.number}.{until}.",
        f"{theirs.ticket.number}.{until}.{'0' * 64}",
        f"{theirs.ticket.number}",
        f"{number}.{int(until) + 10_000}.{signature}",
        f"{theirs.ticket.number}.{chat.split('.', 1)[1]}",
        chat,
        "é.é.é",
        "." * 50,
        "x" * 3000,
    ):
        stranger = Browser(client, {"hotline_track": forged})
        page = await stranger.get("/track")
        assert (page.status, 'name="code"' in page.text) == (200, True), forged[:40]
        assert "邻居家漏水" not in page.text
        assert (await stranger.submit("/track/urge", {}, at="/track")).path == "/track"
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Event).where(Event.name == "supervise.urged")) == 0


async def _cookie_of(client: Client, path: str) -> dict[str, str]:
    browser = Browser(client)
    await browser.get(path)
    return browser.cookies


async def test_every_action_needs_the_ticket_and_the_csrf_token(client: Client, make_ticket: MakeTicket) -> None:
    made = await make_ticket()
    browser = await opened(client, made)
    for action in ("urge", "supplement", "rate", "withdraw", "reopen", "leave"):
        assert (await browser.post(f"/track/{action}", {"text": "没有令牌"})).status == 403
        stranger = Browser(client)
        page = await stranger.submit(f"/track/{action}", {"text": "没有工单"}, at="/track")
        assert 'name="code"' in page.text
    for path in ("/track/rate", "/track/supplement"):
        assert (await Browser(client).get(path)).path == "/track"


async def test_steps_follow_the_ticket_in_the_citizens_words(client: Client, office: Office, make_ticket: MakeTicket) -> None:
    made = await make_ticket()
    number = made.ticket.number
    browser = await opened(client, made)
    page = await browser.get("/track")
    assert (now_step(page), "第2步，共5步" in page.text) == ("派给承办单位", True)
    assignment = await office.dispatch(number)
    await office.work(assignment)
    page = await browser.get("/track")
    assert now_step(page) == "正在办理"
    assert "市城市管理局正在办理" in page.text
    assert "<b>11月23日（星期一）24点</b>前给您答复" in page.text, "three working days from Wednesday, a weekend between"
    assert "市城市管理局已电话联系您" in page.text
    for internal in ("内部备注", "请速办", "待审核", "in_progress</", "dispatcher", "clerk"):
        assert internal not in page.text, internal
    await office.answer(number, assignment)
    page = await browser.get("/track")
    assert (now_step(page), "当晚恢复照明" in page.text) == ("答复并回访", True)
    assert "已答复，待回访" in page.text


async def test_a_late_answer_is_admitted(client: Client, office: Office, make_ticket: MakeTicket, clock: ManualClock) -> None:
    made = await make_ticket()
    await office.dispatch(made.ticket.number)
    clock.advance(days=10)
    page = await (await opened(client, made)).get("/track")
    assert "答复比预计的晚了" in page.text
    assert "11月23日" not in page.text.partition("给您的通知")[0]  # what was told then stays told


async def test_a_suspended_matter_tells_why_and_until_when_and_an_extended_one_its_new_date(
    client: Client, office: Office, make_ticket: MakeTicket
) -> None:
    made = await make_ticket()
    number = made.ticket.number
    assignment = await office.dispatch(number)
    await office.work(assignment)
    await office.suspend(number, assignment)
    page = await (await opened(client, made)).get("/track")
    assert ("暂缓办理：受季节限制" in page.text, "2026-12-20复查" in page.text) == (True, True)
    assert "原因：受季节限制。我们会在2026年12月20日复查" in page.text  # the notice says it too
    other = await make_ticket()
    assignment = await office.dispatch(other.ticket.number)
    await office.work(assignment)
    await office.extend(other.ticket.number, assignment)
    assert "经批准延期" in (await (await opened(client, other)).get("/track")).text


async def test_the_citizen_sees_his_own_secret_ticket(client: Client, make_ticket: MakeTicket) -> None:
    await opened(client, await make_ticket(confidentiality=Confidentiality.SECRET, content="举报某单位乱收费"))


async def test_markup_of_the_citizen_is_shown_as_text(client: Client, make_ticket: MakeTicket) -> None:
    browser = await opened(client, await make_ticket(content="<img src=x onerror=alert(1)>\n第二行", address='"><script>'))
    page = await browser.get("/track")
    assert "&lt;img src=x onerror=alert(1)&gt;<br>第二行" in page.text
    assert "<script>alert" not in page.text
    assert '"><script>' not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("state", ["rejected", "merged", "emergency_out", "disputed", "suspended", "archived", "invalid", "need_info"])
async def test_every_state_has_a_page(client: Client, make_ticket: MakeTicket, state: str, clock: ManualClock) -> None:
    columns: dict[str, object] = {"state": state}
    if state == "archived":
        columns |= {"closed_at": clock.now(), "no_callback_reason": "unreached"}
    elif state == "rejected":
        columns |= {"refusal_reason": "petition"}
    elif state == "merged":
        columns |= {"master_id": (await make_ticket()).ticket.id}
    page = await (await opened(client, await make_ticket(columns=columns))).get("/track")
    assert page.status == 200
    assert "办到哪一步了" in page.text
