"""Trainings as rows: asked for in the console or due at night, run by the bot process, followed on the page.

One open training at a time (a unique index). The process that runs one beats every few seconds; a row whose process died is failed by the
next one that looks. The nightly training only asks: whether anything has changed is decided by `chatbot.training.train` itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chatbot import training
from chatbot.learning import examples
from chatbot.learning.models import BotTraining, TrainingState
from hotline import logs
from hotline.clock import to_city
from hotline.database import Database
from hotline.errors import Conflict, HotlineError
from hotline.events import record
from hotline.i18n import _
from hotline.settings import Settings
from ticketing.context import Core
from ticketing.people.actor import SYSTEM, Actor
from ticketing.people.permissions import ensure

LOG = logs.get(__name__)
LOOK_EVERY_S = 3.0
BEAT_EVERY_S = 5.0
DEAD_AFTER = timedelta(seconds=60)
NIGHT = (3, 5)
"""City hours between which the nightly training begins."""
OPEN = (TrainingState.WAITING.value, TrainingState.RUNNING.value)


async def ask(core: Core, session: AsyncSession, actor: Actor, *, back_to: str | None = None) -> BotTraining:
    """Ask for a training, or for an earlier model. Raises Conflict while one is open, NotAllowed."""
    actor = ensure(actor, examples.PERMISSION)
    row = await _insert(core, session, asked_by_id=actor.account, back_to=back_to)
    if row is None:
        raise Conflict(_("已经有一次训练在排队或进行中"))
    await record(
        session,
        at=core.clock.now(),
        name="bot.training_asked",
        subject="bot_training",
        subject_id=row.id,
        who=actor.who,
        data={"back_to": back_to or ""},
    )
    return row


async def _insert(core: Core, session: AsyncSession, *, asked_by_id: int | None, back_to: str | None = None) -> BotTraining | None:
    values = {"asked_at": core.clock.now(), "asked_by_id": asked_by_id, "back_to": back_to, "state": TrainingState.WAITING.value}
    statement = insert(BotTraining).values(**values).on_conflict_do_nothing().returning(BotTraining)
    return (await session.scalars(statement)).first()


async def nightly(core: Core, session: AsyncSession) -> bool:
    """Ask for tonight's training once; for the scheduler's tick. Returns whether it did."""
    local = to_city(core.clock.now())
    if not NIGHT[0] <= local.hour < NIGHT[1]:
        return False
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    tonight = select(BotTraining.id).where(BotTraining.asked_by_id.is_(None), BotTraining.asked_at >= midnight)
    if await session.scalar(tonight.limit(1)):
        return False
    return await _insert(core, session, asked_by_id=None) is not None


async def recent(session: AsyncSession, limit: int = 10) -> Sequence[BotTraining]:
    """The last trainings, newest first."""
    return list(await session.scalars(select(BotTraining).order_by(BotTraining.id.desc()).limit(limit)))


async def keep_working(core: Core, database: Database, settings: Settings) -> None:
    """Run what is asked for, until cancelled."""
    while True:
        try:
            if not await run_next(core, database, settings):
                await asyncio.sleep(LOOK_EVERY_S)
        except HotlineError as error:
            LOG.warning("training.not_looked", reason=str(error))
            await asyncio.sleep(4 * LOOK_EVERY_S)


async def run_next(core: Core, database: Database, settings: Settings) -> bool:
    """Run the training that waits, if there is one; whatever becomes of it stands in its row."""
    async with database.transaction() as session:
        now = core.clock.now()
        dead = (BotTraining.state == TrainingState.RUNNING.value) & (BotTraining.beat_at < now - DEAD_AFTER)
        failed = {"state": TrainingState.FAILED.value, "progress": _("训练的进程中断了，请再试一次"), "finished_at": now}
        await session.execute(update(BotTraining).where(dead).values(**failed))
        waiting = select(BotTraining).where(BotTraining.state == TrainingState.WAITING.value).with_for_update(skip_locked=True)
        row = (await session.scalars(waiting.limit(1))).first()
        if row is None:
            return False
        row.state, row.beat_at = TrainingState.RUNNING.value, now
        number, back_to = row.id, row.back_to
        more, check = await examples.for_training(session), await examples.for_checking(session)
    said: list[str] = []
    beating = asyncio.create_task(_beat(core, database, number, said))
    try:
        outcome = await asyncio.to_thread(_work, settings, said, back_to, more, check)
    except HotlineError as error:
        outcome = (TrainingState.FAILED, None, str(error))
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
    await _finish(core, database, number, *outcome)
    return True


def _work(
    settings: Settings,
    said: list[str],
    back_to: str | None,
    more: training.Examples,
    check: Sequence[tuple[str, str]],
) -> tuple[TrainingState, str | None, str]:
    if back_to is not None:
        registry = training.registry_of(settings)
        with registry.locked():
            return TrainingState.LIVE, registry.rollback(back_to), _("已换回这个模型")
    info = training.train(settings, said.append, more=more, check=check)
    if info.refused:
        return TrainingState.REFUSED, info.name, info.refused
    right = _("检验句听懂{right}/{total}").format(right=info.report.right, total=info.report.total) if info.report else ""
    return TrainingState.LIVE, info.name, right


async def _beat(core: Core, database: Database, number: int, said: list[str]) -> None:
    while True:
        try:
            async with database.transaction() as session:
                values = {"beat_at": core.clock.now(), "progress": said[-1] if said else ""}
                await session.execute(update(BotTraining).where(BotTraining.id == number).values(**values))
        except HotlineError as error:
            LOG.warning("training.no_beat", reason=str(error))
        await asyncio.sleep(BEAT_EVERY_S)


async def _finish(core: Core, database: Database, number: int, state: TrainingState, model: str | None, words: str) -> None:
    async with database.transaction() as session:
        values = {"state": state.value, "model": model, "progress": words[:500], "finished_at": core.clock.now()}
        await session.execute(update(BotTraining).where(BotTraining.id == number, BotTraining.state.in_(OPEN)).values(**values))
        await record(
            session,
            at=core.clock.now(),
            name=f"bot.training_{state.value}",
            subject="bot_training",
            subject_id=number,
            who=SYSTEM.who,
            data={"model": model or ""},
        )
    LOG.info("training.finished", state=state.value, model=model)
