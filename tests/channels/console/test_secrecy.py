"""What is secret is shown to the people named on it and to nobody else, wherever one looks: every address, as every role."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestServer
from aiohttp.web import AbstractRoute
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.files import store
from knowledge.article import service as articles
from knowledge.article.content import Content
from knowledge.gap.models import AnswerCheck, Cause
from knowledge.gap.service import Asked, note
from tests.channels.staff import Browser, City, Opener
from ticketing.access_token.models import TokenScope
from ticketing.access_token.service import issue
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Facts
from ticketing.assignment.service import ReplyDraft
from ticketing.callback import service as callbacks
from ticketing.callback.service import GATES
from ticketing.conversation import calls
from ticketing.conversation.models import Author, Message, Owner
from ticketing.conversation.service import add_message, open_conversation, request_person
from ticketing.people.actor import SYSTEM, citizen_actor
from ticketing.ticket import dispatch as dispatching
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket
from ticketing.ticket.service import Appeal, register
from ticketing.ticket.states import Channel, Confidentiality, DispatchMode

MARK = "赤狐七号"
"""Stands in everything that is secret, and nowhere else."""
WORD = "线索核查"
"""Stands beside it, for searching."""
SECRET = f"{WORD}：{MARK}收受好处，请务必保密处理，不要告诉本单位"
NAMED = ("dispatcher", "clerk", "chief")
HIDDEN = ("agent2", "dispatcher2", "water_clerk", "supervisor", "callback", "quality", "editor", "admin", "leader")


@dataclass(frozen=True)
class Secrets:
    """What a curious colleague might know the identifiers of."""

    numbers: list[str]
    conversations: list[str]
    calls: list[str]
    attachments: list[str]

    def values(self, path: str, name: str) -> list[str]:
        """What to put into the address for `name`."""
        if name == "number":
            return self.numbers
        if name in ("conversation", "conversation_id"):
            return self.conversations
        if "attachment" in path:
            return self.attachments
        if "call" in path or "recording" in path:
            return self.calls
        return ["1"]


async def _appeal(city: City, conversation: object = None, **fields: object) -> str:
    named = tuple(city.people[login].user_id for login in NAMED)
    values: dict[str, Any] = {"channel": Channel.WEB, "content": SECRET, "title": f"{WORD} {MARK}", "category_code": "0501",
        "address": f"滨河路{MARK}", "name": MARK, "phone": "13900002716", "confidentiality": Confidentiality.SECRET,
        "named_user_ids": named, "conversation_id": conversation, "occurred": MARK, **fields}  # fmt: skip
    async with city.database.transaction() as session:
        return (await register(city.core, session, citizen_actor(), Appeal(**values))).ticket.number


async def _call(city: City, *, ended: bool) -> tuple[str, str]:
    async with city.database.transaction() as session:
        conversation, call = await calls.start_call(
            city.core, session, sip_call_id="x", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
        await add_message(city.core, session, conversation, Author.CITIZEN, SECRET)
        await request_person(city.core, session, conversation, "asked")
        await calls.queue_call(city.core, session, call.id)
    await _appeal(city, conversation.id, channel=Channel.PHONE)
    async with city.database.transaction() as session:
        if ended:
            path = city.core.data_dir / "recordings" / f"{uuid4()}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as sound:
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(b"\0\0" * 800)
            await calls.owe_return_call(city.core, session, call.id, reason="queue_timeout")
            relative = str(path.relative_to(city.core.data_dir))
            await calls.end_call(city.core, session, call.id, reason="finished", recording_path=relative, recording_seconds=0.1)
    return str(call.id), str(conversation.id)


async def _unanswered(city: City, session: AsyncSession, conversation_id: UUID) -> None:
    """The assistant had no good answer: the sentence is on the gap list, and drawn for a check, before anybody knew that it is secret."""
    said = (await session.scalars(select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id))).first()
    assert said is not None
    await note(city.core, session, Asked(conversation_id, said.id, SECRET, "web", Cause.UNANSWERED))
    content = Content(
        title="怎样反映问题", scene="其他", spoken="请拨打12345。", questions=("怎样反映问题",), valid_from=date(2026, 1, 1),
        checked_on=date(2026, 11, 1), kind="question",
    )  # fmt: skip
    article = await articles.create(city.core, session, SYSTEM, f"k-{said.id}", content)
    for judged in (False, True):
        verdict = {"result": "right", "judged_at": city.clock.now(), "judged_by_id": city.people["editor"].account} if judged else {}
        session.add(
            AnswerCheck(
                conversation_id=conversation_id, asked=SECRET, answer=f"关于{MARK}，请拨打12345。", channel="web", at=city.clock.now(),
                article_id=article.id, article_version=1, drawn_at=city.clock.now(), remark="", **verdict,
            )
        )  # fmt: skip


async def _chat(city: City, agent: str | None) -> str:
    async with city.database.transaction() as session:
        conversation = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, conversation, Author.CITIZEN, SECRET)
        await request_person(city.core, session, conversation, "asked")
        await _unanswered(city, session, conversation.id)
        if agent:
            conversation.owner, conversation.agent_id = Owner.HUMAN.value, city.people[agent].user_id
    await _appeal(city, conversation.id)
    return str(conversation.id)


async def _handled(city: City) -> tuple[str, str]:
    """A secret ticket with an attachment, handled by those who are named, up to the callback."""
    number = await _appeal(city)
    people, core = city.people, city.core
    async with city.database.transaction() as session:
        ticket = await access_ticket(core, session, people["dispatcher"], number, lock=True)
        picture = Image.new("RGB", (2, 2), "white")
        buffer = BytesIO()
        picture.save(buffer, "PNG")
        kept = await store(
            core,
            city.settings,
            session,
            body=buffer.getvalue(),
            file_name=f"{MARK}.png",
            from_citizen=True,
            ticket_id=ticket.id,
        )
        await dispatching.dispatch(
            core, session, people["dispatcher"], ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE, instruction=f"{MARK}请速办"
        )
    async with city.database.transaction() as session:
        assignment = (await session.scalars(select(Assignment).join(Ticket).where(Ticket.number == number))).one()
        draft = ReplyDraft(
            Facts.TRUE, f"{MARK}一事已核查，责令当场退还，并对有关人员谈话提醒，安排专人连续三周回头看。", f"《条例》{MARK}", MARK
        )
        await assignments.sign(core, session, people["clerk"], assignment.id)
        await assignments.contact(core, session, people["clerk"], assignment.id, way="phone", note=f"已联系{MARK}本人说明情况")
        await assignments.draft_reply(core, session, people["clerk"], assignment.id, draft)
        await assignments.sign_off(core, session, people["chief"], assignment.id)
    async with city.database.transaction() as session:
        ticket = await access_ticket(core, session, people["dispatcher"], number, lock=True)
        await callbacks.review(core, session, people["dispatcher"], ticket, accept=True, gates=GATES)
    return number, str(kept.id)


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk over the API is longer than a token's burst: 241 of its 453 answers were 429, and hid whatever was there."""
    monkeypatch.setattr("channels.api.staff.BURST", 10**9)


