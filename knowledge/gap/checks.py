"""Sampled checks (答复抽查): answers drawn by chance, judged right or wrong by a person. The share of wrong ones is an indicator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Integer as Number
from sqlalchemy import cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hotline.errors import IllegalStep, InvalidInput, NotFound
from hotline.events import record
from hotline.i18n import _
from knowledge.gap.models import AnswerCheck, Cause
from knowledge.gap.service import Asked, note
from ticketing.context import Core
from ticketing.conversation.models import Author, Conversation, Message
from ticketing.people.actor import Actor
from ticketing.people.permissions import ensure
from ticketing.ticket.access import of_secret

SAMPLE = 20
REACH = timedelta(days=7)
"""Answers of this time are drawn."""
_DRAW_LOCK = 7_120_006
_OPEN = ~of_secret(AnswerCheck.conversation_id)
"""What was drawn before its matter became secret is shown no more."""


async def draw(core: Core, session: AsyncSession, actor: Actor, cover: Callable[[str], str], *, size: int = SAMPLE) -> int:
    """Draw answers that came from an article and were not drawn before, each with the same chance. Returns how many there were.

    Args:
        cover: takes personal data out of what the citizen asked.
    """
    ensure(actor, "knowledge.check")
    if not 1 <= size <= 200:
        raise InvalidInput(_("一次抽1到200条"), field="size")
    await session.execute(select(func.pg_advisory_xact_lock(_DRAW_LOCK)))
    now, question = core.clock.now(), aliased(Message)
    drawn = select(AnswerCheck.id).where(AnswerCheck.message_id == Message.id).exists()
    statement = (
        select(Message, question, Conversation.channel)
        .join(question, question.id == cast(Message.data["reply_to"].astext, Number))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Message.author == Author.BOT.value,
            Message.article_id.is_not(None),
            Message.at > now - REACH,
            ~drawn,
            ~of_secret(Conversation.id),
        )
        .order_by(func.random())
        .limit(size)
    )
    rows = (await session.execute(statement)).all()
    for answer, asked, channel in rows:
        session.add(
            AnswerCheck(
                conversation_id=answer.conversation_id, message_id=answer.id, asked_id=asked.id, asked=cover(asked.text)[:500],
                answer=answer.text[:4000], channel=channel, at=answer.at, article_id=answer.article_id,
                article_version=answer.article_version or 1, drawn_at=now, remark="",
            )
        )  # fmt: skip
    await session.flush()
    return len(rows)


async def to_judge(session: AsyncSession, limit: int = SAMPLE) -> list[AnswerCheck]:
    """Drawn and not judged yet, oldest first."""
    statement = select(AnswerCheck).where(AnswerCheck.result.is_(None), _OPEN).order_by(AnswerCheck.id).limit(limit)
    return list(await session.scalars(statement))


async def judged(session: AsyncSession, limit: int = SAMPLE) -> list[AnswerCheck]:
    """Judged last."""
    done = select(AnswerCheck).where(AnswerCheck.result.is_not(None), _OPEN)
    return list(await session.scalars(done.order_by(AnswerCheck.judged_at.desc(), AnswerCheck.id).limit(limit)))


async def judge(core: Core, session: AsyncSession, actor: Actor, check_id: int, *, right: bool, remark: str = "") -> AnswerCheck:
    """Was the answer right for what was asked? A wrong one goes to the gap list. Raises IllegalStep when it was judged before."""
    ensure(actor, "knowledge.check")
    check = (await session.scalars(select(AnswerCheck).where(AnswerCheck.id == check_id, _OPEN).with_for_update())).first()
    if check is None:
        raise NotFound(_("没有找到这条抽查"))
    if check.result is not None:
        raise IllegalStep(_("别人已经判过这一条"))
    remark = remark.strip()[:500]
    if not right and not remark:
        raise InvalidInput(_("判错时请写明错在哪里"), field="remark")
    check.result, check.remark = ("right" if right else "wrong"), remark
    check.judged_at, check.judged_by_id = core.clock.now(), actor.user_id
    if not right and check.asked_id is not None:
        asked = Asked(
            check.conversation_id, check.asked_id, check.asked, check.channel, Cause.JUDGED_WRONG, check.article_id, check.article_version
        )
        await note(core, session, asked)
    await session.flush()
    data = {"result": check.result, "article": check.article_id, "version": check.article_version}
    await record(
        session, at=core.clock.now(), name="knowledge.answer_judged", subject="answer_check", subject_id=check.id, who=actor.who, data=data
    )
    return check
