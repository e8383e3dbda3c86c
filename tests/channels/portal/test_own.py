"""我的工单: a code by SMS opens the matters of a number; limits, and the same answer for every number."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from sqlalchemy import func, select

from channels.outbox import GiveUp, Taken
from channels.sms.sender import SmsSender
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.events import Outbox
from tests.channels.portal.browser import Browser, Page
from tests.channels.public import Client, MakeTicket
from ticketing.citizen.codes import MAX_TRIES, PER_HOUR, PhoneCode
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.notice.models import Notice, NoticePreference
from ticketing.notice.preferences import preference_of
from ticketing.notice.service import text_of
from ticketing.ticket.states import Confidentiality, Kind

PHONE, STRANGE = "13900002716", "13900009999"


class Provider:
    """Keeps what it is told to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def send(self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None) -> str:
        self.sent.append((phone, text))
        return ""


async def codes_sent(core: Core, city: Database) -> list[tuple[str, str]]:
    """(number, code) of every text message with a code, sent by the real sender."""
    provider = Provider()
    await SmsSender(core, city, provider, "http://portal").send_waiting()
    return [(phone, found[1]) for phone, text in provider.sent if (found := re.search(r"验证码(\d{6})", text))]


async def ask(browser: Browser, phone: str) -> Page:
    return await browser.submit("/mine/code", {"phone": phone}, at="/mine")


def without_secrets(page: Page) -> str:
    return re.sub(r'name="csrf" value="[^"]*"', "", page.text)


async def test_a_code_opens_every_matter_of_the_number(client: Client, core: Core, city: Database, make_ticket: MakeTicket) -> None:
    first = await make_ticket("滨河路十八号门前的路灯三天没有亮", phone="139 0000 2716")
    await make_ticket("城南菜场门口每天早上占道", phone=PHONE)
    other = await make_ticket("别人的事情不能让人看见", phone=STRANGE)
    hidden = await make_ticket("举报工地夜里偷倒渣土", phone=PHONE, kind=Kind.REPORT)
    secret = await make_ticket("保密的事情只凭查询码看", phone=PHONE, columns={"confidentiality": Confidentiality.SECRET.value})
    browser = Browser(client)
    await ask(browser, PHONE)
    [(number, code)] = await codes_sent(core, city)
    assert number == PHONE
    listed = await browser.submit("/mine", {"phone": PHONE, "code": f"{code[:3]} {code[3:]}"}, at="/mine")
    assert listed.path == "/mine"
    assert "139 **** 2716" in listed.text
    assert first.ticket.number in listed.text
    assert "占道" in listed.text
    for kept in (other, hidden, secret):
        assert kept.ticket.number not in listed.text
        assert (await browser.submit("/mine/open", {"number": kept.ticket.number}, at="/mine")).status == 404
    opened = await browser.submit("/mine/open", {"number": first.ticket.number}, at="/mine")
    assert opened.path == "/track"
    assert "路灯三天没有亮" in opened.text
    await browser.submit("/mine/leave", {}, at="/mine")
    assert "发送验证码" in (await browser.get("/mine")).text
    assert "编号" in (await browser.get("/track")).text
    again = await browser.submit("/mine", {"phone": PHONE, "code": code}, at="/mine")
    assert again.status == 422, "a code is used once"


async def test_unknown_numbers_get_the_same_answer_and_no_message(
    client: Client, core: Core, city: Database, make_ticket: MakeTicket
) -> None:
    await make_ticket(phone=PHONE)
    known, unknown = await ask(Browser(client), PHONE), await ask(Browser(client), STRANGE)
    assert without_secrets(unknown).replace(STRANGE, PHONE) == without_secrets(known)
    assert [phone for phone, _code in await codes_sent(core, city)] == [PHONE]
    repeated = [without_secrets(await ask(Browser(client), phone)) for phone in (PHONE, STRANGE)]
    assert "请等一分钟" in repeated[0]
    assert repeated[1].replace(STRANGE, PHONE) == repeated[0]


async def test_a_number_is_not_flooded_from_many_places(client: Client, core: Core, city: Database, clock: ManualClock) -> None:
    refused = []
    for _minute in range(PER_HOUR + 2):
        refused.append((await ask(Browser(client), PHONE)).status)
        clock.advance(minutes=3)  # the address has its own limit, which is refilled meanwhile
    assert refused == [200] * PER_HOUR + [422, 422]
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(PhoneCode)) == PER_HOUR


