from __future__ import annotations

import io
import wave
from uuid import UUID, uuid4

from sqlalchemy import select

from hotline.events import Event
from hotline.sealed_file import SealedWriter
from tests.channels.staff import City, Opener
from ticketing.audit.report import looks
from ticketing.conversation import calls
from ticketing.conversation.models import Author, Call
from ticketing.conversation.recordings import PIECE_BYTES
from ticketing.conversation.service import add_message
from ticketing.ticket.models import Ticket


async def _recorded(city: City) -> tuple[UUID, str]:
    """An ended call with a recording, and the ticket that came out of it."""
    relative = f"recordings/{uuid4()}.wav"
    path = city.core.data_dir / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 8000)
    async with city.database.transaction() as session:
        conversation, call = await calls.start_call(
            city.core, session, sip_call_id="x", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
        await add_message(city.core, session, conversation, Author.CITIZEN, "楼下的路灯不亮")
        task = await calls.owe_return_call(city.core, session, call.id, reason="queue_timeout")
        await calls.end_call(city.core, session, call.id, reason="queue_timeout", recording_path=relative, recording_seconds=1.0)
        ticket = await session.get_one(Ticket, task.ticket_id)
        return call.id, ticket.number


async def test_who_may_listen(browser: Opener, city: City) -> None:
    call_id, number = await _recorded(city)
    address = f"/console/calls/{call_id}/recording"
    for login, status in (
        ("agent", 200),
        ("quality", 200),
        ("callback", 200),
        ("dispatcher", 403),
        ("clerk", 403),
        ("admin", 403),
        ("editor", 403),
    ):
        response = await (await browser(login)).get(address)
        assert response.status == status, login
    response = await (await browser("quality")).get(address, headers={"Range": "bytes=0-99"})
    assert response.status == 206
    assert len(await response.read()) == 100
    body = await (await browser("dispatcher")).text(f"/console/tickets/{number}")
    assert "<audio" not in body
    assert "t-call" not in body


async def test_a_sealed_recording_is_played_in_any_part_and_who_listened_is_kept(browser: Opener, city: City) -> None:
    call_id, number = await _recorded(city)
    async with city.database.transaction() as session:
        call = await session.get_one(Call, call_id)
        call.recording_path = f"recordings/{call_id}.rec"
    sound = bytes(range(256)) * 500
    file = SealedWriter(city.core.data_dir / "recordings" / f"{call_id}.rec", city.core.vault, PIECE_BYTES)
    for start in range(0, len(sound), PIECE_BYTES):
        piece = sound[start : start + PIECE_BYTES]
        file.append(piece) if len(piece) == PIECE_BYTES else file.finish(piece)
    file.close()
    quality = await browser("quality")
    address = f"/console/calls/{call_id}/recording"
    whole = await quality.get(address)
    body = await whole.read()
    assert (whole.status, whole.content_type, whole.headers["Accept-Ranges"]) == (200, "audio/wav", "bytes")
    with wave.open(io.BytesIO(body), "rb") as heard:
        assert (heard.getnchannels(), heard.getframerate()) == (2, 8000)
        assert heard.readframes(heard.getnframes()) == sound
    for wanted, part in (("bytes=0-99", body[:100]), ("bytes=40000-40009", body[40000:40010]), ("bytes=-7", body[-7:])):
        response = await quality.get(address, headers={"Range": wanted})
        assert (response.status, await response.read()) == (206, part), wanted
        assert response.headers["Content-Range"].endswith(f"/{len(body)}")
    assert (await quality.get(address, headers={"Range": "bytes=999999-"})).status == 416
    async with city.database.transaction() as session:
        seen = list(await session.scalars(select(Event).where(Event.name == "view.recording")))
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        looked = await looks(session, ticket.id)
    assert [(event.subject, event.subject_id) for event in seen] == [("call", str(call_id))] * 2, "once for each time it was begun"
    assert [event.id for event in looked] == [event.id for event in reversed(seen)]


async def test_a_supervisor_listens_after_saying_why_and_only_to_that_call(browser: Opener, city: City) -> None:
    call_id, number = await _recorded(city)
    other_id, _other = await _recorded(city)
    supervisor, leader = await browser("supervisor"), await browser("leader")
    address = f"/console/calls/{call_id}/recording"
    assert (await supervisor.get(address)).status == 403
    page = f"/console/tickets/{number}"
    hidden = await supervisor.form(page, f"{page}/listen")
    assert (await supervisor.post(f"{page}/listen", {**hidden, "reason": "听"})).status == 422
    response = await supervisor.post(f"{page}/listen", {**hidden, "reason": "核实话务员的说法"})
    grant = response.headers["Location"].partition("grant=")[2].partition("#")[0]
    assert (await supervisor.get(f"{address}?grant={grant}")).status == 200
    assert (await supervisor.get(f"/console/calls/{other_id}/recording?grant={grant}")).status == 403
    assert (await leader.get(f"{address}?grant={grant}")).status == 403  # somebody else's reason
    assert f"{address}?grant={grant}" in await supervisor.text(f"{page}?grant={grant}")
    city.clock.advance(minutes=11)
    assert (await supervisor.get(f"{address}?grant={grant}")).status == 403
    async with city.database.transaction() as session:
        event = (await session.scalars(select(Event).where(Event.name == "view.recording", Event.subject == "ticket"))).one()
    assert event.data == {"reason": "核实话务员的说法"}


async def test_an_agent_hears_yesterdays_call_no_more(browser: Opener, city: City) -> None:
    call_id, number = await _recorded(city)
    agent = await browser("agent")
    hidden = await agent.form(f"/console/tickets/{number}", f"/console/tickets/{number}/return_call")
    done = await agent.post(f"/console/tickets/{number}/return_call", {**hidden, "note": "已回电，市民说路灯在滨河路"})
    assert done.status == 303
    city.clock.advance(days=1)
    agent = await browser("agent")
    assert (await agent.get(f"/console/calls/{call_id}/recording")).status == 404
    assert (await agent.get(f"/console/tickets/{number}")).status == 404


async def test_quality_sees_recordings_with_masked_numbers(browser: Opener, city: City) -> None:
    call_id, _number = await _recorded(city)
    quality = await browser("quality")
    for path in ("/console/recordings", f"/console/recordings/{call_id}"):
        body = await quality.text(path)
        assert "139 **** 2716" in body
        assert "13900002716" not in body.replace(" ", "")
    assert "楼下的路灯不亮" in await quality.text(f"/console/recordings/{call_id}")


async def test_the_desk_masks_the_caller_for_who_does_not_speak_with_them(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        await calls.start_call(
            city.core, session, sip_call_id="y", caller="13900002716", called="12345", codec="PCMA", worker="w", transcriber="t"
        )
    for login in ("agent", "supervisor"):
        body = await (await browser(login)).text("/console/desk")
        assert "139 **** 2716" in body
        assert "139 0000 2716" not in body
