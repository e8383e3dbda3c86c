"""From text to what is counted: normalised characters, bigrams and words.

Questions come from typing and from speech recognition, in simplified and traditional characters. The same function runs
over documents and questions, so the two always meet.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jieba
import opencc
import yaml

_HERE = Path(__file__).parent
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9]+")
_FILLER = re.compile(
    r"请问一下|请问|麻烦问一下|麻烦您|我想问一下|我想问问|我想问|我想咨询一下|我想咨询|想咨询|咨询一下|问一下|问一问|我想了解|帮我查一下|告诉我|"
    r"你好|您好|喂|嗯+|呃+|啊+|哎|那个那个|这个这个|就是说|谢谢|吧|呢|呀|嘛|啦|噢|哦|的话|应该|一下"
)
"""Words that carry no matter, taken out of questions and documents alike."""


@dataclass(frozen=True)
class Synonyms:
    """The two tables of synonyms.yaml."""

    spelling: tuple[tuple[str, str], ...]
    """(variant, canonical), longest variant first."""
    related: tuple[tuple[str, str], ...]
    """(word, token of its group)."""


@lru_cache(maxsize=1)
def synonyms() -> Synonyms:
    """The tables; raises ValueError when the file is not what it should be."""
    tables = yaml.safe_load((_HERE / "synonyms.yaml").read_text(encoding="utf-8"))
    if not isinstance(tables, dict) or set(tables) != {"spelling", "related"}:
        raise ValueError("synonyms.yaml must have exactly the tables `spelling` and `related`")
    spelling = [(variant.lower(), canonical) for canonical, variants in tables["spelling"].items() for variant in variants]
    spelling.sort(key=lambda pair: -len(pair[0]))
    related = [(_respell(word.lower(), spelling), f"c:{group[0]}") for group in tables["related"] for word in group]
    return Synonyms(tuple(spelling), tuple(related))


def _respell(text: str, spelling: Iterable[tuple[str, str]]) -> str:
    for variant, canonical in spelling:
        text = text.replace(variant, canonical)
    return text


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@lru_cache(maxsize=1)
def tokenizer() -> jieba.Tokenizer:
    """The word splitter jieba with our own dictionary (dictionary.txt: words of administration and of the city)."""
    logging.getLogger("jieba").setLevel(logging.WARNING)
    words = jieba.Tokenizer()
    words.tmp_dir = _private_cache()
    words.load_userdict(str(_HERE / "dictionary.txt"))
    return words


def _private_cache() -> str:
    """A folder that only this user can write: jieba unmarshals what it finds there, and its default is the shared /tmp."""
    folder = Path(tempfile.gettempdir()) / f"hotline-words-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
            return tempfile.mkdtemp(prefix="hotline-words-")
    except OSError:
        return tempfile.mkdtemp(prefix="hotline-words-")
    return str(folder)


def simplify(text: str) -> str:
    """Full-width to half-width, traditional to simplified, lower case."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return str(_converter().convert(plain)) if _HAN.search(plain) else plain


def normalise(text: str) -> str:
    """`simplify`, then spelling variants to one spelling and filler words out. At most 2,000 characters are looked at."""
    return _FILLER.sub(" ", _respell(simplify(text[:2000]), synonyms().spelling))


def concepts(normalised: str) -> Iterator[str]:
    """One token for each group of related words of which one is there."""
    yield from dict.fromkeys(group for word, group in synonyms().related if word in normalised)


def grams(normalised: str) -> Iterator[str]:
    """Characters and character bigrams of the Chinese runs, whole Latin words and numbers."""
    for run in _HAN.findall(normalised):
        yield from run
        for index in range(len(run) - 1):
            yield run[index : index + 2]
    yield from _LATIN.findall(normalised)


def words(normalised: str) -> Iterator[str]:
    """The words found by jieba, of at least two characters, with the shorter words inside long ones."""
    for run in _HAN.findall(normalised):
        for word in tokenizer().cut_for_search(run):
            if len(word) > 1:
                yield word


def tokens(normalised: str) -> list[str]:
    """Everything that ranking counts. Words that are bigrams count once more: they are better evidence than any two characters."""
    return [*grams(normalised), *("w:" + word for word in words(normalised)), *concepts(normalised)]


def vector_text(*texts: str) -> str:
    """The tokens for `to_tsvector('simple', …)`, blank-separated."""
    found: dict[str, None] = {}
    for text in texts:
        normalised = normalise(text)
        found.update(dict.fromkeys(grams(normalised)))
        found.update(dict.fromkeys(words(normalised)))
    return " ".join(found)
