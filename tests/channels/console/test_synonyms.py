"""The page of synonyms: what editors write relates words, others may not write, mistakes keep what was typed."""

from __future__ import annotations

from sqlalchemy import select

from knowledge.search.models import SearchSynonym
from knowledge.search.synonyms import in_force
from tests.channels.staff import City, Opener

PAGE = "/console/articles/synonyms"


async def test_an_editor_adds_changes_and_removes_a_group(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    text = await editor.text(f"{PAGE}?q=身份证")
    assert "身分证" in text
    assert "公积金" not in text
    token = (await editor.form(PAGE, "/console/logout"))["csrf"]
    assert (await editor.post(PAGE, {"csrf": token, "kind": "related", "words": "纸鸢、风筝 鹞子"})).status == 303
    async with city.database.transaction() as session:
        row = (await session.scalars(select(SearchSynonym).order_by(SearchSynonym.id.desc()).limit(1))).one()
        assert row.words == ["纸鸢", "风筝", "鹞子"]
    same = {"csrf": token, "kind": "related", "words": "纸鸢,风筝", "id": str(row.id)}
    assert (await editor.post(PAGE, same)).status == 303
    async with city.database.transaction() as session:
        assert ("纸鸢", "风筝") in (await in_force(session)).related
    assert (await editor.post(f"{PAGE}/{row.id}/delete", {"csrf": token})).status == 303
    assert (await editor.post(f"{PAGE}/{row.id}/delete", {"csrf": token})).status == 404


async def test_mistakes_and_strangers(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    token = (await editor.form(PAGE, "/console/logout"))["csrf"]
    alone = await editor.post(PAGE, {"csrf": token, "kind": "related", "words": "<b>孤单"})
    assert alone.status == 422
    assert "&lt;b&gt;孤单" in await alone.text()
    taken = await editor.post(PAGE, {"csrf": token, "kind": "spelling", "words": "身份证、小证"})
    assert taken.status == 409
    assert (await editor.post(PAGE, {"csrf": token, "kind": "poem", "words": "一 二"})).status == 422
    agent = await browser("agent")
    assert (await agent.get(PAGE)).status == 403
    own = (await agent.form("/console/me", "/console/logout"))["csrf"]
    assert (await agent.post(PAGE, {"csrf": own, "kind": "related", "words": "一 二"})).status == 403
