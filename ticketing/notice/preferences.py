"""How a citizen wants to be told: way, own quiet hours, 退订. Set on the portal, by a text message or in WeChat.

Whatever was chosen, what has to be told by law (`Template.required`: acceptance, refusal, what is missing, result) is
pushed, since deadlines of the citizen's own hang on it; in quiet hours it waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.notice.models import NoticeDelivery, NoticePreference
from ticketing.notice.quiet import not_before
from ticketing.notice.templates import About, Quiet, Template, load
from ticketing.people.actor import Actor, citizen_actor
from ticketing.quiet_hours import outside_both

WAYS = ("auto", "sms", "wechat", "none")
OPT_OUT = frozenset({"TD", "T", "退订", "退", "N"})
OPT_IN = frozenset({"HF", "恢复", "恢复短信", "取消退订"})


@dataclass(frozen=True)
class Preference:
    """What counts for one citizen."""

    way: str = "auto"
    quiet: Quiet | None = None
    language: str = "zh"
    opted_out: bool = False
    pushed: int = 0
    """How many messages the number was sent within the last day without having proved to be the citizen's."""
    ways: Mapping[str, str] = field(default_factory=dict)
    """The way for one kind of notice (`About`), where it is not `way`."""

    def way_of(self, template: Template) -> str:
        """By which way this notice is wished; what nobody asked for stays on the tracking page."""
        return self.ways.get(template.about.value) or ("none" if template.on_request else self.way)

    def not_before(self, city: Quiet, moment: datetime) -> datetime:
        """The first moment from `moment` on that lies neither in the city's nor in the citizen's own quiet hours.

        Hours that together leave nothing open end with the city's: nobody can shut out a notice for good.
        """
        own = self.quiet
        if own is None:
            return not_before(city, moment)
        return outside_both(moment, partial(not_before, city), partial(not_before, own))


DEFAULT = Preference()


async def preference_of(core: Core, session: AsyncSession, citizen: Citizen) -> Preference:
    """The citizen's own, else that of the person who has proved to have this number: an opt-out holds for the number."""
    since = core.clock.now() - timedelta(days=1)
    recent = (NoticeDelivery.phone_hash == citizen.phone_hash, NoticeDelivery.queued_at > since)
    pushed = select(func.count()).select_from(NoticeDelivery).where(*recent).scalar_subquery()
    same = NoticePreference.citizen_id == citizen.id
    if citizen.phone_hash:
        proved = select(Citizen.id).where(Citizen.phone_hash == citizen.phone_hash, Citizen.phone_verified)
        same = or_(same, NoticePreference.citizen_id.in_(proved))
    one = select(pushed.label("pushed")).subquery()  # a row also where nobody has chosen anything
    found = list(await session.execute(select(one.c.pushed, NoticePreference).outerjoin_from(one, NoticePreference, same)))
    count, rows = found[0].pushed, [row.NoticePreference for row in found if row.NoticePreference is not None]
    if not rows:
        return Preference(pushed=count)
    own = next((row for row in rows if row.citizen_id == citizen.id), rows[0])
    quiet = Quiet.model_validate({"from": own.quiet_from, "to": own.quiet_to}) if own.quiet_from and own.quiet_to else None
    return Preference(own.way, quiet, own.language, any(row.opted_out_at is not None for row in rows), count, own.ways)


async def of_number(core: Core, session: AsyncSession, phone: str) -> NoticePreference | None:
    """What the proved holder of this number (E.164) chose, if anything."""
    holder = select(Citizen.id).where(Citizen.phone_hash.in_(core.vault.fingerprints(phone, "phone")), Citizen.phone_verified)
    return (await session.scalars(select(NoticePreference).where(NoticePreference.citizen_id.in_(holder)).limit(1))).first()


async def in_wechat(core: Core, session: AsyncSession, phone: str) -> bool:
    """Whether the proved holder of this number (E.164) can be told by WeChat, so that the way can be offered."""
    holder = select(Citizen.id).where(Citizen.phone_hash.in_(core.vault.fingerprints(phone, "phone")), Citizen.phone_verified)
    return await session.scalar(holder.where(Citizen.openid_hash.is_not(None)).limit(1)) is not None


async def choose(
    core: Core,
    session: AsyncSession,
    citizen_id: int,
    *,
    way: str,
    ways: Mapping[str, str] | None = None,
    quiet: tuple[time, time] | None = None,
    language: str = "zh",
) -> NoticePreference:
    """Set the way, other ways for single kinds (`About`), own quiet hours and language. Raises InvalidInput for what is not offered."""
    ways = _checked(way, ways or {})
    if quiet is not None and quiet[0] == quiet[1]:
        raise InvalidInput(_("免打扰的开始和结束不能相同"), field="quiet_from")
    if language not in ("zh", "en"):
        raise InvalidInput(_("请选择语言"), field="language")
    row = await _row(core, session, citizen_id)
    row.way, row.ways, row.language, row.updated_at = way, ways, language, core.clock.now()
    row.quiet_from, row.quiet_to = quiet if quiet is not None else (None, None)
    if "sms" in (way, *ways.values()):
        row.opted_out_at = None  # who asks for messages has taken the opt-out back
    data = {"way": way, "ways": ways, "quiet": quiet is not None, "language": language}
    await _tell(core, session, citizen_id, "person.preference", data)
    return row


def _checked(way: str, ways: Mapping[str, str]) -> dict[str, str]:
    """The ways of single kinds, without those that are as everything else."""
    if way not in WAYS:
        raise InvalidInput(_("请选择告知方式"), field="way")
    chosen = {about: single for about, single in ways.items() if single}
    for about, single in chosen.items():
        if about not in set(About) or single not in WAYS:
            raise InvalidInput(_("请选择告知方式"), field="way")
        if single == "none" and not load().may_be_off(About(about)):
            raise InvalidInput(_("这一类依法要告知，不能不发"), field=f"ways_{about}")
    return chosen


async def opt(core: Core, session: AsyncSession, citizen_id: int, *, out: bool) -> None:
    """退订 or 恢复 by text message; once more changes nothing."""
    row = await _row(core, session, citizen_id)
    if (row.opted_out_at is not None) is out:
        return
    now = core.clock.now()
    row.opted_out_at, row.updated_at = (now if out else None), now
    await _tell(core, session, citizen_id, "person.opted_out" if out else "person.opted_in", {})


async def _row(core: Core, session: AsyncSession, citizen_id: int) -> NoticePreference:
    """The citizen's row, made when there is none; the citizen's row is locked, so that two at once make one."""
    await session.scalars(select(Citizen.id).where(Citizen.id == citizen_id).with_for_update())
    row = await session.get(NoticePreference, citizen_id)
    if row is None:
        row = NoticePreference(citizen_id=citizen_id, way="auto", language="zh", updated_at=core.clock.now())
        session.add(row)
        await session.flush()
    return row


async def _tell(core: Core, session: AsyncSession, citizen_id: int, name: str, data: dict[str, object]) -> None:
    who: Actor = citizen_actor(citizen_id)
    await record(session, at=core.clock.now(), name=name, subject="person", subject_id=citizen_id, who=who.who, data=data)
    await session.flush()
