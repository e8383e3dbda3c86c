"""Who sees which figures (domain.md 4b, row "statistics"): the groups, and the part of the city."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.errors import NotAllowed
from hotline.i18n import _
from ticketing.people import permissions
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.people.permissions import Scope as Reach
from ticketing.statistics.indicator import Group, Indicator
from ticketing.statistics.indicators import INDICATORS

_ALL = tuple(Group)
_OF_UNITS = (Group.DEMAND, Group.REFUSAL, Group.DISPATCH, Group.HANDLING, Group.SUPERVISION, Group.CALLBACK)
_GROUPS: dict[Reach, tuple[Group, ...]] = {
    Reach.ALL: _ALL,
    Reach.LINE: _ALL,
    Reach.UNIT: _OF_UNITS,
    Reach.QUALITY: (Group.CALLS, Group.QUALITY, Group.BOT),
    Reach.KNOWLEDGE: (Group.BOT,),
    Reach.TECHNICAL: (Group.CALLS, Group.BOT),
}
"""Quality listens to calls, the editor keeps what the bot answers from, the administrator sees technical figures: no case content."""
_OWN: dict[Role, tuple[Group, ...]] = {Role.AGENT: (Group.DEMAND, Group.QUALITY), Role.CALLBACK: (Group.CALLBACK,)}


@dataclass(frozen=True)
class Scope:
    """The part of the city that somebody's figures are made of."""

    groups: tuple[Group, ...]
    line: str | None = None
    unit_id: int | None = None
    person_id: int | None = None

    @property
    def indicators(self) -> tuple[Indicator, ...]:
        """What may be shown; own figures only from sources that know whose they are."""
        fitting = [one for one in INDICATORS if one.group in self.groups]
        if self.unit_id is not None:
            fitting = [one for one in fitting if one.source.by_unit]
        if self.person_id is not None:
            fitting = [one for one in fitting if "NULL::bigint AS person_id" not in one.source.sql]
        return tuple(fitting)

    def check(self, indicator: Indicator) -> None:
        """Raises NotAllowed when the indicator is not for this person."""
        if indicator not in self.indicators:
            raise NotAllowed(_("这个岗位不能看这项统计"))


def scope_of(actor: Actor) -> Scope:
    """What the actor may see. Raises NotAllowed for whoever is not staff."""
    if actor.role is None:
        raise NotAllowed(_("请用个人账号登录"))
    reach = permissions.scope_of(actor, "statistics.see") or permissions.scope_of(actor, "system.see")
    if reach is Reach.OWN:
        return Scope(_OWN.get(actor.role, ()), actor.line, person_id=actor.user_id)
    if reach is None or reach not in _GROUPS:
        raise NotAllowed(_("这个岗位不能看统计"))
    if reach is Reach.UNIT and actor.unit_id is None:
        raise NotAllowed(_("这个账号没有所属单位，看不到单位统计"))
    return Scope(_GROUPS[reach], actor.line, unit_id=actor.unit_id if reach is Reach.UNIT else None)


def may_compare(actor: Actor) -> bool:
    """Whether the actor may set units beside each other."""
    return permissions.scope_of(actor, "statistics.board") in (Reach.ALL, Reach.LINE)


CITY = Scope(_ALL)
"""Everything; for briefs and published figures, which are made without a person."""
