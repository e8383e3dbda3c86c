"""The English face: every text of the portal has a translation, and its placeholders are the same."""

from __future__ import annotations

import string
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from channels.portal.appeal_form import CONTACTS
from channels.portal.home import EMERGENCY
from channels.portal.progress import _CHANNELS, _WAYS
from hotline.i18n import LOCALE_DIR
from knowledge.article.text import FIELDS
from tests.channels.portal.browser import Browser
from tests.channels.public import Client, MakeTicket
from ticketing.words import CITIZEN_STATES, KINDS, SATISFACTIONS

PORTAL = Path(__file__).parents[3] / "channels" / "portal"


def catalogue() -> Catalog:
    with (LOCALE_DIR / "en.po").open("rb") as source:
        return read_po(source, locale="en")


def placeholders(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}


def test_every_text_of_the_portal_is_translated() -> None:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trimmed": "true", "extensions": "jinja2.ext.i18n"}}
    used = {str(message) for _file, _line, message, _comments, _context in extract_from_dir(str(PORTAL), methods, options)}
    assert len(used) > 150
    used |= {*CITIZEN_STATES.values(), *KINDS.values(), *SATISFACTIONS.values(), *_CHANNELS.values(), *_WAYS.values()}
    used |= {words for _key, words in (*CONTACTS, *EMERGENCY, *FIELDS)}
    translated = {str(message.id) for message in catalogue() if message.string}
    assert used - translated == set()


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
