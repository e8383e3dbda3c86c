"""The editor's page of the assistant."""

from __future__ import annotations

from sqlalchemy import select

from chatbot.learning.models import BotTraining, IntentExample
from tests.channels.staff import Browser, City, Opener

AT = "/console/bot"


async def _add(editor: Browser, **fields: str) -> tuple[int, str]:
    form = await editor.form(AT, f"{AT}/examples")
    response = await editor.post(f"{AT}/examples", {**form, "intent": "file_complaint", "purpose": "learn", **fields})
    return response.status, await response.text()


async def test_an_example_is_added_with_its_conflict_shown_and_removed(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    assert (await _add(editor, text="楼下的铁皮棚子夜里哐当响"))[0] == 303
    assert "楼下的铁皮棚子夜里哐当响" in await editor.text(AT)
    status, page = await _add(editor, text="门口那条路全是坑呀", intent="feedback")
    assert status == 422
    assert "反映问题" in page
    assert "仍然添加" in page
    assert (await _add(editor, text="门口那条路全是坑呀", intent="feedback", anyway="1"))[0] == 303
    assert (await _add(editor, text="", intent="greet"))[0] == 422
    assert (await _add(editor, text="随便", intent="no-such"))[0] == 422
    async with city.database.transaction() as session:
        first = (await session.scalars(select(IntentExample.id).order_by(IntentExample.id))).first()
    path = f"{AT}/examples/{first}/remove"
    form = await editor.form(AT, path)
    assert (await editor.post(path, {**form})).status == 303
    assert (await editor.post(path, {**form})).status == 404
    assert "楼下的铁皮棚子夜里哐当响" not in await editor.text(AT)


async def test_a_training_is_asked_for_once_and_its_progress_is_followed(browser: Opener, city: City) -> None:
    editor = await browser("editor")
    form = await editor.form(AT, f"{AT}/train")
    assert (await editor.post(f"{AT}/train", {**form})).status == 303
    assert (await editor.post(f"{AT}/train", {**form})).status == 409
    followed = await editor.text(f"{AT}/progress")
    assert "等待开始" in followed
    assert "every 3s" in followed
    assert (await editor.post(f"{AT}/train", {**form, "back_to": "no-such-model"})).status == 404
    async with city.database.transaction() as session:
        assert (await session.scalars(select(BotTraining.state))).all() == ["waiting"]


async def test_others_do_not_meet_the_page(browser: Opener) -> None:
    agent = await browser("agent")
    assert (await agent.get(AT)).status == 403
    assert AT not in await agent.text("/console/desk")
    assert "机器人" in await (await browser("admin")).text(AT)
