"""Who is acting: the first argument of every service function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hotline.errors import NotAllowed
from hotline.events import ActorKind, Who
from hotline.i18n import _
from ticketing.people.models import Role, User


@dataclass(frozen=True)
class StandIn:
    """Somebody whose deputy the actor is at this moment (AB岗)."""

    user_id: int
    name: str
    role: Role
    unit_id: int | None


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
    stands_in: tuple[StandIn, ...] = ()
    """For whom the actor may sign and sign off just now; see `acting_as`."""

    @property
    def who(self) -> Who:
        """The same as the event log writes it."""
        return Who(self.kind, self.user_id, self.label)

    @property
    def account(self) -> int:
        """The id of the account behind the actor. Raises NotAllowed for machines and citizens."""
        if self.user_id is None:
            raise NotAllowed(_("请用个人账号登录"))
        return self.user_id

    def has(self, *roles: Role) -> bool:
        """Whether the actor is staff with one of these roles."""
        return self.role in roles

    @property
    def roles(self) -> frozenset[Role]:
        """The own role and those of the people the actor stands in for."""
        return frozenset({*([self.role] if self.role else []), *(other.role for other in self.stands_in)})

    def acting_as(self, roles: Iterable[Role]) -> Actor:
        """The actor as it may do a step that is for `roles`: itself, or as deputy, which the event then says (代).

        Unchanged when neither the own role nor one it stands in for is among them: the step refuses it.
        """
        wanted = frozenset(roles)
        if self.role in wanted:
            return self
        for other in self.stands_in:
            if other.role in wanted and other.unit_id == self.unit_id:
                return replace(self, role=other.role, label=_("{deputy}（代{name}）").format(deputy=self.label, name=other.name))
        return self


SYSTEM = Actor(ActorKind.SYSTEM, "系统")
BOT = Actor(ActorKind.BOT, "智能助手")


def citizen_actor(citizen_id: int | None = None) -> Actor:
    """The citizen, acting by a channel."""
    return Actor(ActorKind.CITIZEN, "市民", citizen_id=citizen_id)


def staff_actor(user: User, stands_in: tuple[StandIn, ...] = ()) -> Actor:
    """The actor behind a staff account."""
    label = f"{user.name} {user.staff_number}"
    return Actor(ActorKind.STAFF, label, user.id, Role(user.role), user.unit_id, user.line, stands_in=stands_in)
