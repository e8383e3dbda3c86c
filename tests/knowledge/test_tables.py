"""Articles as a table: what goes out comes in unchanged; what is changed becomes a draft."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hotline.database import Database
from hotline.errors import NotAllowed
from knowledge.article import service
from knowledge.article.models import Article
from knowledge.article.tables import KIND, register
from knowledge.article.versions import draft_of
from tests.knowledge.conftest import People
from tests.knowledge.test_article import CONTENT
from ticketing.context import Core
from ticketing.people.actor import SYSTEM
from ticketing.tables import imports
from ticketing.tables.exports import export
from ticketing.tables.writer import write_csv

FULL = replace(
    CONTENT,
    audiences=("company", "elderly"),
    also_scenes=("城市管理", "文体"),
    spoken_parts={"fee": "不要钱。"},
    district="临江区",
    source="来文",
)


async def test_out_and_in_again_changes_nothing_and_a_changed_fee_is_a_draft(
    core: Core, database: Database, people: People, tmp_path: Path
) -> None:
    register()
    async with database.transaction() as session:
        for slug, unit in (("kite", people.unit_id), ("other", None)):
            made = await service.create(core, session, SYSTEM, slug, FULL, unit_id=unit)
            await service.publish(core, session, SYSTEM, made.id, version=1)
    path = tmp_path / "t.csv"
    async with database.transaction() as session:
        assert await write_csv(await export(core, session, people.editor, KIND), path) == 2
    preview = await imports.check(core, database, people.editor, KIND, path.read_bytes())
    assert (preview.ok, preview.counts) == (True, {"new": 0, "changed": 0, "same": 2}), [each.errors for each in preview.faulty]

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    fee, slug = rows[0].index("收费"), rows[0].index("标识")
    rows[1][fee] = "10元"
    rows.insert(2, [*rows[1]])
    rows[2][slug], rows[2][rows[0].index("单位代码")] = "brand-new", "测试局"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    async with database.transaction() as session:
        applied = await imports.apply(core, session, people.editor, KIND, path.read_bytes())
    assert applied.counts == {"new": 1, "changed": 1, "same": 1}
    async with database.transaction() as session:
        article = (await session.scalars(select(Article).where(Article.slug == "kite"))).one()
        draft = await draft_of(session, article)
        assert (article.body["fee"], article.state, article.draft_state) == ("不收费", "published", "editing")
        assert draft is not None
        assert draft.content["body"]["fee"] == "10元"
        new = (await session.scalars(select(Article).where(Article.slug == "brand-new"))).one()
        assert (new.state, new.unit_id) == ("editing", people.unit_id)


async def test_a_unit_moves_only_its_own_and_faults_are_named(core: Core, database: Database, people: People, tmp_path: Path) -> None:
    register()
    async with database.transaction() as session:
        for slug, unit in (("kite", people.unit_id), ("other", None)):
            await service.create(core, session, SYSTEM, slug, FULL, unit_id=unit)
    path = tmp_path / "t.csv"
    async with database.transaction() as session:
        assert await write_csv(await export(core, session, people.clerk, KIND), path) == 1
        with pytest.raises(NotAllowed):
            await export(core, session, people.agent, KIND)
    head = "标识,标题,场景,市民问法,口头答复,核对日期,生效日期"
    foreign = f"{head}\nother,放风筝,其他,怎么放,随便放。,2026-11-01,2026-01-01\n".encode()
    preview = await imports.check(core, database, people.clerk, KIND, foreign)
    assert "只能处理本单位的知识" in str([each.errors for each in preview.faulty])
    faulty = f"{head}\nBad_Slug,放风筝,其他,怎么放,见https://x,2026-11-01,昨天\n".encode()
    preview = await imports.check(core, database, people.editor, KIND, faulty)
    assert [set(each.errors) for each in preview.faulty] == [{"slug"}]
