"""`hotline seed`: fills the invented city 云川市 in. A second run does nothing unless a seed file or the password changed."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.assembly import Services
from hotline.clock import ManualClock
from hotline.demo import codes, month, partners
from hotline.demo.content import DEMO_DIR
from hotline.demo.content import load as load_content
from hotline.demo.plan import Planner
from hotline.demo.stage import Stage, play
from hotline.events import SYSTEM, Event, record
from knowledge.article.models import Article, ArticleState
from knowledge.article.seeding import load_seed
from knowledge.seed.loader import SEED_DIR as KNOWLEDGE_SEED_DIR
from ticketing.calendar.service import load_official, work_calendar
from ticketing.people.actor import staff_actor
from ticketing.people.models import Unit, User
from ticketing.seed.entries import SEED_DIR
from ticketing.seed.loader import load_people, load_taxonomy, load_units
from ticketing.suggestion.seed import load_catalogue
from ticketing.taxonomy.models import Category

SUBJECT, CITY_LOADED, MONTH_PLAYED, INTRODUCED = "demo", "demo.city_loaded", "demo.month_played", "demo.partners_introduced"
RANDOM_SEED = 12345
MONTH = timedelta(days=31)
Progress = Callable[[str], None]


@dataclass(frozen=True)
class _Done:
    """What former runs left."""

    fingerprint: str | None
    month: bool
    partners: bool


async def seed(services: Services, *, progress: Progress) -> None:
    """Bring in calendar, units, people, categories, articles and a month of appeals.

    Idempotent, and safe when two run at once: the second waits for the first. Raises `InvalidInput` naming the seed file
    and the entry at fault; nothing is written then.

    Args:
        services: settings, core and database of the process.
        progress: called with one line per step.
    """
    began = time.monotonic()
    fingerprint, known = _fingerprint(services), list[str]()
    async with services.database.transaction() as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("hotline demo seed", 0))))
        done = await _done(session)
        if done.month and done.partners and done.fingerprint == fingerprint:
            progress("demo city: already there")
            return
        if done.fingerprint != fingerprint:
            await _load_city(services, session, progress)
            await _remember(services, session, CITY_LOADED, {"fingerprint": fingerprint})
        if not done.month:
            steps, known = await _play_month(services, session)
            await _remember(services, session, MONTH_PLAYED, {"steps": steps})
            progress(f"appeals of the last month: {steps} steps")
    if known:
        codes.write(services.settings.data_dir, known)
    if not done.partners:
        await _introduce(services)
        progress("other systems: told of what they asked for")
    progress(f"demo city: ready after {time.monotonic() - began:.1f} s")


async def _introduce(services: Services) -> None:
    """After the month is committed, since the sender of webhooks has transactions of its own."""
    async with services.database.transaction() as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("hotline demo partners", 0))))
        if (await _done(session)).partners:
            return
        await partners.introduce(services, services.core.clock.now())
        await _remember(services, session, INTRODUCED, {})


def _fingerprint(services: Services) -> str:
    """Changes when a seed file or the demo password does. The password itself cannot be found from it: it is keyed."""
    digest = hashlib.sha256()
    folders: tuple[tuple[Path, str], ...] = ((SEED_DIR, "*.*"), (KNOWLEDGE_SEED_DIR / "articles", "*.yaml"), (DEMO_DIR, "*.yaml"))
    for folder, pattern in folders:
        for path in sorted(folder.glob(pattern)):
            if path.suffix in (".yaml", ".json"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(services.core.vault.fingerprint(services.settings.demo_password.get_secret_value(), "demo password").encode())
    return digest.hexdigest()


async def _done(session: AsyncSession) -> _Done:
    events = select(Event.name, Event.data).where(Event.subject == SUBJECT, Event.subject_id == "city").order_by(Event.seq)
    fingerprint, played, introduced = None, False, False
    for name, data in await session.execute(events):
        if name == CITY_LOADED:
            fingerprint = str(data.get("fingerprint"))
        played = played or name == MONTH_PLAYED
        introduced = introduced or name == INTRODUCED
    return _Done(fingerprint, played, introduced)


async def _remember(services: Services, session: AsyncSession, name: str, data: dict[str, object]) -> None:
    await record(session, at=services.core.clock.now(), name=name, subject=SUBJECT, subject_id="city", who=SYSTEM, data=data)


async def _load_city(services: Services, session: AsyncSession, progress: Progress) -> None:
    core = services.core
    days = await load_official(core, session)
    progress(f"calendar: {days} official days")
    units = await load_units(core, session)
    progress(f"units: {len(units)}")
    people = await load_people(core, session, services.settings.demo_password.get_secret_value())
    progress(f"people: {len(people)}")
    categories = await load_taxonomy(core, session)
    rules = await load_catalogue(core, session)
    progress(f"categories: {categories}, rows of the catalogue: {rules} new")
    changed = await load_seed(core, session)
    progress(f"articles: {changed} new or changed")


async def _play_month(services: Services, session: AsyncSession) -> tuple[int, list[str]]:
    """How many steps were played, and the lines of `codes.txt`."""
    now = services.core.clock.now()
    stage = await _stage(services, session, now)
    scripts = month.build(Planner(stage, now))
    return await play(stage, scripts, now), await codes.newest(stage, scripts)


async def _stage(services: Services, session: AsyncSession, now: datetime) -> Stage:
    clock = ManualClock(now - MONTH)
    units = {unit.code: unit.id for unit in await session.scalars(select(Unit))}
    codes = {number: code for code, number in units.items()}
    published = select(Article.slug, Article.id, Article.version, Article.spoken).where(Article.state == ArticleState.PUBLISHED.value)
    return Stage(
        core=replace(services.core, clock=clock),
        session=session,
        settings=services.settings,
        clock=clock,
        calendar=await work_calendar(session),
        content=load_content(),
        people={user.login: staff_actor(user) for user in await session.scalars(select(User))},
        units=units,
        category_units={category.code: codes[category.unit_id] for category in await session.scalars(select(Category))},
        articles={slug: (number, version, spoken) for slug, number, version, spoken in await session.execute(published)},
        rng=random.Random(RANDOM_SEED),
    )
