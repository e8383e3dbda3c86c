"""How each person of the staff wants to be told: at once, in the digest, or on the list only; own quiet hours; when the digest comes.

What holds for a role is data (seed/staff_notices.yaml); a person chooses by group of notices. What must be heard at once
(`notices.at_once` of seed/supervision.yaml, tickets of the highest urgency) rings whatever was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import ColumnExpressionArgument, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.calendar.working_time import WorkCalendar
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import Role, User
from ticketing.quiet_hours import outside_both
from ticketing.supervision import rules
from ticketing.supervision.models import StaffPreference
from ticketing.supervision.quiet import Quiet
from ticketing.ticket.queues import Queue


class How(StrEnum):
    """How a notice reaches the person."""

    NOW = "now"
    """马上提醒: on the bell"""
    DIGEST = "digest"
    """进汇总: on the list, counted in the next digest"""
    LIST = "list"
    """只在提醒页"""


class WishError(ValueError):
    """The file is wrong; the text says where."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DigestRules(_Part):
    """When the digest comes and what of the desk it counts."""

    at: time
    roles: frozenset[Role]
    late_hours: int = Field(ge=1, le=12)
    queues: dict[Role, tuple[Queue, ...]]


class Wishes(_Part):
    """The whole file."""

    version: int
    groups: dict[str, frozenset[str]]
    on_the_desk: frozenset[str]
    roles: dict[Role, dict[str, How]]
    digest: DigestRules

    @model_validator(mode="after")
    def _whole(self) -> Wishes:
        kinds = [kind for group in self.groups.values() for kind in group]
        if len(kinds) != len(set(kinds)):
            raise ValueError("a kind of notice stands in two groups")
        if loud := set(kinds) & rules.load().notices.at_once:
            raise ValueError(f"always at once by supervision.yaml: {', '.join(sorted(loud))}")
        named = {group for groups in self.roles.values() for group in groups} | self.on_the_desk
        if unknown := named - set(self.groups):
            raise ValueError(f"no such group: {', '.join(sorted(unknown))}")
        return self

    @cached_property
    def group_of(self) -> Mapping[str, str]:
        """The group of each kind of notice; what stands in none always rings."""
        return {kind: group for group, kinds in self.groups.items() for kind in kinds}


@lru_cache(maxsize=1)
def load() -> Wishes:
    """What holds in this installation. Raises WishError naming what is at fault."""
    raw = yaml.safe_load((files("ticketing") / "seed" / "staff_notices.yaml").read_text(encoding="utf-8"))
    try:
        return Wishes.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise WishError(f"staff_notices.yaml: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


@dataclass(frozen=True)
class Wish:
    """What holds for one person: their own choice, else their role's."""

    role: Role
    chosen: Mapping[str, str] = field(default_factory=dict)
    quiet: tuple[time, time] | None = None
    own_digest: bool | None = None
    own_digest_at: time | None = None

    @property
    def groups(self) -> dict[str, How]:
        """The groups that this person may choose for, with what holds now."""
        return {group: How(self.chosen.get(group, usual)) for group, usual in load().roles.get(self.role, {}).items()}

    @property
    def digest(self) -> bool:
        """Whether a digest comes."""
        return self.own_digest if self.own_digest is not None else self.role in load().digest.roles

    @property
    def digest_at(self) -> time:
        """When, on working days, in the city's time."""
        return self.own_digest_at or load().digest.at

    def how(self, kind: str) -> How:
        """How a notice of this kind reaches the person."""
        file = load()
        group = file.group_of.get(kind, "")
        usual = file.roles.get(self.role, {}).get(group)
        return How.NOW if usual is None else How(self.chosen.get(group, usual))

    def is_kept(self, kind: str) -> bool:
        """Whether a row is written: not of what the desk itself lists, unless the person wants to hear of it at once."""
        return load().group_of.get(kind) not in load().on_the_desk or self.how(kind) is How.NOW

    def hand_over_at(self, now: datetime, city: Quiet, calendar: WorkCalendar) -> datetime:
        """The first moment from `now` on that lies neither in the city's nor in the person's own quiet hours.

        Hours that together leave nothing open end with the city's: nobody shuts out a notice for good.
        """
        if self.quiet is None:
            return city.hand_over_at(now, calendar)
        start, end = self.quiet
        own = Quiet(start.hour * 60 + start.minute, end.hour * 60 + end.minute, rest_days=False)
        return outside_both(now, lambda moment: city.hand_over_at(moment, calendar), lambda moment: own.hand_over_at(moment, calendar))


def wish_of(role: str, row: StaffPreference | None) -> Wish:
    """From the person's row, if there is one."""
    if row is None:
        return Wish(Role(role))
    quiet = (row.quiet_from, row.quiet_to) if row.quiet_from is not None and row.quiet_to is not None else None
    return Wish(Role(role), row.hows, quiet, row.digest, row.digest_at)


async def wishes_of(session: AsyncSession, *who: ColumnExpressionArgument[bool]) -> dict[int, Wish]:
    """What holds for each account that fits `who`, by its id."""
    statement = select(User.id, User.role, StaffPreference).outerjoin(StaffPreference, StaffPreference.user_id == User.id)
    found = await session.execute(statement.where(*who).execution_options(populate_existing=True))
    return {row.id: wish_of(row.role, row.StaffPreference) for row in found}


async def own(session: AsyncSession, actor: Actor) -> Wish:
    """What holds for this person. Raises NotAllowed for who is no member of the staff."""
    return (await wishes_of(session, User.id == actor.account))[actor.account]


@dataclass(frozen=True)
class Choice:
    """What a person chose."""

    hows: Mapping[str, str]
    quiet: tuple[time, time] | None
    digest: bool
    digest_at: time


async def choose(core: Core, session: AsyncSession, actor: Actor, choice: Choice) -> Wish:
    """Keep what the person chose for themselves. What is as the role has it anyway is not kept: it follows the file.

    Raises InvalidInput for what is not offered, NotAllowed for who is no member of the staff.
    """
    wish = await own(session, actor)
    usual = load().roles.get(wish.role, {})
    for group, how in choice.hows.items():
        if group not in usual or how not in set(How):
            raise InvalidInput(_("请选择提醒方式"), field="hows")
    if choice.quiet is not None and choice.quiet[0] == choice.quiet[1]:
        raise InvalidInput(_("免打扰的开始和结束不能相同"), field="quiet_from")
    if choice.digest and choice.quiet is not None and _within(choice.digest_at, *choice.quiet):
        raise InvalidInput(_("汇总的时间在免打扰时段里，请改一个"), field="digest_at")
    values: dict[str, Any] = {
        "hows": {group: how for group, how in choice.hows.items() if how != usual[group].value},
        "quiet_from": choice.quiet[0] if choice.quiet else None,
        "quiet_to": choice.quiet[1] if choice.quiet else None,
        "digest": None if choice.digest is (wish.role in load().digest.roles) else choice.digest,
        "digest_at": None if choice.digest_at == load().digest.at else choice.digest_at,
        "updated_at": core.clock.now(),
    }
    statement = insert(StaffPreference).values(user_id=actor.account, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
    return await own(session, actor)


def _within(moment: time, start: time, end: time) -> bool:
    return start <= moment < end if start <= end else moment >= start or moment < end


__all__ = ["Choice", "How", "Wish", "choose", "load", "own", "wish_of", "wishes_of"]
