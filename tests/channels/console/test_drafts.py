"""An agent leaves a form unfinished and goes on with it later."""

from __future__ import annotations

import re

from tests.channels.staff import City, Opener


async def test_a_form_is_saved_unfinished_and_registered_later(city: City, browser: Opener) -> None:
    agent, other = await browser("agent"), await browser("supervisor")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    typed = {**hidden, "content": "江畔花园北门工地夜间施", "kind": "complaint", "urgency": "normal"}
    assert (await agent.post("/console/tickets/drafts", {**typed, "content": ""})).status == 422  # nothing to keep
    assert (await agent.post("/console/tickets/drafts", typed)).status == 303
    page = await agent.text("/console/tickets/new")
    draft = re.search(r"/console/tickets/new\?draft=([0-9a-f-]{36})", page)
    assert draft is not None
    assert "江畔花园北门工地夜间施" in page
    assert draft[1] not in await other.text("/console/tickets/new")
    address = f"/console/tickets/new?draft={draft[1]}"
    assert (await other.get(address)).status == 404
    again = await agent.form(address, "/console/tickets/new")
    assert again["draft"] == draft[1]
    whole = {**again, **typed, "draft": draft[1], "confidentiality": "masked", "phone": "13900002716", "contact_by": "phone"}
    made = await agent.post("/console/tickets/new", whole)
    assert made.status == 303, await made.text()
    assert draft[1] not in await agent.text("/console/tickets/new")


async def test_a_draft_is_dropped(browser: Opener) -> None:
    agent = await browser("agent")
    hidden = await agent.form("/console/tickets/new", "/console/tickets/new")
    await agent.post("/console/tickets/drafts", {**hidden, "address": "滨河路18号"})
    page = await agent.text("/console/tickets/new")
    drop = re.search(r"/console/tickets/drafts/[0-9a-f-]{36}/drop", page)
    assert drop is not None
    assert (await agent.post(drop[0], {"csrf": hidden["csrf"]})).status == 303
    assert drop[0] not in await agent.text("/console/tickets/new")
