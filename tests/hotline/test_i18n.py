from __future__ import annotations

import asyncio
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from hotline import extraction, i18n
from hotline.i18n import _

ROOT = Path(__file__).parents[2]
TEXT = "数据库暂时连不上，请稍后再试"


def test_chinese_is_the_message_itself() -> None:
    assert _(TEXT) == TEXT


def test_a_catalogue_is_read_as_it_is() -> None:
    with i18n.speaking("en"):
        assert _(TEXT).startswith("The database")
        assert _("没有译文的一句话") == "没有译文的一句话"
    assert _(TEXT) == TEXT


def test_an_unknown_language_means_chinese() -> None:
    with i18n.speaking("../../etc/passwd"):
        assert i18n.language() == "zh"


async def test_one_request_does_not_change_the_language_of_another() -> None:
    async def english() -> str:
        i18n.set_language("en")
        await asyncio.sleep(0)
        return _(TEXT)

    async def chinese() -> str:
        await asyncio.sleep(0)
        return _(TEXT)

    first, second = await asyncio.gather(english(), chinese())
    assert first.startswith("The database")
    assert second == TEXT


def test_every_text_has_an_english_line(tmp_path: Path) -> None:
    """Words of tables and of the seed too: what `hotline.extraction` finds."""
    found = tmp_path / "messages.pot"
    words = ["--quiet", "extract", "--ignore-dirs", ".venv rasa", "-F", "hotline/locale/babel.cfg"]
    words += ["-k", "_", "-k", "counted:1,1", "-o", str(found), "."]
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", *words], cwd=ROOT, check=True)
    with found.open("rb") as source, (i18n.LOCALE_DIR / "en.po").open("rb") as english:
        texts = {str(message.id) for message in read_po(source) if message.id}
        lines = {str(message.id) for message in read_po(english, locale="en") if message.string}
    assert texts, "nothing was read"
    assert sorted(texts - lines) == [], "write them into hotline/locale/en.po"


def test_a_number_has_its_form() -> None:
    assert i18n.counted("{n}个工作日", 1) == "1个工作日"
    with i18n.speaking("en"):
        assert [i18n.counted("{n}个工作日", number) for number in (1, 0.5, 3.0)] == ["1 working day", "0.5 working days", "3 working days"]


def test_texts_of_tables_are_found() -> None:
    source = b'NAMES = texts({"a": "\xe7\x94\xb2", "b": ("icon", _("\xe4\xb9\x99"))})\nMARK = "\xe4\xb8\x99"'
    found = extraction.extract_python_and_tables(BytesIO(source), {"_": None}, [], {"holding": "texts"})
    assert {message for _line, _function, message, _comments in found} == {"甲", "乙"}


def test_a_text_of_a_table_is_written_whole() -> None:
    source = 'NAMES = texts({"a": f"{one}超时"})'.encode()
    with pytest.raises(ValueError, match="whole"):
        list(extraction.extract_python_and_tables(BytesIO(source), {"_": None}, [], {"holding": "texts"}))
