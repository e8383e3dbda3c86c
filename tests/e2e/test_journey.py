"""Steps 3 to 10 of docs/demo.md in a real browser: a citizen's appeal through every pair of hands, and back to the citizen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.demo import ROOT, Demo
from tests.navigation import goto_now

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
MATTER = re.findall(r"`(江畔花园北门.*?)`", PAGE)[0]
MEASURES = re.findall(r"`(抢修人员.*?)`", PAGE)[0]
BASIS = "《城市照明管理规定》"
PASSWORD = "demo-12345"
TIMEOUT_MS = 30_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of the machine, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class People:
    """Citizens and staff in front of their screens."""

    demo: Demo
    browser: Browser

    def citizen(self) -> Page:
        """A citizen's browser."""
        page = self.browser.new_context(locale="zh-CN", base_url=self.demo.url).new_page()
        page.set_default_timeout(TIMEOUT_MS)
        return page

    def staff(self, login: str) -> Page:
        """A logged-in member of staff."""
        page = self.citizen()
        goto_now(page, "/console/login")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", PASSWORD)
        page.click("form button[type=submit]")
        page.wait_for_url(re.compile(r"/console/(?!login)"))
        return page

    def submit(self, what: str = MATTER) -> tuple[Page, str, str]:
        """我要反映 on the portal; the citizen's page, the number and the query code."""
        page = self.citizen()
        goto_now(page, "/appeal")
        page.fill("[name=what]", what)
        page.fill("[name=where]", "滨河路江畔花园北门")
        page.fill("[name=name]", "周女士")
        page.fill("[name=phone]", "13900002716")
        page.click("main form button[type=submit]")
        page.wait_for_selector("text=查询码只在这里显示一次")
        text = page.inner_text("main")
        return page, re.findall(r"12345-\d{8}-\d{5}", text)[0], re.findall(r"\b[2-9A-HJ-NP-Z]{8}\b", text)[0]


@pytest.fixture
def people(demo: Demo, browser: Browser) -> People:
    """Who takes part."""
    return People(demo, browser)


def choose(page: Page, dialog: str, name: str, value: str) -> None:
    """Choose in a select or among radio buttons, whichever the form has."""
    select = page.locator(f"{dialog} select[name={name}]")
    if select.count():
        select.select_option(value)
    else:
        page.check(f"{dialog} [name={name}][value={value}]")


def act(page: Page, number: str, action: str, fill: Callable[[Page, str], None] | None = None) -> str:
    """Open the ticket, take one step in its dialog; what the page says is next. Fails with the page's complaint."""
    goto_now(page, f"/console/tickets/{number}")
    dialog = f"#a-{action}"
    button = page.locator(f"button[data-open='a-{action}']").first
    if not button.is_visible():
        page.locator("details.menu", has=button).locator("summary").click()
    button.click()
    if fill:
        fill(page, dialog)
    with page.expect_navigation():
        page.click(f"{dialog} button[type=submit]")
    complaint = page.locator("main [role=alert], dialog[open] [role=alert]")
    assert complaint.count() == 0, complaint.first.inner_text()
    return page.inner_text(".next strong")


def fill_dispatch(page: Page, dialog: str) -> None:
    choose(page, dialog, "category_code", "0104")
    unit = f"{dialog} [name=unit_id]"
    [label] = [text for text in page.locator(f"{unit} option").all_inner_texts() if text.startswith("市城市管理局")]
    page.select_option(unit, label=label)


def fill_reply(page: Page, dialog: str) -> None:
    choose(page, dialog, "facts", "true")
    page.fill(f"{dialog} [name=measures]", MEASURES)
    page.fill(f"{dialog} [name=basis]", BASIS)


def fill_review(page: Page, dialog: str) -> None:
    choose(page, dialog, "accept", "yes")
    for gate in page.locator(f"{dialog} [name=gates]").all():
        gate.check()


def fill_redo(page: Page, dialog: str) -> None:
    choose(page, dialog, "cause", "not_solved")
    page.fill(f"{dialog} [name=rectification]", "更换整段电缆，连续三晚到场检查")


def to_callback(people: People, number: str) -> None:
    """From dispatch to the review that passes."""
    dispatcher, clerk = people.staff("dispatcher"), people.staff("clerk")
    act(dispatcher, number, "dispatch", fill_dispatch)
    act(clerk, number, "sign")
    act(clerk, number, "contact", lambda page, dialog: page.fill(f"{dialog} [name=note]", "已与市民通话，说明今晚检修"))
    act(clerk, number, "reply", fill_reply)
    act(people.staff("chief"), number, "sign_off")
    assert "回访" in act(dispatcher, number, "review", fill_review)


def rate(citizen: Page, satisfaction: str, *, solved: str, note: str = "") -> None:
    """我来评价, in the browser in which the appeal was submitted."""
    goto_now(citizen, "/track/rate")
    citizen.check(f"[name=satisfaction][value={satisfaction}]")
    citizen.check(f"[name=solved][value={solved}]")
    citizen.fill("[name=note]", note)
    with citizen.expect_navigation():
        citizen.click("main button[type=submit]")


def state_of(people: People, number: str) -> str:
    """The state as the leader sees it."""
    page = people.staff("leader")
    goto_now(page, f"/console/tickets/{number}")
    return page.locator("main .panel .row").first.inner_text()


def test_an_appeal_goes_through_every_hand_and_is_closed_by_the_citizen(people: People) -> None:
    citizen, number, _code = people.submit()
    stranger = people.staff("clerk-water")
    to_callback(people, number)
    goto_now(stranger, f"/console/tickets/{number}")
    assert MATTER not in stranger.inner_text("body")  # another unit does not see it
    attempted = act(people.staff("callback"), number, "attempt", lambda page, dialog: choose(page, dialog, "outcome", "no_answer"))
    assert "回访" in attempted
    rate(citizen, "very_satisfied", solved="yes")
    assert "已办结" in state_of(people, number)


def test_a_citizen_who_is_not_satisfied_gets_a_second_round(people: People) -> None:
    citizen, number, _code = people.submit("江畔花园南门的路灯又坏了，请尽快来修")
    to_callback(people, number)
    rate(citizen, "dissatisfied", solved="no", note="只亮了一个晚上又坏了，要求彻底修好")
    assert "待回访" in state_of(people, number)  # somebody asks why at once, and says what has to be put right
    act(people.staff("callback"), number, "decide_redo", fill_redo)
    state = state_of(people, number)
    assert "办理中" in state
    assert "第2轮办理" in state


def test_a_brush_off_is_refused_and_what_was_written_stays(people: People) -> None:
    _citizen, number, _code = people.submit("江畔花园东门的路灯不亮")
    act(people.staff("dispatcher"), number, "dispatch", fill_dispatch)
    clerk = people.staff("clerk")
    act(clerk, number, "sign")
    empty = "您反映的问题我们已经收到，正在处理中，请您耐心等待，有结果会告诉您。"

    def fill(page: Page, dialog: str) -> None:
        choose(page, dialog, "facts", "true")
        page.fill(f"{dialog} [name=measures]", empty)
        page.fill(f"{dialog} [name=basis]", BASIS)

    with pytest.raises(AssertionError, match="正在处理中"):
        act(clerk, number, "reply", fill)
    assert clerk.input_value("#a-reply [name=measures]") == empty
