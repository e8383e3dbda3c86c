"""Bringing the article files that come with the program into the database, published."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from knowledge.article.content import Content
from knowledge.article.models import Article, ArticleVersion
from knowledge.article.service import create, publish, update
from knowledge.article.versions import latest_version
from knowledge.seed.loader import SEED_DIR, SeedArticle, load_articles
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.people.models import Unit


async def load_seed(core: Core, session: AsyncSession, folder: Path | None = None) -> int:
    """Bring the article files of `folder` in, published. Returns how many articles were new or changed.

    A file that changed makes a next version, unless a person has edited the article since: then the person's text stays.
    Raises InvalidInput for a faulty file or an unknown unit; nothing is written then (the caller's transaction).
    """
    units = {unit.name: unit.id for unit in await session.scalars(select(Unit))}
    changed = 0
    for entry in load_articles(folder or SEED_DIR / "articles"):
        if entry.unit not in units:
            raise InvalidInput(_("知识“{slug}”的单位“{unit}”不存在，请先载入单位"), slug=entry.slug, unit=entry.unit)
        changed += await _bring(core, session, entry, units[entry.unit])
    return changed


async def _bring(core: Core, session: AsyncSession, entry: SeedArticle, unit_id: int) -> bool:
    content = _content(entry)
    article = (await session.scalars(select(Article).where(Article.slug == entry.slug))).first()
    if article is None:
        article = await create(core, session, SYSTEM, entry.slug, content, unit_id=unit_id)
        await publish(core, session, SYSTEM, article.id, version=1)
        return True
    edited = select(ArticleVersion.id).where(ArticleVersion.article_id == article.id, ArticleVersion.author_id.is_not(None))
    latest = await latest_version(session, article.id)
    if await session.scalar(edited.limit(1)) or Content.loaded(latest.content) == Content.loaded(content.stored()):
        return False
    version = await update(core, session, SYSTEM, article.id, content, seen_version=latest.version)
    await publish(core, session, SYSTEM, article.id, version=version.version)
    return True


def _content(entry: SeedArticle) -> Content:
    body = {name: value for name, value in entry.body.model_dump(mode="json").items() if value}
    return Content(
        title=entry.title, scene=entry.scene, spoken=entry.spoken, questions=entry.questions, valid_from=entry.valid_from,
        valid_until=entry.valid_until, checked_on=entry.checked_on, body=body, kind=entry.kind, sample_data=entry.sample_data,
        spoken_parts={str(name): spoken for name, spoken in entry.spoken_parts.items()}, also_scenes=entry.also_scenes,
        district=entry.district, audiences=entry.audiences,
    )  # fmt: skip
