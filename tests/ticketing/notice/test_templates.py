"""Templates as data: placeholders, what may be left out, what a faulty one says, quiet hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput, NotAllowed
from tests.ticketing.conftest import City
from ticketing.notice import templates
from ticketing.notice.quiet import is_quiet, not_before
from ticketing.ticket import workflow


def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((files("ticketing") / "seed" / "notices.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("template", templates.load().templates, ids=lambda template: template.key)
def test_every_template_can_be_previewed_and_its_sms_tells_nothing_of_the_matter(template: templates.Template) -> None:
    text, sms = templates.preview(template.text, template.sms, template.values, "https://hotline.example")
    assert "{" not in text + sms
    assert "[[" not in text + sms
    for private in ("{title}", "{answer}", "{result}", "{reason}", "{missing}", "{explanation}", "{unit}"):
        assert private not in template.sms


def test_every_event_of_the_map_exists() -> None:
    events = {step.event for step in workflow.load().transitions.values()} | {
        step.event for step in workflow.load().assignment.transitions.values()
    }
    events |= {name for rule in workflow.load().requests.values() for name in rule.events.values()}
    ours = {"assignment.created", "callback.second_visit", "procedure.concluded", "answer.published"}
    assert {hook.event for hook in templates.load().events} <= events | ours


def test_what_is_optional_is_left_out_and_a_value_is_never_taken_for_a_placeholder() -> None:
    words = "编号{number}[[，查询码{query_code}]]。[[请在{deadline}前]]看{track}"
    assert templates.render(words, {"number": "1"}) == "编号1。看{track}"
    assert (
        templates.render(words, {"number": "{query_code}[[{x}]]", "query_code": "K7"}) == "编号｛query_code}[[｛x}]]，查询码K7。看{track}"
    )
    assert templates.put_address("看{track}", "https://h") == "看https://h/track"


def test_a_sentence_ends_once() -> None:
    words = "请补充：{reason}。补齐以前暂停计时。"
    assert templates.render(words, {"reason": "室内温度。"}) == "请补充：室内温度。补齐以前暂停计时。"
    assert templates.render(words, {"reason": "几号楼？"}) == "请补充：几号楼？补齐以前暂停计时。"
    assert templates.render(words, {"reason": "门牌号"}) == "请补充：门牌号。补齐以前暂停计时。"


@pytest.mark.parametrize(
    ("text", "sms", "field"),
    [
        ("编号{number}已办结{phone}", "编号{number}已办结", "text"),
        ("编号{number}已办结", "编号{number.__class__}已办结", "sms"),
        ("编号{number}已办结", "编号{number!r}已办结", "sms"),
        ("编号{number已办结", "编号{number}已办结", "text"),
        ("编号{number}[[已办结", "编号{number}已办结", "text"),
        ("短", "编号{number}已办结", "text"),
        ("编号{number}已办结", "长" * 201, "sms"),
        ("编号{number}\x00已办结", "编号{number}已办结", "text"),
    ],
)
def test_a_faulty_template_is_refused_by_field(text: str, sms: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        templates.preview(text, sms, (), "https://h")
    assert list(caught.value.errors) == [field]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"events": [{"event": "ticket.closed", "template": "nothing"}]}, "unknown template"),
        ({"secret": "{title}已办结"}, "secret"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_faulty_file_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    with pytest.raises(templates.TemplatesError, match=said):
        templates.parse({**raw(), **change})


async def test_only_the_administrator_edits_and_each_edit_is_a_version_with_its_event(city: City) -> None:
    words = {"text": "“{title}”（编号{number}）已撤回。", "sms": "编号{number}已撤回。", "reason": "用语统一"}
    async with city.database.transaction() as session:
        with pytest.raises(NotAllowed):
            await templates.edit(city.core, session, city.supervisor, "withdrawn", seen=1, **words)
        made = await templates.edit(city.core, session, city.admin, "withdrawn", seen=1, **words)
        assert made.version == 2
    async with city.database.transaction() as session:
        with pytest.raises(InvalidInput):  # somebody else was faster
            await templates.edit(city.core, session, city.admin, "withdrawn", seen=1, **words)
        assert (await templates.current(session, "withdrawn")).text == words["text"]
        assert (await templates.current(session, "closed")).version == 1


def city_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE)


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        ("2026-11-18T20:59", "2026-11-18T20:59"),
        ("2026-11-18T21:00", "2026-11-19T08:00"),
        ("2026-11-19T03:00", "2026-11-19T08:00"),
        ("2026-11-19T07:59:59", "2026-11-19T08:00"),
        ("2026-11-19T08:00", "2026-11-19T08:00"),
    ],
)
def test_lesson_07_nothing_is_pushed_in_quiet_hours(moment: str, sent: str) -> None:
    assert not_before(templates.load().quiet, city_time(moment)) == city_time(sent)


@given(st.integers(0, 60 * 24 * 14), st.times(), st.times())
def test_lesson_07_what_waits_for_the_end_of_the_quiet_hours_waits_less_than_a_day(minutes: int, start: Any, end: Any) -> None:
    quiet = templates.Quiet(start=start.replace(second=0, microsecond=0), end=end.replace(second=0, microsecond=0))
    moment = city_time("2026-11-01T00:00") + timedelta(minutes=minutes)
    later = not_before(quiet, moment)
    assert moment <= later < moment + timedelta(days=1)
    assert not is_quiet(quiet, later)
