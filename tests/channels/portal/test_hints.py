"""What the form says once before an appeal goes out, and the position that goes with it."""

from __future__ import annotations

import pytest

from channels.portal.appeal_form import AppealForm
from channels.portal.appeal_hints import looks_like_spam
from hotline.database import Database
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, MakeTicket, tickets
from ticketing.ticket.states import Confidentiality, Kind

WHAT = "滨河路188号门前的路灯三天没有亮，晚上很黑，老人不敢出门，请尽快修好"
FORM = {"kind": "complaint", "what": WHAT, "where": "滨河路188号", "when": "这三天晚上", "phone": "13900002716"}


async def test_the_same_matter_of_somebody_else_is_told_without_his_words(client: Client, city: Database, make_ticket: MakeTicket) -> None:
    await make_ticket("滨河路188号门前的路灯三天没有亮，请周敏的儿子修好", address="滨河路188号", district="临江区", name="周敏")
    page = await Browser(client).submit("/appeal", FORM)
    assert page.status == 422
    assert "已经有人反映" in page.text
    assert "临江区路灯与户外广告" in page.text
    assert "儿子" not in page.text
    assert len(await tickets(city)) == 1, "nothing was sent yet"
    browser = Browser(client)
    shown = await browser.submit("/appeal", FORM)
    sent = await browser.post("/appeal", {**shown.fields, **FORM})
    assert sent.path == "/appeal/done"
    assert len(await tickets(city)) == 2


@pytest.mark.parametrize("hidden", [{"confidentiality": Confidentiality.SECRET.value}, {"kind": Kind.REPORT.value}, {"state": "invalid"}])
async def test_secret_matters_and_reports_are_not_told(client: Client, make_ticket: MakeTicket, hidden: dict[str, str]) -> None:
    await make_ticket(WHAT, address="滨河路188号", columns=hidden)
    assert (await Browser(client).submit("/appeal", FORM)).path == "/appeal/done"


async def test_the_own_matter_is_named_and_leads_to_its_progress(client: Client, make_ticket: MakeTicket) -> None:
    made = await make_ticket(WHAT, address="滨河路188号")
    browser = Browser(client)
    await browser.submit("/track", {"number": made.ticket.number, "code": made.query_code})
    page = await browser.submit("/appeal", FORM)
    assert f"您反映过：{made.ticket.title}" in page.text
    assert "补充情况" in page.text


@pytest.mark.parametrize(
    ("text", "spam"),
    [
        (WHAT, False),
        ("啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊", True),
        ("低价出售，加微信咨询，贷款秒到", True),
        ("详情见 https://example.com 加微信有优惠券", True),
        ("楼下有人发贷款小广告，天天往门上贴，请城管管一管", False),
        ("网站 https://example.gov.cn 打不开，三天了，办不了社保", False),
    ],
)
def test_advertisements_are_asked_about(text: str, spam: bool) -> None:
    assert looks_like_spam(text) is spam


async def test_what_is_missing_is_asked_for_once(client: Client, city: Database) -> None:
    form = {"kind": "complaint", "what": "这里乱得不得了没法看下去", "where": "某处", "anonymous": "yes"}
    browser = Browser(client)
    page = await browser.submit("/appeal", form)
    assert "写上这些，办得更快" in page.text
    assert "大概什么时候发生的" in page.text
    assert (await browser.post("/appeal", {**page.fields, **form})).path == "/appeal/done"
    assert len(await tickets(city)) == 1


@pytest.mark.parametrize(
    ("position", "coordinates"),
    [("30.123456,104.5", (104.5, 30.123456)), ("", None), ("91,0", None), ("0,181", None), ("x,y", None), ("1,2,3", None)],
)
def test_a_position_is_taken_when_it_is_one(position: str, coordinates: tuple[float, float] | None) -> None:
    assert AppealForm(position=position).coordinates == coordinates


async def test_the_position_stands_on_the_ticket(client: Client, city: Database) -> None:
    assert (await Browser(client).submit("/appeal", {**FORM, "position": "30.5,104.25"})).path == "/appeal/done"
    [ticket] = await tickets(city)
    assert (float(ticket.latitude or 0), float(ticket.longitude or 0)) == (30.5, 104.25)
