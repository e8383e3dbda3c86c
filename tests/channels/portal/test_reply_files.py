"""Files of the answer on the tracking page: those meant for the citizen, after the review, for whoever opened this ticket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from aiohttp import ClientResponse

from hotline.settings import Settings
from tests.channels.office import Office
from tests.channels.portal.browser import Browser
from tests.channels.portal.track import opened
from tests.channels.public import Client, MakeTicket
from tests.pictures import GPS, jpeg, png
from ticketing.attachment.service import store
from ticketing.people.models import Role
from ticketing.relation import merge
from ticketing.ticket.access import access_opened, access_ticket

Keep = Callable[..., Awaitable[UUID]]


@pytest.fixture
def keep(office: Office, settings: Settings) -> Keep:
    """Keep a file at a ticket, of the staff."""

    async def kept(number: str, name: str, body: bytes, *, from_citizen: bool = False) -> UUID:
        async with office.database.transaction() as session:
            ticket = await access_opened(session, number)
            file = await store(
                office.core, settings, session, body=body, file_name=name, from_citizen=from_citizen, ticket_id=ticket.id
            )  # fmt: skip
            return file.id

    return kept


async def fetched(browser: Browser, file: UUID) -> ClientResponse:
    """The file as this browser gets it."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return await browser.client.get(f"/track/files/{file}", headers={"Cookie": cookies})


async def test_what_is_meant_for_the_citizen_is_shown_after_the_review(
    client: Client, office: Office, make_ticket: MakeTicket, keep: Keep
) -> None:
    made = await make_ticket()
    number = made.ticket.number
    assignment = await office.dispatch(number)
    await office.work(assignment)
    photo, record = await keep(number, "修好以后.jpg", jpeg(told=GPS)), await keep(number, "询问笔录.png", png())
    own = await keep(number, "市民的照片.png", png(2), from_citizen=True)
    loose = await keep(number, "没有随答复.png", png(3))
    await office.reply(assignment, attachments=(record,), for_citizen=(photo,))
    browser = await opened(client, made)
    before = await browser.get("/track")
    assert "修好以后.jpg" not in before.text, "the review has not passed yet"
    assert (await browser.get(f"/track/files/{photo}")).status == 404

    await office.pass_review(number)
    shown = await browser.get("/track")
    answer = shown.text.split("给您的答复")[1].split("</section>")[0]
    assert f'href="/track/files/{photo}"' in answer
    assert "询问笔录" not in shown.text
    assert "答复附有1个文件" in shown.text, "the notice says so too"
    got = await fetched(browser, photo)
    assert (got.status, got.headers["Content-Type"], got.headers["X-Content-Type-Options"]) == (200, "image/jpeg", "nosniff")
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert GPS not in await got.read(), "where it was taken is nobody's business"
    for other in (record, own, loose, UUID(int=7)):
        assert (await browser.get(f"/track/files/{other}")).status == 404


async def test_nobody_else_gets_the_file(client: Client, office: Office, make_ticket: MakeTicket, keep: Keep) -> None:
    made, elsewhere = await make_ticket(), await make_ticket(phone="13900002799")
    assignment = await office.dispatch(made.ticket.number)
    await office.work(assignment)
    photo = await keep(made.ticket.number, "修好以后.png", png())
    await office.reply(assignment, for_citizen=(photo,))
    await office.pass_review(made.ticket.number)
    stranger = await Browser(client).get(f"/track/files/{photo}")
    assert (stranger.path, stranger.status) == ("/track", 200), "asked for number and code"
    assert (await (await opened(client, elsewhere)).get(f"/track/files/{photo}")).status == 404
    mine = await opened(client, made)
    assert (await fetched(mine, photo)).status == 200
    await mine.submit("/track/leave", {}, at="/track")
    assert (await mine.get(f"/track/files/{photo}")).path == "/track", "this browser does not show the ticket any more"


async def test_whose_ticket_was_merged_hears_the_answer_and_not_of_the_files(
    client: Client, office: Office, make_ticket: MakeTicket, keep: Keep
) -> None:
    """A photograph may show the flat of the master's citizen."""
    master, merged = await make_ticket(), await make_ticket(phone="13900002799")
    async with office.database.transaction() as session:
        actor = office.people[Role.DISPATCHER]
        ticket = await access_ticket(office.core, session, actor, merged.ticket.number, lock=True)
        other = await access_ticket(office.core, session, actor, master.ticket.number, lock=True)
        await merge.merge(office.core, session, actor, ticket, other, reason="同一盏路灯")
    assignment = await office.dispatch(master.ticket.number)
    await office.work(assignment)
    photo = await keep(master.ticket.number, "修好以后.png", png())
    await office.reply(assignment, for_citizen=(photo,))
    await office.pass_review(master.ticket.number)
    follower = await opened(client, merged)
    page = (await follower.get("/track")).text
    assert "更换路灯灯头" in page
    assert "个文件" not in page
    assert (await follower.get(f"/track/files/{photo}")).status == 404
