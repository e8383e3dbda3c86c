"""The agent's appeal against a score, and the decision of a supervisor who did not give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import IllegalStep, InvalidInput, NotAllowed
from hotline.events import record
from hotline.i18n import _
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.people.models import User
from ticketing.people.permissions import ensure, roles_with
from ticketing.quality import book
from ticketing.quality.access import access_check, appeal_open
from ticketing.quality.checks import MOST_WORDS, total
from ticketing.quality.models import CheckState, QualityCheck
from ticketing.supervision.notices import NoticeKind, tell_people

LEAST_WORDS = 10


async def appeal(core: Core, session: AsyncSession, actor: Actor, check_id: int, words: str) -> QualityCheck:
    """The agent objects, once, within the days of the sheet; supervisors are told.

    Raises NotAllowed, NotFound, IllegalStep, InvalidInput.
    """
    actor, words = ensure(actor, "quality.appeal"), words.strip()
    check = (await access_check(core, session, actor, check_id, lock=True)).check
    if check.state != CheckState.SCORED.value:
        raise IllegalStep(_("这次质检已经申诉过了"))
    if not await appeal_open(core, session, check):
        raise IllegalStep(_("申诉期已过"))
    if len(words) < LEAST_WORDS:
        raise InvalidInput(_("请写明哪一项不对、为什么，至少{n}个字").format(n=LEAST_WORDS), field="words")
    check.state, check.appeal, check.appealed_at = CheckState.APPEALED.value, words[:MOST_WORDS], core.clock.now()
    await session.flush()
    await record(session, at=core.clock.now(), name="quality.appealed", subject="quality_check", subject_id=check.id, who=actor.who)
    roles = [role.value for role in roles_with("quality.decide")]
    judges = select(User.id).where(User.active, User.role.in_(roles), User.id != check.scored_by_id).order_by(User.id)
    await tell_people(core, session, list(await session.scalars(judges)), NoticeKind.QUALITY_APPEALED, quality=check.id)
    return check


async def decide(
    core: Core,
    session: AsyncSession,
    actor: Actor,
    check_id: int,
    *,
    upheld: bool,
    note: str,
    points: Mapping[str, int] | None = None,
    fatal: Sequence[str] = (),
) -> QualityCheck:
    """Decide on an appeal: upheld with the sheet filled in anew, or refused; agent and inspector are told.

    Raises NotAllowed (also for whoever gave the score), NotFound, IllegalStep, InvalidInput.
    """
    actor, note = ensure(actor, "quality.decide"), note.strip()
    check = (await access_check(core, session, actor, check_id, lock=True)).check
    if check.state != CheckState.APPEALED.value:
        raise IllegalStep(_("这次质检没有待处理的申诉"))
    if check.scored_by_id == actor.account:
        raise NotAllowed(_("评分的人不能处理对自己评分的申诉，请另一位督办处理"))
    if len(note) < LEAST_WORDS:
        raise InvalidInput(_("请写明理由，至少{n}个字").format(n=LEAST_WORDS), field="note")
    check.first_score = check.score
    if upheld:
        found = total(await book.of_version(session, check.book_version), points or {}, fatal)
        if check.score is not None and found <= check.score:
            raise InvalidInput(_("申诉成立时，新的分数应高于原来的{n}分").format(n=check.score), field="points")
        check.score, check.points, check.fatal = found, dict(points or {}), list(dict.fromkeys(fatal))
    check.state, check.upheld, check.decision = CheckState.DECIDED.value, upheld, note[:MOST_WORDS]
    check.decided_at, check.decided_by_id = core.clock.now(), actor.account
    await session.flush()
    data = {"upheld": upheld, "from": check.first_score, "to": check.score}
    await record(
        session, at=core.clock.now(), name="quality.decided", subject="quality_check", subject_id=check.id, who=actor.who, data=data
    )
    people = [check.agent_id, *([check.scored_by_id] if check.scored_by_id else [])]
    await tell_people(core, session, people, NoticeKind.QUALITY_DECIDED, quality=check.id)
    return check
