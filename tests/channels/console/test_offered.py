"""What is offered is what is accepted: in every state, for every role, `allowed` names exactly the steps that the services take.

Each ticket is brought to its state by the people who do that (`lives.py`); then everybody tries every step with a form that is filled
in well, each in a savepoint that is taken back. A step that succeeds without having been offered, or is offered and refused, is a fault
of `next_step` or of a guard.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.api.explain import actions_of
from channels.console.actions import HANDLERS, PERMISSIONS
from channels.console.step import Step
from channels.console.ticket_view import load_page
from hotline.clock import ManualClock
from hotline.database import Database
from hotline.errors import HotlineError, InvalidInput
from tests.channels.console.lives import LIVES, WORDS, Life, overlap
from tests.ticketing.conftest import City, settle
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, Unit
from ticketing.people.permissions import ensure
from ticketing.request.models import Request
from ticketing.ticket.access import access_ticket
from ticketing.ticket.models import Ticket

PEOPLE = [*(role.value for role in Role), "water_clerk", "water_chief"]


@pytest.fixture
async def town(core: Core, database: Database, clock: ManualClock) -> City:
    """The small city, with a unit below one of its units."""
    town = await settle(core, database, clock)
    async with database.transaction() as session:
        below = Unit(code="brigade", name="江畔中队", level=3, parent_id=town.units["city"])
        session.add(below)
        await session.flush()
        town.units["brigade"] = below.id
    return town


async def form_for(town: City, session: AsyncSession, actor: Actor, ticket: Ticket, action: str, other: str) -> dict[str, str]:
    """A form that is filled in well for this ticket, as a person with the page open would."""
    parts = list(await session.scalars(select(Assignment).where(Assignment.ticket_id == ticket.id).order_by(Assignment.lead.desc())))
    own = [part for part in parts if part.unit_id == actor.unit_id and part.state not in ("returned", "cancelled")]
    if action in ("waive", "co_date"):
        own = [part for part in parts if not part.lead]
    asked = await session.scalar(select(Request.id).where(Request.ticket_id == ticket.id, Request.state == "pending").limit(1))
    part = (own or parts or [None])[0]
    plain = dict.fromkeys(
        ("note", "reason", "text", "measures", "basis", "contact_note", "explanation", "answer", "missing", "told", "grounds", "findings",
         "rectification", "cause_note", "demands", "evidence", "what", "result", "instruction", "legal_way", "title"),
        WORDS,
    )  # fmt: skip
    return {
        **plain, "assignment": str(part.id if part else 1), "request": str(asked or 1), "unit_id": str(town.units["city"]),
        "category_code": "0501", "urgency": "urgent", "confidentiality": "masked", "mode": "phone", "way": "phone",
        "facts": WORDS if action == "false_reply" else "true", "target": "110", "taken_over": "no", "accept": "yes", "approve": "yes",
        "code": "litigation", "reason_class": "works", "review_on": "2026-12-20", "limit_value": "1", "limit_unit": "wd",
        "hand_over": "no", "by_leader": "no",
        "false_reply": "no", "excluded": "yes", "cause": "not_solved", "days": "3", "colour": "yellow",
        "receiver": "接警员0317", "outcome": "no_answer", "satisfaction": "satisfied", "attitude": "good", "contacted": "yes",
        "solved": "yes", "due_at": "2026-12-20",
        "co_until": (town.clock.now() + timedelta(minutes=1)).isoformat(), "master": other, "earlier": other, "return_call": "1",
        **({"unit_id": str(town.units["brigade"])} if action == "pass_on" else {}),
        **({"code": "empty"} if action == "invalidate" else {}),
    }  # fmt: skip


NEEDS_MORE = {"name", "merge", "link_repeat", "upload"}
"""Offered to whoever may, and refused by what only the form can say: which people, which other ticket."""


async def tried(town: City, session: AsyncSession, actor: Actor, number: str, action: str, other: str) -> str:
    """Empty when the step was taken; else why not. Nothing of it stays."""
    trial = await session.begin_nested()
    try:
        acting = ensure(actor, PERMISSIONS[action])
        ticket = await access_ticket(town.core, session, acting, number, lock=True)
        form = await form_for(town, session, acting, ticket, action, other)
        many = {
            "gates": ["law", "wording", "signoff", "letter"],
            "user_ids": [str(town.supervisor.user_id)],
            "unit_ids": list(map(str, overlap(town).unit_ids)),
        }
        await HANDLERS[action](Step(town.core, session, acting, ticket, form, lambda name: many.get(name, [])))
        await session.flush()
        return ""
    except InvalidInput as error:
        return f"invalid: {error.errors or error}"
    except HotlineError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await trial.rollback()
        session.expire_all()


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
async def test_what_is_offered_is_what_is_accepted(town: City, life: Life) -> None:
    number = (await town.register()).ticket.number
    other = (await town.register()).ticket.number
    await life(town, number)
    wrong: list[str] = []
    for login in PEOPLE:
        actor = town.people[login]
        async with town.database.transaction() as session:
            try:
                offered = set(
                    actions_of(await load_page(town.core, session, actor, await access_ticket(town.core, session, actor, number)), actor)
                )
            except HotlineError:
                offered = set()
        for action in sorted(set(HANDLERS) - NEEDS_MORE):
            async with town.database.transaction() as session:
                why = await tried(town, session, actor, number, action, other)
            if (why == "") != (action in offered):
                wrong.append(f"{login} {action}: {'taken, not offered' if why == '' else 'offered, but ' + why}")
    assert not wrong, "\n".join(wrong)
