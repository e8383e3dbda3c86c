"""Scoring a call by the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.quality import book
from ticketing.quality.access import access_check
from ticketing.quality.book import Book
from ticketing.quality.models import CheckState, QualityCheck
from ticketing.supervision.notices import NoticeKind, tell_people

LEAST_REMARK = 5
MOST_WORDS = 1000


def total(rules: Book, points: Mapping[str, int], fatal: Sequence[str]) -> int:
    """The score: the sum of the items, 0 with anything fatal.

    Raises InvalidInput that names every item that is missing, unknown or out of its range.
    """
    limits = {item.key: item.points for item in rules.items}
    wrong = {key: _("请填0到{n}之间的整数").format(n=most) for key, most in limits.items() if not 0 <= points.get(key, -1) <= most}
    known = {one.key for one in rules.fatal}
    if wrong or set(points) - set(limits) or set(fatal) - known:
        raise InvalidInput(_("评分表没有填完整"), field=next(iter(wrong), "points"), errors=wrong)
    return 0 if fatal else sum(points.values())


async def score(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    check_id: int,
    *,
    points: Mapping[str, int],
    fatal: Sequence[str] = (),
    remark: str = "",
) -> QualityCheck:
    """Score a call that waits for it, by the sheet in force; the agent is told.

    Less than full points need a remark that says why. Raises NotAllowed, NotFound, IllegalStep, InvalidInput.
    """
    actor = ensure(actor, "quality.score")
    check = (await access_check(core, session, actor, check_id, lock=True)).check
    if check.state != CheckState.WAITING.value:
        raise IllegalStep(_("这通电话已经评过分了"))
    rules = await book.current(session)
    found, remark = total(rules, points, fatal), remark.strip()
    if found < sum(item.points for item in rules.items) and len(remark) < LEAST_REMARK:
        raise InvalidInput(_("扣了分要写明原因，至少{n}个字").format(n=LEAST_REMARK), field="remark")
    check.state, check.score, check.points, check.fatal = CheckState.SCORED.value, found, dict(points), list(dict.fromkeys(fatal))
    check.remark, check.book_version = remark[:MOST_WORDS], rules.version
    check.scored_at, check.scored_by_id = core.clock.now(), actor.account
    await session.flush()
    data = {"score": found, "fatal": check.fatal, "book": rules.version}
    await record(
        session, at=core.clock.now(), name="quality.scored", subject="quality_check", subject_id=check.id, who=actor.who, data=data
    )
    await tell_people(core, session, [check.agent_id], NoticeKind.QUALITY_SCORED, quality=check.id)
    return check