async def test_one_address_does_not_ask_for_many_numbers(client: Client) -> None:
    answers = [await ask(Browser(client), f"1390000{number:04d}") for number in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [422, 422]
    assert "要验证码的次数太多" in answers[-1].text


async def test_a_code_is_tried_a_few_times_and_for_five_minutes(
    client: Client, core: Core, city: Database, make_ticket: MakeTicket, clock: ManualClock
) -> None:
    await make_ticket(phone=PHONE)
    browser = Browser(client)
    await ask(browser, PHONE)
    [(_number, code)] = await codes_sent(core, city)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _try in range(MAX_TRIES):
        assert (await browser.submit("/mine", {"phone": PHONE, "code": wrong}, at="/mine")).status == 422
    assert (await browser.submit("/mine", {"phone": PHONE, "code": code}, at="/mine")).status == 422
    clock.advance(minutes=2)
    await ask(browser, PHONE)
    [(_number, second)] = await codes_sent(core, city)
    clock.advance(minutes=6)
    assert (await browser.submit("/mine", {"phone": PHONE, "code": second}, at="/mine")).status == 422


async def test_a_code_that_is_over_is_not_sent(
    client: Client, core: Core, city: Database, make_ticket: MakeTicket, clock: ManualClock
) -> None:
    await make_ticket(phone=PHONE)
    await ask(Browser(client), PHONE)
    clock.advance(minutes=6)
    async with city.transaction() as session:
        row = (await session.scalars(select(Outbox).where(Outbox.kind == "code"))).one()
        assert PHONE not in str(row.payload), "neither number nor code lie in clear"
    with pytest.raises(GiveUp):
        await SmsSender(core, city, Provider(), "").perform(Taken(row.id, 1, False, False, False))


async def test_a_forged_cookie_opens_nothing(client: Client, core: Core) -> None:
    receipt = core.vault.seal('{"number": "x", "code": "y", "until": "2999-01-01T00:00:00+08:00"}').decode()
    for value in ("", "x", receipt):
        assert "发送验证码" in (await Browser(client, {"hotline_own": value}).get("/mine")).text


@pytest.mark.parametrize("phone", ["", "0571-8888888", "abc", "1390000271"])
async def test_only_a_mobile_number_gets_a_code(client: Client, phone: str) -> None:
    page = await ask(Browser(client), phone)
    assert page.status == 422
    assert "接收短信请填11位手机号" in page.text


async def test_the_holder_of_a_number_says_how_to_be_told(client: Client, core: Core, city: Database, make_ticket: MakeTicket) -> None:
    await make_ticket("滨河路十八号门前的路灯三天没有亮", phone=PHONE)
    browser = Browser(client)
    await ask(browser, PHONE)
    [(_number, code)] = await codes_sent(core, city)
    await browser.submit("/mine", {"phone": PHONE, "code": code}, at="/mine")
    wanted = {"way": "none", "quiet_from": "12:00", "quiet_to": "14:00", "language": "en", "stop": "yes"}
    assert (await browser.submit("/mine/told", {**wanted, "way": "sms"}, at="/mine")).status == 422
    assert (await browser.submit("/mine/told", {**wanted, "ways_result": "sms"}, at="/mine")).status == 422
    refused = await browser.submit("/mine/told", {**wanted, "ways_acceptance": "none"}, at="/mine")
    assert "依法要告知，不能不发" in refused.text
    assert 'value="wechat"' not in refused.text, "nobody knows this person in WeChat"
    wanted["ways_progress"] = "none"
    assert (await browser.submit("/mine/told", {**wanted, "quiet_to": ""}, at="/mine")).status == 422
    saved = await browser.submit("/mine/told", wanted, at="/mine")
    assert (saved.status, saved.path) == (200, "/mine")
    assert 'lang="en" data-face' in saved.text, "the pages follow"
    made = await make_ticket("城南菜场门口每天早上占道", phone=PHONE)
    async with city.transaction() as session:
        wish = await preference_of(core, session, await session.get_one(Citizen, made.ticket.citizen_id))
        notice = (await session.scalars(select(Notice).where(Notice.ticket_id == made.ticket.id))).one()
        told = text_of(core, notice, await session.get_one(Citizen, made.ticket.citizen_id))
    assert (wish.way, wish.language, wish.opted_out, wish.ways) == ("none", "en", True, {"progress": "none"})
    assert '<option value="none" selected>Do not send' in saved.text
    assert told.startswith("Your report “城南菜场门口每天早上占道”")


async def test_nobody_chooses_for_a_number_that_was_not_proved(client: Client, core: Core, city: Database) -> None:
    browser = Browser(client)
    fields = await browser.form("/mine")
    assert (await browser.post("/mine/told", {**fields, "way": "none"})).path == "/mine"
    async with city.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(NoticePreference)) == 0
