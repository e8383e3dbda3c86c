"""The console in another language: what a person reads changes, what is written does not (decision 0232)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from typing import Any

from sqlalchemy import event, select

from hotline import i18n
from hotline.database import Database
from hotline.errors import InvalidInput
from hotline.events import Event
from hotline.i18n import _, speaking
from tests.channels.staff import Browser, City, Opener
from ticketing.people.models import Role
from ticketing.supervision.models import StaffNotice

READ = {"agent": "/console/desk", "leader": "/console/figures", "admin": "/console/system", "supervisor": "/console/board"}
HAN = re.compile(r"[\u4e00-\u9fff]")


async def _choose(person: Browser, language: str) -> None:
    hidden = await person.form("/console/me", "/console/me/language")
    answer = await person.post("/console/me/language", {**hidden, "language": language})
    assert answer.status == 303, await answer.text()


@contextmanager
def _written(database: Database) -> Iterator[set[str]]:
    """Tables that statements write to meanwhile."""
    tables: set[str] = set()

    def note(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
        found = re.match(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", statement)
        if found:
            tables.add(found[1])

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield tables
    finally:
        event.remove(engine, "before_cursor_execute", note)


class _Unfound(NullTranslations):
    """Stands behind the English catalogue: what was asked for and is not in it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def gettext(self, message: str) -> str:
        self.texts.add(message)
        return message


@contextmanager
def _unfound() -> Iterator[set[str]]:
    """Chinese texts that were asked for meanwhile by an English reader, in vain."""
    behind = _Unfound()
    i18n._catalogue("en").add_fallback(behind)
    try:
        yield behind.texts
    finally:
        i18n._catalogue.cache_clear()


async def test_a_person_chooses_and_only_that_person_reads_english(browser: Opener, city: City) -> None:
    person, other = await browser("supervisor"), await browser("leader")
    assert 'lang="zh-CN"' in await person.text("/console/board")
    await _choose(person, "en")
    first = await person.text("/console/me")
    assert '<html lang="en"' in first
    assert "Page language" in first
    assert "The language of the pages was changed" in first
    again = await browser("supervisor")  # another browser: it is the person's choice
    assert "Page language" in await again.text("/console/me")
    assert "页面语言" in await other.text("/console/me")
    await _choose(person, "zh")
    assert "页面语言" in await person.text("/console/me")


async def test_a_language_that_there_is_not_is_refused(browser: Opener, city: City) -> None:
    person = await browser("supervisor")
    hidden = await person.form("/console/me", "/console/me/language")
    assert (await person.post("/console/me/language", {**hidden, "language": "../fr"})).status == 422


async def test_what_an_english_reader_writes_stands_in_the_citys_language(browser: Opener, city: City) -> None:
    """The same steps by two people: what they store is the same but for numbers and who it was, and no English word is in it."""
    stored = []
    for language in ("zh", "en"):
        ticket = (await city.register()).ticket
        dispatcher, supervisor = await browser("dispatcher"), await browser("supervisor")
        await _choose(dispatcher, language)
        await _choose(supervisor, language)
        values = {"category_code": "0501", "urgency": "normal", "mode": "phone", "unit_id": str(city.units["city"])}
        for person, step, entered in ((dispatcher, "dispatch", values), (supervisor, "urge", {"note": "请尽快"})):
            answer = await person.act(ticket.number, step, **entered)
            assert answer.status == 303, await answer.text()
        stored.append(await _stored(city, ticket.id))
    assert stored[0], "nothing was stored"
    assert stored[0] == stored[1]


async def _stored(city: City, ticket_id: int) -> list[str]:
    """Texts in the ticket's events and in the notices to people about it, without their numbers."""
    async with city.database.transaction() as session:
        events = list(
            await session.scalars(select(Event).where(Event.subject == "ticket", Event.subject_id == str(ticket_id)).order_by(Event.id))
        )
        notices = list(await session.scalars(select(StaffNotice).where(StaffNotice.ticket_id == ticket_id).order_by(StaffNotice.id)))
    told = [f"{each.name} {sorted(each.data.items(), key=str)}" for each in events] + [f"{each.kind} {each.data}" for each in notices]
    return [re.sub(r"[0-9a-f]{8,}|\d+", "0", each) for each in told]


async def test_a_refusal_is_read_in_the_persons_language(browser: Opener, city: City) -> None:
    person = await browser("leader")
    await _choose(person, "en")
    answer = await person.get("/console/system")
    assert answer.status == 403
    assert "This post may not open this page" in await answer.text()


def test_an_error_is_told_anew() -> None:
    error = InvalidInput(_("密码至少{n}个字符，用一句自己记得住的话最好"), n=10)
    with speaking("en"):
        assert "10" in error.told(_)
        assert not HAN.search(error.told(_))
    assert str(error) == error.told(_)


async def test_reading_writes_nothing_and_finds_every_text(browser: Opener, city: City) -> None:
    """A GET runs in the reader's language and so may write no text; what it does write is named here. A text without English is told."""
    ticket = (await city.register()).ticket
    with _unfound() as unfound:
        for role in Role:
            person = await browser(role.value)
            await _choose(person, "en")
            body = await person.text("/console/me")
            links = sorted(set(re.findall(r'href="(/console/[a-z-]+)"', body)))
            with _written(city.database) as tables:
                for path in [*links, f"/console/tickets/{ticket.number}"]:
                    answer = await person.get(path)
                    assert answer.status < 500, (role, path, answer.status)
            assert tables <= {"login_session"}, (role, tables)
    assert sorted(filter(HAN.search, unfound)) == [], "not marked with texts(...), or not in en.po"
