"""State `draft` (domain.md 4a): an unfinished form can be kept, found again by its owner, dropped, registered."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from hotline.errors import InvalidInput, NotAllowed, NotFound
from hotline.rotation import places
from tests.ticketing.conftest import City
from ticketing.retention.rules import RULES, Work
from ticketing.ticket import drafts
from ticketing.ticket.drafts import MOST, TicketDraft
from ticketing.ticket.models import Ticket

FORM = {"content": "江畔花园北门工地夜间施", "phone": "13900002716", "kind": "complaint", "title": ""}


async def test_an_unfinished_form_is_kept_found_again_and_dropped(city: City) -> None:
    async with city.database.transaction() as session:
        saved = await drafts.save(city.core, session, city.agent, FORM)
        row = await session.get_one(TicketDraft, saved)
        assert b"13900002716" not in row.form_sealed
        assert await session.scalar(select(func.count()).select_from(Ticket)) == 0
    async with city.database.transaction() as session:
        again = await drafts.save(city.core, session, city.agent, {**FORM, "address": "滨河路"}, draft_id=saved)
        assert again == saved
        found = await drafts.mine(city.core, session, city.agent)
        assert [draft.fields for draft in found] == [
            {"content": FORM["content"], "phone": "13900002716", "kind": "complaint", "address": "滨河路"}
        ]
        await drafts.drop(session, city.agent, saved)
        await drafts.drop(session, city.agent, saved)  # a second click
        assert await drafts.mine(city.core, session, city.agent) == []


async def test_a_draft_is_its_owners_alone(city: City) -> None:
    async with city.database.transaction() as session:
        saved = await drafts.save(city.core, session, city.agent, FORM)
        assert await drafts.mine(city.core, session, city.agent2) == []
        for step in (
            drafts.access_draft(city.core, session, city.agent2, saved),
            drafts.access_draft(city.core, session, city.agent, uuid4()),
        ):
            with pytest.raises(NotFound):
                await step
        with pytest.raises(NotFound):
            await drafts.save(city.core, session, city.agent2, FORM, draft_id=saved)
        await drafts.drop(session, city.agent2, saved)
        assert len(await drafts.mine(city.core, session, city.agent)) == 1
        with pytest.raises(NotAllowed):
            await drafts.save(city.core, session, city.admin, FORM)


async def test_a_draft_has_bounds(city: City) -> None:
    async with city.database.transaction() as session:
        for wrong in ({}, {"kind": "complaint"}, {"content": "施" * 12_001}):
            with pytest.raises(InvalidInput):
                await drafts.save(city.core, session, city.agent, wrong)
        for _number in range(MOST):
            await drafts.save(city.core, session, city.agent, FORM)
        with pytest.raises(InvalidInput, match="20"):
            await drafts.save(city.core, session, city.agent, FORM)


async def test_a_draft_ends_by_retention_and_its_seal_is_rotated(city: City) -> None:
    assert "ticket_draft.form_sealed" in {place.name for place in places()}
    async with city.database.transaction() as session:
        saved = await drafts.save(city.core, session, city.agent, FORM)
        await RULES["ticket_drafts"].apply(Work(city.core, TicketDraft.metadata), session, [saved])
        assert await drafts.mine(city.core, session, city.agent) == []
