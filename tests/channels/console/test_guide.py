"""Each role has a short guide, reached from its help; what it says of keys and pages is there."""

from __future__ import annotations

import re

import pytest

from channels.console.guide import DOCS, sections
from tests.channels.staff import City, Opener
from ticketing.people.models import Role


@pytest.mark.parametrize("role", list(Role))
async def test_help_leads_to_the_guide_of_ones_own_role(browser: Opener, city: City, role: Role) -> None:
    person = await browser(role.value)
    assert 'href="/console/guide"' in await person.text("/console/me")
    shown = await person.text("/console/guide")
    assert f'href="/console/guide/{role.value}" aria-current="page"' in shown
    for heading, _body in sections((DOCS / "guide" / f"{role.value}.md").read_text(encoding="utf-8"))[1:]:
        assert f">{heading}</h2>" in shown
    for picture in re.findall(r'src="(/console/guide/pictures/[^"]+)"', shown):
        response = await person.get(picture)
        assert (response.status, response.content_type) == (200, "image/webp")


async def test_a_guide_that_is_none_is_not_found(browser: Opener, city: City) -> None:
    person = await browser("agent")
    for path in (
        "/console/guide/nobody",
        "/console/guide/readme",
        "/console/guide/pictures/none.webp",
        "/console/guide/pictures/..%2fREADME.md",
    ):
        assert (await person.get(path)).status == 404, path


def test_text_is_text() -> None:
    ((_first, body),) = sections("# T\n\n<script>**b** `F2`\n\n- one\n- two\n")
    assert body == "<p>&lt;script&gt;<b>b</b> <kbd>F2</kbd></p>\n<ul class='list'><li>one</li><li>two</li></ul>"
