"""A form that came back with 409 holds everything: what was typed, and every box, radio button and select (lesson 15)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.channels.console.test_callbacks import REPLY, to_callback
from tests.channels.staff import Browser, City, Opener
from ticketing.assignment import service as assignments
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.states import DispatchMode

NOT_STEPS = ("files", "reveal", "listen", "dial")
"""Forms of the page that are no steps: they carry no version, or ask for a reason only."""
HIDDEN = ("csrf", "version", "seen")
TEXT = {"date": "2026-12-30", "datetime-local": "2026-12-30T10:00"}


@dataclass
class Form:
    """What a browser would send, and what else could be chosen."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    """What is chosen or written now."""
    offered: dict[str, list[str]] = field(default_factory=dict)
    """Of radio buttons and selects: every choice; of boxes: each."""
    kinds: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """The forms of the dialogs by the last part of their address."""

    def __init__(self, number: str) -> None:
        super().__init__()
        self.number, self.forms = number, dict[str, Form]()
        self._form: Form | None = None
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            found = re.fullmatch(rf"/console/tickets/{self.number}/([a-z_]+)", given.get("action", ""))
            self._form = self.forms.setdefault(found[1], Form()) if found and found[1] not in NOT_STEPS else None
        if self._form is None:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(self._form, name, given)
        elif tag == "select":
            self._select = name
            self._form.kinds[name] = "select"
        elif tag == "option" and self._select:
            self._form.offered.setdefault(self._select, []).append(given.get("value", ""))
            chosen = self._form.fields.setdefault(self._select, [given.get("value", "")])  # as browsers do: the first
            if "selected" in given:
                chosen[:] = [given.get("value", "")]
        elif tag == "textarea":
            self._area = name
            self._form.kinds[name], self._form.fields[name] = "textarea", [""]

    def _input(self, form: Form, name: str, given: dict[str, str]) -> None:
        kind, value = given.get("type", "text"), given.get("value", "")
        form.kinds[name] = kind
        if kind not in ("radio", "checkbox"):
            form.fields[name] = [value]
            return
        form.offered.setdefault(name, []).append(value)
        if "checked" in given:
            form.fields.setdefault(name, []).append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area:
            self._form.fields[self._area] = [data]


def read(body: str, number: str) -> dict[str, Form]:
    """The forms of a ticket's page. The machine's own form, which sends its suggestion, is not on it yet."""
    reader = Reader(number)
    reader.feed(body)
    return reader.forms


def filled(form: Form, place: int) -> dict[str, list[str]]:
    """Words in every field; of each list the choice at `place`: 0 and no box, or -1 and every box."""
    found = dict[str, list[str]]()
    for name, kind in form.kinds.items():
        if kind == "hidden":
            found[name] = form.fields[name]
        elif kind == "checkbox":
            found[name] = form.offered[name] if place else []
        elif kind in ("radio", "select"):
            found[name] = [form.offered[name][place]]
        else:
            found[name] = [TEXT.get(kind, f"写下的{name}")]
    return found


async def refused(page: Browser, number: str) -> set[str]:
    """Every form of this person's page is filled in, refused, and comes back as it was filled in. Returns their names."""
    path = f"/console/tickets/{number}"
    forms = read(await page.text(path), number)
    for key, form, place in ((key, form, place) for key, form in forms.items() for place in (0, -1)):
        sent = {**filled(form, place), "seen": ["0"]}  # as if nothing that happened had been seen
        response = await page.post(f"{path}/{key}", [(name, value) for name, values in sent.items() for value in values])
        body = await response.text()
        assert response.status == 409, (key, response.status)
        assert re.search(rf'id="a-{key}"[^>]* data-opened', body), key
        back = read(body, number)[key].fields
        for name, values in sent.items():
            if name not in HIDDEN:
                assert sorted(back.get(name, [])) == sorted(values), (key, name)  # units that are ticked stand first
    return set(forms)


async def test_every_form_of_every_step_comes_back_as_it_was_filled_in(city: City, browser: Opener) -> None:
    core, people, seen = city.core, city.people, set[str]()
    await city.register()
    number = (await city.register()).ticket.number
    pages = {login: await browser(login) for login in ("dispatcher", "supervisor", "clerk", "chief", "callback", "agent")}
    seen |= await refused(pages["dispatcher"], number) | await refused(pages["agent"], number)
    async with city.database.transaction() as session:
        ticket = await access_ticket(core, session, people["dispatcher"], number, lock=True)
        part = await dispatching.dispatch(
            core,
            session,
            people["dispatcher"],
            ticket,
            unit_id=city.units["city"],
            mode=DispatchMode.PHONE,
            co_unit_ids=(city.units["water"],),
        )
    seen |= await refused(pages["clerk"], number) | await refused(pages["dispatcher"], number) | await refused(pages["supervisor"], number)
    async with city.database.transaction() as session:
        await assignments.sign(core, session, people["clerk"], part.id)
        await assignments.contact(core, session, people["clerk"], part.id, way="phone", note="已与市民通话")
    seen |= await refused(pages["clerk"], number)
    async with city.database.transaction() as session:
        await assignments.draft_reply(core, session, people["clerk"], part.id, REPLY)
    seen |= await refused(pages["chief"], number)
    called = await to_callback(city)
    seen |= await refused(pages["callback"], called) | await refused(pages["supervisor"], called)
    expected = {"dispatch", "edit", "reject", "reply", "ask_extension", "ask_suspension", "co_date", "open_dispute", "sign_off", "visit"}
    assert expected | {"attempt", "give_card", "false_reply", "supervise", "commit", "request_return", "waive", "merge"} <= seen
