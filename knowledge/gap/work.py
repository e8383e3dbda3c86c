"""What an editor makes of a group: an article, or examples of one that exists. Both go through the article's own life and review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from knowledge.article.access import access_article, today_of
from knowledge.article.content import MOST_QUESTIONS, Content
from knowledge.article.models import Article, ArticleKind
from knowledge.article.service import collect, update
from knowledge.article.versions import latest_version
from knowledge.gap import lists
from knowledge.gap.models import Gap
from knowledge.gap.service import cover, open_gap
from ticketing.context import Core
from ticketing.people.actor import Actor

_LONGEST_TITLE = 60


async def make_article(core: Core, session: AsyncSession, actor: Actor, gap_id: int, *, scene: str = "") -> Article:
    """A collected article (收集) with the group's sentences as its questions, to be written in the editor.

    The group waits until that article is published; if the question comes again after that, it is open again.
    Raises IllegalStep when the group is closed, NotAllowed, InvalidInput.
    """
    gap = await open_gap(session, actor, gap_id)
    group = await lists.group(session, gap)
    title = group.title.strip(" ，。！？?!")[:_LONGEST_TITLE]
    if len(title) < 2:
        raise InvalidInput(_("这组问题里没有可以当标题的话，请在知识里新建"), field="title")
    if not scene and group.nearest_id is not None:
        nearest = await session.get(Article, group.nearest_id)
        scene = nearest.scene if nearest else ""
    today = today_of(core)
    content = Content(
        title=title, scene=scene or _("其他"), spoken="", questions=lists.examples(group), valid_from=today, checked_on=today,
        kind=ArticleKind.QUESTION.value,
    )  # fmt: skip
    note = _("由{n}次没答好的提问整理").format(n=gap.count)
    article = await collect(core, session, actor, f"gap-{gap.id}-{gap.reopened}", content, note=note)
    await cover(core, session, actor, gap.id, article_id=article.id, version=article.version)
    return article


async def add_examples(
    core: Core, session: AsyncSession, actor: Actor, gap_id: int, article_id: int, sentences: Sequence[str]
) -> tuple[Gap, int]:
    """Chosen sentences of the group become similar questions of an article, as a next version that somebody else publishes.

    Returns the group and the version. Raises InvalidInput when none is new or there would be too many, IllegalStep when it is closed.
    """
    gap = await open_gap(session, actor, gap_id)
    article = await access_article(core, session, actor, article_id, lock=True)
    theirs = set(lists.examples(await lists.group(session, gap), most=10_000))
    latest = await latest_version(session, article.id)
    content = Content.loaded(latest.content)
    new = [text for text in dict.fromkeys(sentences) if text in theirs and text not in content.questions]
    if not new:
        raise InvalidInput(_("请至少选一句这条知识里还没有的问法"), field="sentences")
    if len(content.questions) + len(new) > MOST_QUESTIONS:
        raise InvalidInput(_("一条知识最多{n}个问法，请少选几句"), field="sentences", n=MOST_QUESTIONS)
    note = _("采用市民的{n}句问法").format(n=len(new))
    wider = replace(content, questions=(*content.questions, *new))
    version = await update(core, session, actor, article.id, wider, seen_version=latest.version, note=note)
    return await cover(core, session, actor, gap.id, article_id=article.id, version=version.version), version.version
