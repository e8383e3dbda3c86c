"""A reply says which files belong to it (T18)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.events import history
from tests.ticketing.conftest import GOOD_REPLY, City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment, Reply
from ticketing.assignment.reply_files import released_file, released_files, take_back
from ticketing.callback import service as callbacks
from ticketing.callback.redo import reopen
from ticketing.callback.service import CallbackResult
from ticketing.ticket.models import Attachment, Ticket
from ticketing.ticket.states import Satisfaction


async def file(city: City, number: str, name: str, *, from_citizen: bool = False) -> UUID:
    """A file of the ticket, its bytes aside."""
    async with city.database.transaction() as session:
        ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == number))
        kept = Attachment(
            id=uuid4(), ticket_id=ticket_id, file_name=name, content_type="image/png", size_bytes=1, sha256=name, path=name,
            from_citizen=from_citizen, created_at=city.clock.now(),
        )  # fmt: skip
        session.add(kept)
        return kept.id


async def belongs(city: City) -> dict[str, int | None]:
    """Number of the reply (1, 2 …) of each file."""
    async with city.database.transaction() as session:
        order = {reply: place for place, reply in enumerate(await session.scalars(select(Reply.id).order_by(Reply.id)), 1)}
        files = list(await session.scalars(select(Attachment).order_by(Attachment.file_name)))
        return {each.file_name: order.get(each.reply_id) for each in files}


async def signed(city: City) -> tuple[str, Assignment]:
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    await city.by_unit(city.clerk, assignments.contact, assignment, way="phone", note="已与市民通话，说明今晚检查")
    return number, assignment


async def draft(city: City, assignment: Assignment, *files: UUID, explanation: str = "") -> None:
    words = replace(GOOD_REPLY, attachments=files, explanation=explanation)
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, words)


async def test_a_reply_has_exactly_the_files_that_its_draft_names(city: City) -> None:
    number, assignment = await signed(city)
    before, after = await file(city, number, "before.png"), await file(city, number, "after.png")
    await draft(city, assignment, before, after)
    assert await belongs(city) == {"after.png": 1, "before.png": 1}
    await draft(city, assignment, after)  # written anew
    assert await belongs(city) == {"after.png": 1, "before.png": None}


async def test_neither_the_citizens_files_nor_those_of_another_ticket_go_with_a_reply(city: City) -> None:
    number, assignment = await signed(city)
    theirs = await file(city, number, "citizen.png", from_citizen=True)
    elsewhere = await file(city, (await city.register()).ticket.number, "elsewhere.png")
    for wrong in (theirs, elsewhere, uuid4()):
        with pytest.raises(InvalidInput) as refused:
            await draft(city, assignment, wrong)
        assert set(refused.value.errors) == {"attachments"}
    assert set((await belongs(city)).values()) == {None}


async def test_what_went_with_a_reply_that_was_sent_back_may_go_with_the_next(city: City) -> None:
    number, assignment = await signed(city)
    photo = await file(city, number, "photo.png")
    await draft(city, assignment, photo)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.act(number, city.dispatcher, callbacks.review, accept=False, note="请补充检查时间")
    await draft(city, assignment, photo)
    assert await belongs(city) == {"photo.png": 2}


async def test_in_the_next_round_the_files_of_the_last_stay_with_it(city: City) -> None:
    number, assignment = await signed(city)
    first = await file(city, number, "first.png")
    await draft(city, assignment, first)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    await city.act(number, city.supervisor, reopen, "现场抽查发现没有按答复整改")
    second = await file(city, number, "second.png")
    why = "上次只检查了一晚，没有安排连续巡查，这次已补上"
    with pytest.raises(InvalidInput):
        await draft(city, assignment, first, second, explanation=why)
    await draft(city, assignment, second, explanation=why)
    assert await belongs(city) == {"first.png": 1, "second.png": 2}


async def test_what_is_for_the_citizen_belongs_to_the_reply_and_is_said_anew_with_every_draft(city: City) -> None:
    number, assignment = await signed(city)
    inside, shown = await file(city, number, "inside.png"), await file(city, number, "shown.png")

    async def drafted(**files: Any) -> dict[str, bool]:
        await city.by_unit(city.clerk, assignments.draft_reply, assignment, replace(GOOD_REPLY, **files))
        async with city.database.transaction() as session:
            kept = await session.scalars(select(Attachment).where(Attachment.reply_id.is_not(None)))
            return {each.file_name: each.for_citizen for each in kept}

    assert await drafted(attachments=(inside,), for_citizen=(shown,)) == {"inside.png": False, "shown.png": True}
    assert await drafted(attachments=(inside, shown)) == {"inside.png": False, "shown.png": False}
    assert await drafted(for_citizen=(shown,)) == {"shown.png": True}
    theirs = await file(city, number, "citizen.png", from_citizen=True)
    with pytest.raises(InvalidInput):
        await drafted(for_citizen=(theirs,))


async def test_the_citizen_sees_only_what_passed_its_review_and_keeps_seeing_it(city: City) -> None:
    number, assignment = await signed(city)
    first = await file(city, number, "first.png")

    async def seen() -> list[str]:
        async with city.database.transaction() as session:
            ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
            return [each.file_name for each in await released_files(session, ticket)]

    async def reply(*files: UUID, explanation: str = "") -> None:
        words = replace(GOOD_REPLY, for_citizen=files, explanation=explanation)
        await city.by_unit(city.clerk, assignments.draft_reply, assignment, words)
        await city.by_unit(city.chief, assignments.sign_off, assignment)

    await reply(first)
    assert await seen() == []
    await city.act(number, city.dispatcher, callbacks.review, accept=False, note="照片上有别人的门牌，请遮去")
    assert await seen() == []
    await reply()  # the clerk leaves it out
    await city.accept(number)
    assert await seen() == []
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    await city.act(number, city.supervisor, reopen, "现场抽查发现没有按答复整改")
    second = await file(city, number, "second.png")
    await reply(second, explanation="上次只检查了一晚，没有安排连续巡查，这次已补上")
    await city.accept(number)
    await city.act(number, city.callback, callbacks.finish_callback, CallbackResult(Satisfaction.SATISFIED, solved=True))
    await city.act(number, city.supervisor, reopen, "又有居民反映夜间施工没有停")
    assert await seen() == ["second.png"], "what was told stays told while it is worked on again"


async def test_what_was_shown_by_mistake_is_taken_back_and_stays_inside(city: City) -> None:
    number, assignment = await signed(city)
    right, wrong = await file(city, number, "right.png"), await file(city, number, "wrong.png")
    words = replace(GOOD_REPLY, for_citizen=(right, wrong))
    await city.by_unit(city.clerk, assignments.draft_reply, assignment, words)
    await city.by_unit(city.chief, assignments.sign_off, assignment)
    with pytest.raises(InvalidInput):  # nobody sees it before the review
        await city.act(number, city.supervisor, take_back, [wrong], "照片里有别人的门牌")
    await city.accept(number)
    for files, reason, field in (
        ([wrong], "错", "reason"),
        ([], "照片里有别人的门牌", "files"),
        ([wrong, uuid4()], "照片里有别人的门牌", "files"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await city.act(number, city.supervisor, take_back, files, reason)
        assert set(refused.value.errors) == {field}
    with pytest.raises(NotAllowed):
        await city.act(number, city.chief, take_back, [wrong], "照片里有别人的门牌")
    await city.act(number, city.dispatcher, take_back, [wrong], "照片里有别人的门牌")
    async with city.database.transaction() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.number == number))).one()
        assert [each.file_name for each in await released_files(session, ticket)] == ["right.png"]
        with pytest.raises(NotFound):
            await released_file(session, ticket, wrong)
        event = (await history(session, "ticket", ticket.id))[-1]
    assert (event.name, event.public, event.data) == ("reply.files_hidden", False, {"files": [str(wrong)], "reason": "照片里有别人的门牌"})
    assert (await belongs(city))["wrong.png"] == 1, "the reply still has it"
    with pytest.raises(InvalidInput):  # twice
        await city.act(number, city.dispatcher, take_back, [wrong], "照片里有别人的门牌")
