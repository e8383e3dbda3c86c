"""Attachments of articles: forms to fill in, maps, drawings. Kept and checked by `ticketing.attachment` like all files."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from hotline.settings import Settings
from knowledge.article.access import live_article_by_slug
from knowledge.article.life import refuse_unless
from knowledge.article.models import Article
from ticketing.attachment.service import store
from ticketing.context import Core
from ticketing.people.actor import Actor
from ticketing.ticket.models import Attachment

MOST_KEPT = 60
"""Files of one article over all its versions; old versions keep theirs."""


async def add_file(
    core: Core, settings: Settings, session: AsyncSession, actor: Actor, article: Article, *, body: bytes, file_name: str
) -> Attachment:
    """Keep a file for this article; a version shows it once its content names it. Raises NotAllowed, InvalidInput, Unavailable."""
    refuse_unless(actor, "edit", article.unit_id)
    kept = await session.scalar(select(func.count()).where(Attachment.article_id == article.id)) or 0
    if kept >= MOST_KEPT:
        raise InvalidInput(_("这条知识的附件太多，请先清理"), field="files")
    return await store(core, settings, session, body=body, file_name=file_name, from_citizen=False, article_id=article.id)


async def files_of(session: AsyncSession, article_id: int, wanted: list[str] | tuple[str, ...]) -> list[Attachment]:
    """The attachments that a version names, in its order; ids of other articles' files are left out."""
    rows = await session.scalars(select(Attachment).where(Attachment.article_id == article_id))
    found = {str(row.id): row for row in rows}
    return [found[name] for name in wanted if name in found]


async def public_file(core: Core, session: AsyncSession, slug: str, attachment_id: UUID) -> Attachment:
    """A file of the version that is told just now. Raises NotFound for every other one."""
    article = await live_article_by_slug(core, session, slug)
    found = await files_of(session, article.id, [str(attachment_id)]) if str(attachment_id) in article.files else []
    if not found:
        raise NotFound(_("没有找到这个附件"))
    return found[0]
