"""The assistant names the forms of an article that a citizen can download."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import update

from chatbot import guide
from hotline.database import Database
from knowledge.article import service
from knowledge.article.models import Article
from tests.knowledge.test_article import CONTENT
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.ticket.models import Attachment


async def test_an_answer_names_the_files_of_the_version_that_is_told(core: Core, database: Database) -> None:
    async with database.transaction() as session:
        article = await service.create(core, session, SYSTEM, "kite", CONTENT)
        await service.publish(core, session, SYSTEM, article.id, version=1)
        bare = await guide.answer(session, article)
        assert "可下载" not in bare.text
        assert "下载" not in bare.spoken
        kept = {}
        for name in ("申请表.docx", "旧表.docx"):
            kept[name] = Attachment(
                id=uuid4(), article_id=article.id, file_name=name, content_type="application/octet-stream", size_bytes=1, sha256="0" * 64,
                path=f"x/{uuid4()}", from_citizen=False, created_at=datetime(2026, 11, 23, tzinfo=UTC),
            )  # fmt: skip
        session.add_all(kept.values())
        await session.flush()
        await session.execute(update(Article).where(Article.id == article.id).values(files=[str(kept["申请表.docx"].id)]))
        await session.refresh(article)
        told = await guide.answer(session, article)
    assert "可下载：申请表.docx（在网站“办事指南”的" in told.text
    assert "旧表" not in told.text
    assert "表格可以在网站的办事指南里下载" in told.spoken
    assert told.article == (article.id, article.version)
