"""The audit page: the days' roots for administrator and supervisor, who looked at a ticket for the supervisor only."""

from __future__ import annotations

from hotline.events import record
from tests.channels.staff import City, Opener
from ticketing.audit import seal
from ticketing.ticket.access import access_ticket, reveal


async def test_roots_are_shown_and_given_as_a_text(browser: Opener, city: City) -> None:
    await city.register()
    assert await seal.run(city.core, city.database) > 0
    city.clock.advance(days=1)
    await seal.run(city.core, city.database)
    admin = await browser("admin")
    page = await admin.text("/console/audit")
    roots = await admin.text("/console/audit/roots.txt")
    root = roots.splitlines()[2].split()[-1]
    assert len(root) == 64
    assert root[:32] in page
    assert root[32:] in page
    assert "谁看过" not in page, "the administrator has nothing to do with single tickets"


async def test_the_supervisor_sees_who_looked_at_a_ticket(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    async with city.database.transaction() as session:
        ticket = await access_ticket(city.core, session, city.people["dispatcher"], number)
        await reveal(city.core, session, city.people["dispatcher"], ticket, "约定上门时间")
    supervisor = await browser("supervisor")
    page = await supervisor.text(f"/console/audit?number={number}")
    assert "约定上门时间" in page
    assert "查看联系方式" in page
    assert "没有找到这张工单" in await supervisor.text("/console/audit?number=1-2-3")


async def test_exports_are_shown(browser: Opener, city: City) -> None:
    async with city.database.transaction() as session:
        who = city.people["dispatcher"].who
        await record(session, at=city.clock.now(), name="export.made", subject="export", subject_id=1, who=who, data={"kind": "tickets"})
    page = await (await browser("admin")).text("/console/audit")
    assert who.label in page
    assert "tickets" in page


async def test_other_roles_are_refused(browser: Opener, city: City) -> None:
    clerk = await browser("clerk")
    assert (await clerk.get("/console/audit")).status == 403
    assert (await clerk.get("/console/audit/roots.txt")).status == 403
