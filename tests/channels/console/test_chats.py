from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.events import Outbox
from knowledge.article.content import Content
from knowledge.article.service import create, publish
from tests import pictures
from tests.channels.staff import Browser, City, Opener
from ticketing.attachment.service import store
from ticketing.citizen.service import by_openid
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.conversation.service import add_message, open_conversation, request_person
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Line, User


async def _waiting(city: City, channel: str = "web") -> UUID:
    async with city.database.transaction() as session:
        citizen = await by_openid(city.core, session, "o-1") if channel == "wechat" else None
        conversation = await open_conversation(city.core, session, channel=channel, citizen_id=citizen.id if citizen else None)
        await add_message(city.core, session, conversation, Author.CITIZEN, "我家路灯坏了<b>，找人工")
        await request_person(city.core, session, conversation, "asked")
        return conversation.id


async def _post(person: Browser, path: str, **fields: str) -> int:
    csrf = (await person.form("/console/chats", "/console/logout"))["csrf"]
    return (await person.post(path, {"csrf": csrf, **fields})).status


async def test_a_chat_belongs_to_a_line_and_people_of_another_line_do_not_meet_it(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    async with city.database.transaction() as session:
        assert (await session.get_one(Conversation, conversation_id)).line == city.core.line
        session.add(Line(number="12319", name="城建热线", greeting="", active=True))
        await session.flush()
        await session.execute(update(User).where(User.login == "agent2").values(line="12319"))
    bound, free = await browser("agent2"), await browser("agent")
    assert "我家路灯坏了" not in await bound.text("/console/chats")
    assert await _post(bound, f"/console/chats/{conversation_id}/take") == 404
    assert "我家路灯坏了" in await free.text("/console/chats")
    async with city.database.transaction() as session:
        await session.execute(update(Conversation).values(line="12319"))
    assert await _post(bound, f"/console/chats/{conversation_id}/take") == 303


async def test_two_agents_take_at_once_and_one_gets_it(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    first, second = await browser("agent"), await browser("agent2")
    assert "我家路灯坏了&lt;b&gt;" in await first.text("/console/chats")
    statuses = await asyncio.gather(*(_post(person, f"/console/chats/{conversation_id}/take") for person in (first, second)))
    assert sorted(statuses) == [303, 409]
    owner, other = (first, second) if statuses[0] == 303 else (second, first)
    assert "我家路灯坏了" in await owner.text(f"/console/chats?id={conversation_id}")
    assert "我家路灯坏了" not in await other.text(f"/console/chats?id={conversation_id}")
    assert await _post(other, f"/console/chats/{conversation_id}/say", text="抢着说") == 409
    assert await _post(owner, f"/console/chats/{conversation_id}/say", text="您好") == 303
    async with city.database.transaction() as session:
        said = list(await session.scalars(select(Message.text).where(Message.author == "agent")))
    assert said == ["您好"]


async def test_a_wechat_answer_goes_out_by_the_outbox_without_its_words(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city, "wechat")
    agent = await browser("agent")
    await _post(agent, f"/console/chats/{conversation_id}/take")
    assert await _post(agent, f"/console/chats/{conversation_id}/say", text="请问是哪条路？") == 303
    async with city.database.transaction() as session:
        row = (await session.scalars(select(Outbox))).one()
    assert (row.channel, row.kind, row.state) == ("wechat", "text", "waiting")
    assert "哪条路" not in str(row.payload)


async def test_an_empty_or_endless_answer_is_refused_and_kept_in_the_box(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    agent = await browser("agent")
    await _post(agent, f"/console/chats/{conversation_id}/take")
    assert await _post(agent, f"/console/chats/{conversation_id}/say", text="  ") == 422
    csrf = (await agent.form("/console/chats", "/console/logout"))["csrf"]
    response = await agent.post(f"/console/chats/{conversation_id}/say", {"csrf": csrf, "text": "字" * 1001})
    assert response.status == 422
    assert "字" * 1001 in await response.text()


async def test_given_back_it_waits_again_and_closed_it_is_gone(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    agent, other = await browser("agent"), await browser("agent2")
    await _post(agent, f"/console/chats/{conversation_id}/take")
    assert await _post(agent, f"/console/chats/{conversation_id}/queue") == 303
    assert await _post(other, f"/console/chats/{conversation_id}/take") == 303
    assert await _post(agent, f"/console/chats/{conversation_id}/close") == 409
    assert await _post(other, f"/console/chats/{conversation_id}/close") == 303
    async with city.database.transaction() as session:
        conversation = await session.get_one(Conversation, conversation_id)
    assert (conversation.owner, conversation.agent_id) == ("closed", None)
    assert "我家路灯坏了" not in await other.text("/console/chats")


async def test_a_ticket_out_of_a_chat_takes_over_what_was_said(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    agent = await browser("agent")
    page = f"/console/tickets/new?conversation={conversation_id}"
    body = await agent.text(page)
    assert "我家路灯坏了&lt;b&gt;，找人工</textarea>" in body
    hidden = await agent.form(page, "/console/tickets/new")
    fields = {**hidden, "kind": "help", "urgency": "normal", "confidentiality": "masked", "contact_by": "phone",
              "content": "滨河路路灯坏了三天", "phone": "13900002716"}  # fmt: skip
    response = await agent.post("/console/tickets/new", fields)
    assert response.status == 303
    async with city.database.transaction() as session:
        conversation = await session.get_one(Conversation, conversation_id)
    assert conversation.ticket_id is not None


async def test_a_conversation_in_other_hands_or_unknown_is_not_found(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    agent, other = await browser("agent"), await browser("agent2")
    await _post(agent, f"/console/chats/{conversation_id}/take")
    for path in (f"/console/tickets/new?conversation={conversation_id}", "/console/tickets/new?conversation=nonsense"):
        assert (await other.get(path)).status == 404
    assert await _post(other, "/console/chats/nonsense/take") == 404


async def test_a_file_of_a_chat_is_for_whoever_may_read_the_chat(browser: Opener, city: City) -> None:
    conversation_id = await _waiting(city)
    async with city.database.transaction() as session:
        conversation = await session.get_one(Conversation, conversation_id)
        kept = await store(
            city.core, city.settings, session, body=pictures.png(), file_name="路灯.png", from_citizen=True, conversation_id=conversation_id
        )
        await add_message(city.core, session, conversation, Author.CITIZEN, "附件：路灯.png", data={"attachments": [str(kept.id)]})
    first, second = await browser("agent"), await browser("agent2")
    path = f"/console/chats/{conversation_id}/files/{kept.id}"
    assert path in await first.text(f"/console/chats?id={conversation_id}")
    assert (await second.get(path)).status == 200, "who waits may be read by every agent"
    await _post(first, f"/console/chats/{conversation_id}/take")
    assert (await first.get(path)).headers["Content-Disposition"].startswith("attachment")
    assert (await second.get(path)).status == 404
    assert (await first.get(f"/console/chats/{uuid4()}/files/{kept.id}")).status == 404
    assert (await first.get(f"/console/chats/{conversation_id}/files/x")).status == 404


async def test_articles_for_what_was_said_stand_beside_the_chat_and_only_its_agent_can_insert(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        article = await _article(city, session)
        conversation = await open_conversation(city.core, session, channel="web")
        await add_message(city.core, session, conversation, Author.CITIZEN, "你好")
        await add_message(city.core, session, conversation, Author.CITIZEN, "放风筝要不要许可，收钱吗")
        await request_person(city.core, session, conversation, "asked")
        conversation_id = conversation.id
    agent = await browser("agent")
    path = f"/console/chats?part=hints&id={conversation_id}"
    waiting = await (await agent.get(path, headers={"HX-Request": "true"})).text()
    assert f"/console/articles/{article}" in waiting
    assert "data-append" not in waiting
    assert await _post(agent, f"/console/chats/{conversation_id}/take") == 303
    own = await (await agent.get(path, headers={"HX-Request": "true"})).text()
    assert 'data-append="say"' in own
    assert 'data-key="Alt+1"' in own
    assert "放风筝不收费" in own
    stranger = await (await (await browser("agent2")).get(path, headers={"HX-Request": "true"})).text()
    assert "风筝" not in stranger


async def _article(city: City, session: AsyncSession) -> int:
    content = Content(
        title="风筝放飞许可", scene="其他", spoken="放风筝请避开电线和机场。", questions=("放风筝要不要许可", "哪里可以放风筝"),
        valid_from=date(2025, 1, 1), checked_on=date(2025, 11, 1), kind="question", body={"fee": "放风筝不收费"},
    )  # fmt: skip
    article = await create(city.core, session, SYSTEM, "kite", content)
    await publish(city.core, session, SYSTEM, article.id, version=1)
    return article.id
