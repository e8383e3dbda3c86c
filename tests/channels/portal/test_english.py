"""The English face of the portal. That every text has a line in the catalogue is held by tests/hotline/test_i18n.py."""

from __future__ import annotations

import string

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from hotline.i18n import LOCALE_DIR
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, MakeTicket


def catalogue() -> Catalog:
    with (LOCALE_DIR / "en.po").open("rb") as source:
        return read_po(source, locale="en")


def placeholders(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_placeholders_are_the_same() -> None:
    wrong = [message.id for message in catalogue() if placeholders(str(message.id)) != placeholders(str(message.string))]
    assert wrong == []


async def test_an_english_page_is_english(client: Client, make_ticket: MakeTicket) -> None:
    browser = Browser(client)
    page = await browser.get("/prefs?lang=en&to=/appeal")
    for words in ("Report a matter", "Where?", "Mobile number", "Submit"):
        assert words in page.text
    assert "我要反映" not in page.text
    refused = await browser.submit("/appeal", {"what": "short"})
    assert "Please change 3 things" in refused.text
    made = await make_ticket()
    tracked = await browser.submit("/track", {"number": made.ticket.number, "code": made.query_code})
    assert "Step 2 of 5" in tracked.text
    assert "Registered" in tracked.text
