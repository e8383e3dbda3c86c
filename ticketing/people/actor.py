"""Who is acting: the first argument of every service function."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.events import ActorKind, Who
from ticketing.people.models import Role, User


@dataclass(frozen=True)
class Actor:
    """A person or a machine that acts on the core."""

    kind: ActorKind
    label: str
    """What the timeline shows: name and staff number, 市民, 智能助手, 系统."""
    user_id: int | None = None
    role: Role | None = None
    unit_id: int | None = None
    line: str | None = None
    citizen_id: int | None = None

    @property
    def who(self) -> Who:
        """The same as the event log writes it."""
        return Who(self.kind, self.user_id, self.label)

    def has(self, *roles: Role) -> bool:
        """Whether the actor is staff with one of these roles."""
        return self.role in roles


SYSTEM = Actor(ActorKind.SYSTEM, "系统")
BOT = Actor(ActorKind.BOT, "智能助手")


def citizen_actor(citizen_id: int | None = None) -> Actor:
    """The citizen, acting by a channel."""
    return Actor(ActorKind.CITIZEN, "市民", citizen_id=citizen_id)


def staff_actor(user: User) -> Actor:
    """The actor behind a staff account."""
    return Actor(ActorKind.STAFF, f"{user.name} {user.staff_number}", user.id, Role(user.role), user.unit_id, user.line)
