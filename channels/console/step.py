"""What the handler of a step on a ticket is given: the ticket, who acts, and the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from channels.web.inputs import whole_number
from hotline.clock import CITY_ZONE
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.assignment.models import Assignment
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.models import Ticket

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True)
class Step:
    """What a handler is given."""

    core: Core
    session: AsyncSession
    actor: Actor
    ticket: Ticket
    form: Mapping[str, str]
    many: Callable[[str], list[str]]

    def text(self, name: str, limit: int = 2000) -> str:
        """A field without blanks around it. Raises InvalidInput when it is too long, so that nothing is cut off unseen."""
        value = self.form.get(name, "").strip().replace("\r\n", "\n")
        if len(value) > limit:
            raise InvalidInput(_("请控制在{n}字以内"), field=name, n=limit)
        return value

    def choice(self, kind: type[E], name: str, message: str) -> E:
        """One of the values of an enumeration."""
        try:
            return kind(self.form.get(name, ""))
        except ValueError:
            raise InvalidInput(message, field=name) from None

    def number(self, name: str, message: str) -> int:
        """An identifier that a select box sends."""
        value = whole_number(self.form.get(name))
        if value is None:
            raise InvalidInput(message, field=name)
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """Identifiers that ticked boxes send; what is no number is left out."""
        return tuple(value for value in map(whole_number, self.many(name)) if value is not None)

    def uuids(self, name: str, message: str) -> tuple[UUID, ...]:
        """Names of files that ticked boxes send. Raises InvalidInput for what is none."""
        try:
            return tuple(UUID(value) for value in self.many(name))
        except ValueError:
            raise InvalidInput(message, field=name) from None

    async def assignment(self) -> int:
        """The assignment that the form means. It must belong to this ticket; the service checks the unit."""
        found = await self.session.get(Assignment, self.number("assignment", _("没有找到这张工单")))
        if found is None or found.ticket_id != self.ticket.id:
            raise NotFound(_("没有找到这张工单"))
        return found.id

    def yes(self, name: str, message: str) -> bool:
        """A choice between yes and no; no choice must never mean one of them."""
        if self.form.get(name) not in ("yes", "no"):
            raise InvalidInput(message, field=name)
        return self.form[name] == "yes"

    def moment(self, name: str, message: str) -> datetime:
        """A date and time as such a field sends it, on the city's wall clock; with a zone, as the API sends it."""
        try:
            found = datetime.fromisoformat(self.form.get(name, ""))
        except ValueError:
            raise InvalidInput(message, field=name) from None
        return found if found.tzinfo is not None else found.replace(tzinfo=CITY_ZONE)

    def day(self, name: str, message: str) -> date:
        """A date as a date field sends it."""
        try:
            return date.fromisoformat(self.form.get(name, ""))
        except ValueError:
            raise InvalidInput(message, field=name) from None


def co_until(step: Step) -> datetime | None:
    """By when the units that help must have replied; None: as the policy says. Raises InvalidInput."""
    return step.moment("co_until", _("协办期限的时间不对")) if step.text("co_until", 40) else None