@pytest.fixture
async def secrets(city: City) -> Secrets:
    """Secret contacts and tickets in every state that has a page of its own; one of them overdue."""
    live, ended = await _call(city, ended=False), await _call(city, ended=True)
    chats = [await _chat(city, None), await _chat(city, "agent")]
    number, attachment = await _handled(city)
    late = await _appeal(city)
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.people["dispatcher"], late, lock=True)
        await dispatching.dispatch(
            city.core, session, city.people["dispatcher"], ticket, unit_id=city.units["city"], mode=DispatchMode.PHONE, instruction=MARK
        )
        numbers = list(await session.scalars(select(Ticket.number).where(Ticket.confidentiality == "secret").order_by(Ticket.number)))
    assert number in numbers
    assert late in numbers
    return Secrets(numbers, [live[1], ended[1], *chats], [live[0], ended[0]], [attachment])


def addresses(site: TestServer, prefix: str, secrets: Secrets) -> Iterator[str]:
    """Every GET address below `prefix`, with identifiers of what is secret in every place for one."""
    routes: list[AbstractRoute] = [route for route in site.app.router.routes() if route.method == "GET" and route.resource is not None]
    for route in routes:
        path = route.resource.canonical if route.resource else ""
        if not path.startswith(prefix) or path.endswith("/stream"):
            continue
        names = [part[1:-1].split(":")[0] for part in path.split("/") if part.startswith("{")]
        found = [path]
        for name in names:
            found = [one.replace("{" + name + "}", value, 1) for one in found for value in secrets.values(path, name)]
        yield from found


def queries(secrets: Secrets) -> list[str]:
    """Ways to ask: searching, choosing a contact, a part of the page."""
    asks = [
        f"q={WORD}&queue=all&id={one}&conversation={one}&number={secrets.numbers[-1]}&ticket={secrets.numbers[-1]}"
        for one in secrets.conversations
    ]
    asks += [f"call={one}&part=1&queue=mine" for one in secrets.calls]
    return [*asks, "part=1&queue=overdue", f"part=talk&id={secrets.conversations[2]}", f"part=inbox&id={secrets.conversations[2]}"]


