"""The call flow as a form: what is entered is in force, what has no field stays, what is wrong comes back as entered."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import yaml

from channels.console import call_flow_form as forms
from tests.channels.staff import Browser, City, Opener
from ticketing.call_flow import versions
from ticketing.call_flow.document import Announce, Document, Greet, Straight, parse_text, seed_text

PAGE = "/console/call-flow"


def _entered(body: str) -> dict[str, object]:
    """What a browser would send of the form."""
    inner = re.search(r'<form[^>]*action="/console/call-flow/form"[^>]*>(.*?)</form>', body, re.DOTALL)
    assert inner
    form = inner[1]
    values: dict[str, object] = {
        name: unescape(text) for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    }
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="checkbox"' not in tag:
            values[name[1]] = unescape(value[1]) if value else ""
        elif name and " checked" in tag:
            values[name[1]] = "on"
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


async def _form(person: Browser) -> dict[str, object]:
    return _entered(await person.text(PAGE))


async def _approve(browser: Opener, what: str = "approve", note: str = "") -> int:
    """The administrator decides what waits."""
    person = await browser("admin")
    body = await person.text(PAGE)
    action = next(path for path in re.findall(r'action="([^"]*/proposals/[^"]*)"', body) if path.endswith(what))
    return (await person.post(action, {**await person.form(PAGE, action), "note": note})).status


async def _in_force(city: City) -> Document:
    async with city.database.transaction() as session:
        return await versions.current(session)


def test_what_was_not_touched_stays() -> None:
    before = forms.plain(seed_text())
    after = parse_text(forms.written(before))
    assert after == parse_text(seed_text())


async def test_sent_as_it_stands_nothing_changes_but_the_number(browser: Opener, city: City) -> None:
    person = await browser("supervisor")
    was = await _in_force(city)
    form = await _form(person)
    answer = await person.post(f"{PAGE}/form", {**form, "do": "propose", "reason": "核对一遍，没有改动"})
    assert answer.status == 303, await answer.text()
    assert await _in_force(city) == was, "one person alone changes nothing"
    assert await _approve(browser) == 303
    now = await _in_force(city)
    assert now.version == was.version + 1
    assert now.model_copy(update={"version": was.version}) == was


async def test_what_is_entered_is_in_force_from_the_next_call(browser: Opener, city: City) -> None:
    person = await browser("supervisor")
    form = await _form(person)
    entered: dict[str, object] = {
        "hotline.greeting": "您好，这里是市政务服务热线，请讲。", "hotline.numbers": "12319，12333", "hotline.dialect": "yue",
        "hotline.announce.0.say": "今天学院路停水检修，预计下午六点恢复。", "hotline.announce.0.from": "2026-12-01",
        "hotline.announce.0.until": "2026-12-02", "hotline.hours.0.calendar": "work", "hotline.hours.0.from": "08:00",
        "hotline.hours.0.to": "20:00", "queue.hotline.wrapuptime": "45",
    }  # fmt: skip
    sent = {**form, **entered, "reason": "年底停水检修", "do": "propose"}
    sent.pop("hotline.elderly")
    answer = await person.post(f"{PAGE}/form", sent)
    assert answer.status == 303, await answer.text()
    waiting = unescape(await person.text(PAGE))
    assert "今天学院路停水检修" in waiting, "both see what is proposed"
    assert "你提出的修改要由另一位管理员确认" in waiting
    assert await _approve(browser) == 303
    document = await _in_force(city)
    flow = document.flow_of("12319")
    assert flow is document.flow_of("12333")
    greet = next(step for step in flow.steps if isinstance(step, Greet))
    announced = next(step for step in flow.steps if isinstance(step, Announce))
    assert greet.say == "您好，这里是市政务服务热线，请讲。"
    assert (announced.say[:5], announced.start, announced.until) == ("今天学院路", date(2026, 12, 1), date(2026, 12, 2))
    assert not any(isinstance(step, Straight) for step in flow.steps)
    assert (flow.dialect, flow.person.hours[0].calendar, flow.person.hours[0].end) == ("yue", "work", "20:00")
    assert document.queues["hotline"].wrapuptime == 45
    assert document.prompts == parse_text(seed_text()).prompts  # has no field here
    again = await _form(person)
    assert again["hotline.announce.0.say"] == "今天学院路停水检修，预计下午六点恢复。"
    assert again["hotline.announce.1.say"] == ""


async def test_checking_says_what_would_change_and_changes_nothing(browser: Opener, city: City) -> None:
    person = await browser("admin")
    was = await _in_force(city)
    form = await _form(person)
    answer = await person.post(f"{PAGE}/form", {**form, "hotline.closed": "现在没有人，请留言。", "do": "check"})
    body = await answer.text()
    assert answer.status == 200
    assert "检查通过" in body
    assert "政务服务便民热线，人工，没有人在岗时说" in body
    assert body.count("<tr>") == 2, "the heading and the one place that differs"
    assert _entered(body)["hotline.closed"] == "现在没有人，请留言。"
    assert await _in_force(city) == was


async def test_what_is_wrong_comes_back_as_it_was_entered(browser: Opener, city: City) -> None:
    person = await browser("admin")
    form = await _form(person)
    for wrong in ({"hotline.hours.0.from": "8点"}, {"queue.hotline.timeout": "abc"}, {"hotline.numbers": "热线"}, {"hotline.name": ""}):
        answer = await person.post(f"{PAGE}/form", {**form, **wrong, "reason": "试一试对不对", "do": "propose"})
        body = await answer.text()
        assert answer.status == 422, wrong
        assert 'role="alert"' in body
        name, value = next(iter(wrong.items()))
        assert _entered(body)[name] == value, wrong


async def test_two_who_change_it_at_once_are_told(browser: Opener, city: City) -> None:
    first, second = await browser("supervisor"), await browser("admin")
    one, other = await _form(first), await _form(second)
    assert (await first.post(f"{PAGE}/form", {**one, "reason": "第一位改的", "do": "propose"})).status == 303
    waits = await second.post(f"{PAGE}/form", {**other, "hotline.closed": "请稍后再打来。", "reason": "第二位改的", "do": "propose"})
    body = await waits.text()
    assert waits.status == 409
    assert "已有一份流程在等另一位管理员确认" in body
    assert _entered(body)["hotline.closed"] == "请稍后再打来。", "what was typed is still there"
    assert await _approve(browser) == 303
    late = await second.post(f"{PAGE}/form", {**other, "reason": "第二位改的", "do": "propose"})
    assert late.status == 422
    assert "有人刚刚发布了新的一版" in await late.text()


async def test_the_second_person_refuses_with_a_reason_and_the_first_takes_back(browser: Opener, city: City) -> None:
    person = await browser("supervisor")
    was = await _in_force(city)
    assert (await person.post(f"{PAGE}/form", {**await _form(person), "reason": "换一句问候语", "do": "propose"})).status == 303
    assert 'action="/console/call-flow/form"' not in await person.text(PAGE), "one waits: no further one is offered"
    head = await browser("admin")
    refusal = re.search(r'formaction="([^"]*/refuse)"', await head.text(PAGE))
    assert refusal
    token = {"csrf": (await head.form("/console/me", "/console/me/language"))["csrf"]}
    assert (await head.post(refusal[1], token)).status == 422
    assert (await head.post(refusal[1], {**token, "note": "问候语太长"})).status == 303
    assert "问候语太长" in await person.text(PAGE)
    assert (await person.post(f"{PAGE}/form", {**await _form(person), "reason": "换一句短的", "do": "propose"})).status == 303
    action = re.search(r'action="([^"]*/withdraw)"', await person.text(PAGE))
    assert action
    assert (await person.post(action[1], await person.form(PAGE, action[1]))).status == 303
    assert await _in_force(city) == was


async def test_other_roles_may_not(browser: Opener, city: City) -> None:
    person = await browser("dispatcher")
    token = (await person.form("/console/me", "/console/me/language"))["csrf"]
    assert (await person.post(f"{PAGE}/form", {"csrf": token, "do": "propose"})).status == 403


def test_the_text_that_is_written_keeps_chinese_readable() -> None:
    text = forms.written(forms.plain(seed_text()))
    assert "综合坐席" in text
    assert yaml.safe_load(text) == yaml.safe_load(seed_text())
