"""Quality inspection by the pages: score and go on, appeal, decide, listen with a reason, who may open what."""

from __future__ import annotations

import wave
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from hotline.events import Event
from tests.channels.staff import Browser, City, Opener
from ticketing.conversation import calls
from ticketing.conversation.models import Author, Call
from ticketing.conversation.service import add_message
from ticketing.people.models import Role
from ticketing.quality import book, sampling
from ticketing.quality.models import QualityCheck

PAGE = "/console/quality"
FULL = {"p-opening": "10", "p-listening": "20", "p-answer": "25", "p-record": "20", "p-manner": "15", "p-privacy": "10"}
POOR = {**FULL, "p-answer": "5"}
APPEAL = "材料清单上个月改过，我答的是新的"


async def recorded(city: City, seconds: int = 4) -> UUID:
    """A call on which an agent spoke, with sound and words."""
    relative = f"recordings/{uuid4()}.wav"
    path = city.core.data_dir / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 8000 * seconds)
    async with city.database.transaction() as session:
        conversation, call = await calls.start_call(
            city.core, session, sip_call_id=str(uuid4()), caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
        await calls.answered_by_person(city.core, session, call.id, city.people["agent"].account)
        for number, (author, words) in enumerate(
            ((Author.AGENT, "您好，12345"), (Author.CITIZEN, "楼下的路灯不亮"), (Author.AGENT, "我来登记"))
        ):
            data = {"start_s": float(number), "end_s": number + 0.9}
            await add_message(city.core, session, conversation, author, words, data=data)
        call_id = call.id
    city.clock.advance(seconds=60)
    async with city.database.transaction() as session:
        await calls.end_call(city.core, session, call_id, reason="finished", recording_path=relative, recording_seconds=float(seconds))
    return call_id


async def check_of(city: City, call_id: UUID) -> int:
    """The call on the list."""
    async with city.database.transaction() as session:
        return (await sampling.pick(city.core, session, city.people["quality"], await session.get_one(Call, call_id))).id


async def send(person: Browser, check_id: int, step: str, **fields: object) -> int:
    hidden = await person.form(f"{PAGE}/{check_id}", f"{PAGE}/{check_id}/{step}")
    return (await person.post(f"{PAGE}/{check_id}/{step}", {**hidden, **fields})).status


async def row(city: City, check_id: int) -> QualityCheck:
    async with city.database.transaction() as session:
        return await session.get_one(QualityCheck, check_id)


async def test_scored_appealed_and_decided_by_the_pages(browser: Opener, city: City) -> None:
    check_id, following = await check_of(city, await recorded(city)), await check_of(city, await recorded(city))
    quality, agent, supervisor = await browser("quality"), await browser("agent"), await browser("supervisor")
    assert (await agent.get(f"{PAGE}/{check_id}")).status == 404, "not before it is scored"
    page = f"{PAGE}/{check_id}"
    hidden = await quality.form(page, f"{page}/score")
    refused = await quality.post(f"{page}/score", {**hidden, **POOR, "p-answer": "26", "remark": "没有查知识库"})
    body = await refused.text()
    assert refused.status == 422
    assert "请填0到25之间的整数" in body
    assert "没有查知识库" in body, "nothing that was typed is lost"
    assert 'value="26"' in body
    done = await quality.post(f"{page}/score", {**hidden, **POOR, "remark": "没有查知识库"})
    assert (done.status, done.headers["Location"]) == (303, f"{PAGE}/{following}"), "the next one opens by itself"
    assert (await quality.post(f"{page}/score", {**hidden, **FULL})).status == 409, "twice the same button"
    assert (await row(city, check_id)).score == 80
    assert "楼下的路灯不亮" in await agent.text(page)
    assert f'href="{PAGE}/{check_id}"' in await agent.text("/console/notices?all=1")
    assert await send(agent, check_id, "appeal", words="不对") == 422
    assert await send(agent, check_id, "appeal", words=APPEAL) == 303
    assert APPEAL in await supervisor.text(page)
    note = "查了知识库的版本，话务员说得对"
    assert await send(supervisor, check_id, "decide", note=note, **FULL) == 422
    assert await send(supervisor, check_id, "decide", upheld="yes", note=note, **FULL) == 303
    assert (await row(city, check_id)).score == 100
    told = await agent.text(page)
    assert "80 分改为 100 分" in told
    assert "楼下的路灯不亮" not in told, "what the citizen said is closed when the matter is over"
    assert "100.0" in await quality.text(f"{PAGE}?tab=averages")


async def test_a_supervisor_says_why_before_the_words_and_the_sound_open(browser: Opener, city: City) -> None:
    call_id = await recorded(city)
    check_id = await check_of(city, call_id)
    supervisor, quality = await browser("supervisor"), await browser("quality")
    page, sound = f"{PAGE}/{check_id}", f"{PAGE}/{check_id}/recording"
    assert "楼下的路灯不亮" not in await supervisor.text(page)
    assert (await supervisor.get(sound)).status == 403
    assert await send(supervisor, check_id, "listen", reason="看") == 422
    hidden = await supervisor.form(page, f"{page}/listen")
    opened = (await supervisor.post(f"{page}/listen", {**hidden, "reason": "核实评分"})).headers["Location"]
    assert "楼下的路灯不亮" in await supervisor.text(opened)
    assert (await supervisor.get(f"{sound}?{opened.partition('?')[2]}")).status == 200
    part = await quality.get(sound, headers={"Range": "bytes=100-199"})
    assert (part.status, len(await part.read())) == (206, 100)
    assert (await quality.get(sound)).status == 200
    async with city.database.transaction() as session:
        seen = list(await session.scalars(select(Event).where(Event.name == "view.recording", Event.subject == "call").order_by(Event.id)))
    assert [event.data for event in seen] == [{"reason": "核实评分", "check": check_id}, {"check": check_id}, {"check": check_id}]
    assert {event.subject_id for event in seen} == {str(call_id)}


@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_each_role_opens_what_it_may(browser: Opener, city: City, role: str) -> None:
    check_id = await check_of(city, await recorded(city))
    person = await browser(role)
    lists, sheets = {"quality", "supervisor", "agent"}, {"quality", "supervisor"}
    assert (await person.get(PAGE)).status == (200 if role in lists else 403)
    assert (await person.get(f"{PAGE}/book")).status == (200 if role in sheets else 403)
    wanted = 200 if role in sheets else 404 if role == "agent" else 403
    assert (await person.get(f"{PAGE}/{check_id}")).status == wanted
    sound = (await person.get(f"{PAGE}/{check_id}/recording")).status
    assert sound == {"quality": 200, "agent": 404}.get(role, 403)
    csrf = (await person.form("/console/me", "/console/logout"))["csrf"]
    for step in ("score", "appeal", "decide", "listen"):
        answer = (await person.post(f"{PAGE}/{check_id}/{step}", {"csrf": csrf})).status
        assert answer in ({422, 403, 409} if role in sheets else {403, 404}), step
    assert (await person.post(f"{PAGE}/book", {"csrf": csrf})).status == (422 if role == "supervisor" else 403)
    assert (await row(city, check_id)).state == "waiting"


async def test_an_inspector_puts_a_call_on_the_list_and_twice_is_once(browser: Opener, city: City) -> None:
    call_id = await recorded(city)
    quality = await browser("quality")
    page = f"/console/recordings/{call_id}"
    hidden = await quality.form(page, f"{page}/inspect")
    first, second = [await quality.post(f"{page}/inspect", hidden) for _each in range(2)]
    assert first.headers["Location"] == second.headers["Location"]
    assert "自己选的" in await quality.text(f"{PAGE}?tab=waiting")


async def test_a_supervisor_publishes_a_sheet_and_a_faulty_one_names_its_line(browser: Opener, city: City) -> None:
    supervisor = await browser("supervisor")
    hidden = await supervisor.form(f"{PAGE}/book", f"{PAGE}/book")
    broken = await supervisor.post(f"{PAGE}/book", {**hidden, "document": "version: 2\nitems: [", "note": "改一改看看"})
    assert broken.status == 422
    assert "行格式不对" in await broken.text()
    text = book.seed_text().replace("version: 1", "version: 2").replace("share_percent: 5", "share_percent: 8")
    assert (await supervisor.post(f"{PAGE}/book", {**hidden, "document": text, "note": "多抽一些"})).status == 422
    assert (await supervisor.post(f"{PAGE}/book", {**hidden, "document": text, "note": "十一月多抽一些"})).status == 303
    assert "8.0%" in await (await browser("quality")).text(PAGE)
