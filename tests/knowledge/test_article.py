"""The life of an article: four eyes, versions, recall, expiry, the seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hotline.database import Database
from hotline.errors import Conflict, HotlineError, IllegalStep, InvalidInput, NotAllowed, NotFound
from hotline.events import history
from knowledge.article import service
from knowledge.article.access import live_article
from knowledge.article.models import Article, ArticleState, ArticleVersion
from knowledge.article.seeding import load_seed
from knowledge.article.service import Content
from knowledge.search.service import search
from knowledge.seed.loader import SEED_DIR, load_articles
from tests.knowledge.conftest import People
from ticketing.context import Core

TODAY = date(2026, 11, 18)
CONTENT = Content(
    title="风筝放飞许可",
    scene="其他",
    spoken="放风筝请避开电线和机场，一般不用许可。",
    questions=("放风筝要不要许可", "哪里可以放风筝"),
    valid_from=date(2026, 1, 1),
    checked_on=date(2026, 11, 1),
    body={
        "materials": ["身份证", "申请表"], "fee": "不收费", "time_limit": {"statutory": "五日", "promised": "一日"}, "conditions": "市民",
        "procedure": ["到窗口申请"], "phone": "0000-12345", "basis": "《风筝条例》", "address": "人民路一号",
    },
)  # fmt: skip


async def published(core: Core, database: Database, people: People, content: Content = CONTENT, *, slug: str = "kite") -> int:
    """An article written by one editor and published by the other."""
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, slug, content)
        await service.submit(core, session, people.editor, article.id)
        await service.publish(core, session, people.other_editor, article.id, version=1)
        return article.id


async def test_who_wrote_it_cannot_publish_it(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, "kite", CONTENT)
        await service.submit(core, session, people.editor, article.id)
        with pytest.raises(NotAllowed):
            await service.publish(core, session, people.editor, article.id, version=1)
        assert await search(session, "放风筝要许可吗", today=TODAY) == []
        await service.publish(core, session, people.other_editor, article.id, version=1)
        (hit, *_rest) = await search(session, "放风筝要许可吗", today=TODAY)
        assert hit.article.slug == "kite"
        version = await service.latest_version(session, article.id)
        assert (version.author_id, version.reviewer_id) == (people.editor.user_id, people.other_editor.user_id)
        names = [event.name for event in await history(session, "article", article.id)]
    assert names == ["knowledge.created", "knowledge.submitted", "knowledge.published"]


async def test_a_unit_passes_its_own_review_first(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.clerk, "kite", CONTENT, unit_id=people.unit_id)
        await service.submit(core, session, people.clerk, article.id)
        assert article.state == ArticleState.UNIT_REVIEW.value
        with pytest.raises(NotAllowed):
            await service.pass_unit(core, session, people.clerk, article.id)
        with pytest.raises(IllegalStep):
            await service.publish(core, session, people.other_editor, article.id, version=1)
        await service.pass_unit(core, session, people.chief, article.id)
        assert article.state == ArticleState.CENTRE_REVIEW.value
        with pytest.raises(NotAllowed):
            await service.publish(core, session, people.chief, article.id, version=1)


async def test_an_edit_waits_while_the_published_text_stays(core: Core, database: Database, people: People) -> None:
    article_id = await published(core, database, people)
    async with database.transaction() as session:
        changed = replace(CONTENT, spoken="放风筝现在需要许可。", questions=("纸鸢管理办法是什么",))
        await service.update(core, session, people.editor, article_id, changed, seen_version=1)
        article = await service.get_article(session, article_id)
        assert (article.version, article.spoken, article.draft_version, article.draft_state) == (1, CONTENT.spoken, 2, "editing")
        with pytest.raises(Conflict):
            await service.update(core, session, people.other_editor, article_id, changed, seen_version=1)
        await service.submit(core, session, people.editor, article_id)
        assert (article.state, article.draft_state) == ("published", "centre_review")
    async with database.transaction() as session:
        await service.publish(core, session, people.other_editor, article_id, version=2)
    async with database.transaction() as session:
        (hit, *_rest) = await search(session, "纸鸢管理办法", today=TODAY)
        assert (hit.article.version, hit.article.spoken) == (2, "放风筝现在需要许可。")
        with pytest.raises(Conflict):
            await service.publish(core, session, people.other_editor, article_id, version=1)
        kept = await session.scalars(select(ArticleVersion).order_by(ArticleVersion.version))
        assert [(version.state, version.content["spoken"]) for version in kept] == [
            ("revised", CONTENT.spoken),
            ("published", "放风筝现在需要许可。"),
        ]


async def test_recall_needs_a_reason_and_is_heard_at_once(core: Core, database: Database, people: People) -> None:
    article_id = await published(core, database, people)
    async with database.transaction() as session:
        assert await search(session, "放风筝", today=TODAY)
        with pytest.raises(InvalidInput):
            await service.recall(core, session, people.editor, article_id, " ")
        await service.recall(core, session, people.editor, article_id, "法规变了")
        assert await search(session, "放风筝", today=TODAY) == []
        with pytest.raises(NotFound):
            await live_article(core, session, article_id)
        with pytest.raises(IllegalStep):
            await service.recall(core, session, people.editor, article_id, "再来")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"title": ""}, {"title"}),
        ({"questions": ()}, {"questions"}),
        ({"spoken": "见https://x.cn"}, {"spoken"}),
        ({"spoken": "字" * 301}, {"spoken"}),
        ({"body": {"colour": "red"}}, {"body"}),
        ({"valid_until": date(2025, 1, 1), "kind": "poem"}, {"valid_until", "kind"}),
    ],
)
async def test_bad_content_names_every_field(
    core: Core, database: Database, people: People, change: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        async with database.transaction() as session:
            await service.create(core, session, people.editor, "kite", replace(CONTENT, **change))
    assert set(caught.value.errors) == fields
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Article)) == 0


async def test_rights(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        for actor, unit in ((people.agent, None), (people.clerk, None)):
            with pytest.raises(NotAllowed):
                await service.create(core, session, actor, "kite", CONTENT, unit_id=unit)
        await service.create(core, session, people.editor, "kite", CONTENT)
        with pytest.raises(Conflict):
            await service.create(core, session, people.editor, "kite", CONTENT)


async def test_the_whole_answer_is_told_at_once(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, people.editor, "kite", CONTENT)
        text = service.render(article)
    assert text.splitlines()[:2] == ["【风筝放飞许可】", CONTENT.spoken]
    for part in ("所需材料：\n1. 身份证\n2. 申请表", "收费：不收费", "法定时限：五日", "承诺时限：一日"):
        assert part in text


async def test_the_seed_is_idempotent_and_respects_people(core: Core, database: Database, people: People, tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name in ("passport", "dog-registration"):
        (folder / f"{name}.yaml").write_bytes((SEED_DIR / "articles" / f"{name}.yaml").read_bytes())
    async with database.transaction() as session:
        assert await load_seed(core, session, folder) == 2
        assert await load_seed(core, session, folder) == 0
    path = folder / "passport.yaml"
    title = next(article.title for article in load_articles(folder) if article.slug == "passport")
    path.write_text(path.read_text(encoding="utf-8").replace(f"title: {title}", "title: 护照办理指南"), encoding="utf-8")
    async with database.transaction() as session:
        assert await load_seed(core, session, folder) == 1
        article = (await session.scalars(select(Article).where(Article.slug == "passport"))).one()
        assert (article.title, article.version, article.state) == ("护照办理指南", 2, ArticleState.PUBLISHED.value)
        await service.update(core, session, people.editor, article.id, replace(CONTENT, title="人改的"), seen_version=2)
    path.write_text(path.read_text(encoding="utf-8").replace("护照办理指南", "护照办理指南二"), encoding="utf-8")
    async with database.transaction() as session:
        assert await load_seed(core, session, folder) == 0


async def test_a_faulty_seed_file_writes_nothing(core: Core, database: Database, people: People, tmp_path: Path) -> None:
    (tmp_path / "passport.yaml").write_bytes((SEED_DIR / "articles" / "passport.yaml").read_bytes())
    (tmp_path / "zz.yaml").write_text("slug: zz\n", encoding="utf-8")
    with pytest.raises(HotlineError, match=r"zz\.yaml"):
        async with database.transaction() as session:
            await load_seed(core, session, tmp_path)
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Article)) == 0