async def leaks(person: Browser, address: str, headers: dict[str, str] | None = None) -> bool:
    response = await person.get(address, headers=headers or {})
    body = await response.read()
    assert response.status < 500, (address, body[:500])
    assert response.status != 429, f"{address} was not looked at"
    return MARK.encode() in body or b"\\u8d64\\u72d0" in body


@pytest.mark.parametrize("login", HIDDEN)
async def test_no_page_shows_a_secret_to_who_is_not_named(
    browser: Opener, city: City, site: TestServer, secrets: Secrets, login: str
) -> None:
    person = await browser(login)
    several = {"/console/desk", "/console/chats", "/console/tickets", "/console/tickets/new", "/console/board", "/console/callbacks"}
    for address in addresses(site, "/console", secrets):
        for query in queries(secrets) if address in several else queries(secrets)[:1]:
            headers = {"HX-Request": "true"} if "part=" in query else None
            assert not await leaks(person, f"{address}?{query}", headers), (login, address, query)
        assert not await leaks(person, address), (login, address)


async def test_the_walk_would_find_a_leak(browser: Opener, city: City, site: TestServer, secrets: Secrets) -> None:
    """The same walk as a person who is named does find the mark, on every kind of page."""
    person = await browser("dispatcher")
    found = {address for address in addresses(site, "/console", secrets) if await leaks(person, address)}
    assert {f"/console/tickets/{number}" for number in secrets.numbers} <= found
    assert "/console/tickets" in found
    assert await leaks(person, f"/console/chats?id={secrets.conversations[2]}")
    attachment = await person.get(f"/console/attachments/{secrets.attachments[0]}")
    assert attachment.status == 200


@pytest.mark.parametrize("login", HIDDEN)
async def test_lesson_20_nobody_reaches_a_secret_by_its_identifier(browser: Opener, city: City, secrets: Secrets, login: str) -> None:
    person = await browser(login)
    for number in secrets.numbers:
        assert (await person.get(f"/console/tickets/{number}")).status in (403, 404)
    for attachment in secrets.attachments:
        assert (await person.get(f"/console/attachments/{attachment}")).status in (403, 404)
    for call in secrets.calls:
        assert (await person.get(f"/console/calls/{call}/recording")).status in (403, 404)
    csrf = (await person.form("/console/me", "/console/logout"))["csrf"]
    for chat in secrets.conversations[2:]:
        answer = await person.post(f"/console/chats/{chat}/take", {"csrf": csrf})
        assert answer.status in (403, 404), (login, chat)
        assert MARK not in await answer.text()


@pytest.mark.parametrize("login", HIDDEN)
async def test_the_api_shows_no_secret_to_who_is_not_named(
    browser: Opener, city: City, site: TestServer, secrets: Secrets, login: str
) -> None:
    visitor = await browser()
    async with city.database.transaction() as session:
        token = (await issue(city.core, session, city.people[login], name="walk", scope=TokenScope.READ, days=1)).text
    headers = {"Authorization": f"Bearer {token}"}
    assert (await visitor.get("/api/v1/me", headers=headers)).status == 200
    for address in addresses(site, "/api/v1", secrets):
        for query in ("", f"?q={WORD}", f"?search={WORD}&state=callback"):
            assert not await leaks(visitor, address + query, headers), (login, address, query)


async def test_the_api_shows_it_to_who_is_named(browser: Opener, city: City, secrets: Secrets) -> None:
    visitor = await browser()
    async with city.database.transaction() as session:
        token = (await issue(city.core, session, city.people["dispatcher"], name="walk", scope=TokenScope.READ, days=1)).text
    assert await leaks(visitor, f"/api/v1/tickets/{secrets.numbers[0]}", {"Authorization": f"Bearer {token}"})


async def test_the_live_stream_tells_nobody_which_secret_ticket_changed(browser: Opener, city: City, secrets: Secrets) -> None:
    person = await browser("supervisor")
    number, conversation = secrets.numbers[-1], secrets.conversations[2]
    stream = await person.get(f"/console/stream?ticket={number}&conversation={conversation}")
    assert stream.status == 200
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.people["dispatcher"], number, lock=True)
        await dispatching.tell(city.core, session, city.people["dispatcher"], ticket, "ticket.noted", {"note": MARK})
    await city.register(content="一件普通的事，用来等消息")
    heard = b""
    while heard.count(b"ticket.registered") < 1:
        heard += await stream.content.readany()
    stream.close()
    assert MARK.encode() not in heard
    assert number.encode() not in heard
    assert b"event: ticket\n" not in heard  # «the ticket on your page changed»


async def test_people_of_the_desk_see_that_a_secret_call_waits_and_nothing_of_it(browser: Opener, city: City, secrets: Secrets) -> None:
    body = await (await browser("agent2")).text(f"/console/desk?call={secrets.calls[0]}")
    assert "保密来电" in body
    assert "2716" not in body
