"""Going through the policies: what is due is shown (dry run) or ended, in batches of their own transactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from sqlalchemy import MetaData, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from hotline import logs
from hotline.errors import InvalidInput
from hotline.events import SYSTEM, record
from hotline.i18n import _
from ticketing.retention.models import RetentionPolicy
from ticketing.retention.rules import RULES, Rule, Work, old_logs
from ticketing.seed.files import SeedEntry, parse_entry, read_document

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncSession

    from hotline.database import Database
    from ticketing.context import Core

LOG = logs.get(__name__)
SEED = Path(__file__).parents[1] / "seed" / "retention.yaml"
LOGS = "logs"
SAMPLES = 5
BATCH = 100
BATCHES = 200
"""Most batches of one kind in one run: a first run over years of data takes several nights and blocks nobody."""


class _Entry(SeedEntry):
    kind: str
    days: int = Field(ge=0, le=36_500)
    ending: Literal["archive", "anonymise", "erase"]


@dataclass(frozen=True)
class Outcome:
    """What was (or would be) done for one kind."""

    kind: str
    label: str
    ending: str
    keep_days: int
    count: int
    samples: tuple[str, ...]
    """Numbers only, never contents."""
    failed: bool = False


async def load_policies(core: Core, session: AsyncSession) -> None:
    """Put policies of kinds that have none into the table; what the city changed stays."""
    for number, entry in enumerate(read_document(SEED), 1):
        policy = parse_entry(_Entry, entry, path=SEED, entry=str(number))
        _check(policy.kind, policy.ending)
        values = {"kind": policy.kind, "keep_days": policy.days, "ending": policy.ending, "active": True, "changed_at": core.clock.now()}
        await session.execute(insert(RetentionPolicy).values(**values).on_conflict_do_nothing())


def _check(kind: str, ending: str) -> None:
    if kind != LOGS and (kind not in RULES or RULES[kind].ending.value != ending):
        raise InvalidInput(_("保存期限设置不对：{kind} 不能 {ending}"), kind=kind, ending=ending)


def known_kinds() -> set[str]:
    """Every kind of data that a policy may end."""
    return {*RULES, LOGS}


async def run(
    core: Core, database: Database, metadata: MetaData, *, dry: bool, kinds: Sequence[str] = (), batches: int = BATCHES
) -> list[Outcome]:
    """Apply every active policy, or say what would be done. `metadata` must hold every table (`hotline.schema`).

    A dry run reads in a transaction that cannot write. One kind that fails is logged and does not keep the others.
    """
    async with database.transaction() as session:
        if not dry:
            await load_policies(core, session)
        found = list(await session.scalars(select(RetentionPolicy).order_by(RetentionPolicy.kind)))
        policies = {policy.kind: policy for policy in found}
    if dry:
        policies = {**_seeded(), **policies}
    outcomes = []
    for kind, policy in policies.items():
        if policy.active and (not kinds or kind in kinds):
            outcomes.append(await _one(Work(core, metadata), database, policy, dry=dry, batches=batches))
    done = {outcome.kind: outcome.count for outcome in outcomes if outcome.count}
    if done and not dry:
        async with database.transaction() as session:
            await record(session, at=core.clock.now(), name="retention.run", subject="retention", subject_id="all", who=SYSTEM, data=done)
    return outcomes


def _seeded() -> dict[str, RetentionPolicy]:
    entries = [parse_entry(_Entry, entry, path=SEED, entry=str(number)) for number, entry in enumerate(read_document(SEED), 1)]
    return {each.kind: RetentionPolicy(kind=each.kind, keep_days=each.days, ending=each.ending, active=True) for each in entries}


async def _one(work: Work, database: Database, policy: RetentionPolicy, *, dry: bool, batches: int) -> Outcome:
    before = work.core.clock.now() - timedelta(days=policy.keep_days)
    label = RULES[policy.kind].label if policy.kind in RULES else _("运行日志文件")
    try:
        if policy.kind == LOGS:
            count, samples = await _logs(work, before, dry=dry)
        elif dry:
            count, samples = await _look(database, RULES[policy.kind], before)
        else:
            count, samples = await _apply(work, database, RULES[policy.kind], before, batches)
    except Exception:
        LOG.exception("retention.failed", kind=policy.kind)
        return Outcome(policy.kind, label, policy.ending, policy.keep_days, 0, (), failed=True)
    return Outcome(policy.kind, label, policy.ending, policy.keep_days, count, tuple(samples))


async def _logs(work: Work, before: datetime, *, dry: bool) -> tuple[int, list[str]]:
    old = await old_logs(work.core, before)
    if not dry:
        for path in old:
            path.unlink(missing_ok=True)
    return len(old), [path.name for path in old[:SAMPLES]]


async def _look(database: Database, rule: Rule, before: datetime) -> tuple[int, list[str]]:
    async with database.transaction() as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        await session.execute(text("SET LOCAL statement_timeout = '10min'"))
        count = await session.scalar(text(f"SELECT count(*) FROM ({rule.due}) AS due"), {"before": before})  # noqa: S608 - our own texts
        rows = await session.execute(text(f"{rule.due} LIMIT {SAMPLES}"), {"before": before})
        return int(count or 0), [row[1] for row in rows]


async def _apply(work: Work, database: Database, rule: Rule, before: datetime, batches: int) -> tuple[int, list[str]]:
    done = 0
    samples: list[str] = []
    busy: set[Any] = set()
    """Somebody works on these at the moment: the next run takes them."""
    for _number in range(batches):
        async with database.transaction() as session:
            rows = await session.execute(text(f"{rule.due} LIMIT {BATCH + len(busy)}"), {"before": before})
            fresh = {row[0]: row[1] for row in rows if row[0] not in busy}
        if not fresh:
            break
        ended = await _end(work, database, rule, list(fresh))
        busy |= fresh.keys() - ended
        done += len(ended)
        samples += [shown for key, shown in fresh.items() if key in ended][: SAMPLES - len(samples)]
    return done, samples


async def _end(work: Work, database: Database, rule: Rule, ids: list[Any]) -> set[Any]:
    """End a batch; when one row of it cannot be ended, the others one by one. The bad one is logged and left."""
    try:
        async with database.transaction() as session:
            return set(await rule.apply(work, session, ids))
    except SQLAlchemyError:
        LOG.exception("retention.row_failed" if len(ids) == 1 else "retention.batch_failed", kind=rule.kind, first=str(ids[0]))
    return set().union(*[await _end(work, database, rule, [each]) for each in ids]) if len(ids) > 1 else set()
