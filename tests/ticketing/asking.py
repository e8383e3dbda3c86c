"""What the tests of requests share: a signed part, a unit that asks, the newest clock of a kind."""

from __future__ import annotations

from sqlalchemy import select

from hotline.events import history
from tests.ticketing.conftest import City
from ticketing.assignment import service as assignments
from ticketing.assignment.models import Assignment
from ticketing.assignment.service import access_assignment
from ticketing.deadline.models import Deadline
from ticketing.people.actor import Actor
from ticketing.request import service as requests
from ticketing.request.models import Request
from ticketing.ticket.models import Ticket
from ticketing.ticket.states import DispatchMode


async def ticket_of(city: City, number: str) -> Ticket:
    """The row as it is now."""
    async with city.database.transaction() as session:
        return (await session.scalars(select(Ticket).where(Ticket.number == number))).one()


async def names_of(city: City, number: str) -> list[str]:
    """What happened to it, by the names of the events."""
    ticket = await ticket_of(city, number)
    async with city.database.transaction() as session:
        return [event.name for event in await history(session, "ticket", ticket.id)]


async def clock(city: City, kind: str, assignment: Assignment | None = None) -> Deadline:
    """The newest clock of this kind."""
    async with city.database.transaction() as session:
        statement = select(Deadline).where(Deadline.kind == kind)
        if assignment is not None:
            statement = statement.where(Deadline.assignment_id == assignment.id)
        return (await session.scalars(statement.order_by(Deadline.id.desc()).limit(1))).one()


async def ask(city: City, actor: Actor, step: object, assignment: Assignment, **values: object) -> Request:
    """What a unit asks: the clerk asks; with the chief as `actor`, he has consented already."""
    async with city.database.transaction() as session:
        found, ticket = await access_assignment(session, city.clerk, assignment.id)
        request: Request = await step(city.core, session, city.clerk, found, ticket, **values)  # type: ignore[operator]
        if actor is city.chief:
            await requests.consent(city.core, session, city.chief, ticket, request.id)
        return request


async def signed(city: City, mode: DispatchMode = DispatchMode.PHONE) -> tuple[str, Assignment]:
    """A new ticket that the first unit has signed."""
    number = (await city.register()).ticket.number
    assignment = await city.dispatch(number, mode)
    await city.by_unit(city.clerk, assignments.sign, assignment)
    return number, assignment
