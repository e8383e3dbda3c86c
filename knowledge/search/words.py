"""From text to what is counted: normalised characters, bigrams, words, groups of synonyms, and sounds.

Questions come from typing and from speech recognition, in simplified and traditional characters. The same function runs
over documents and questions, so the two always meet.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import jieba
import opencc
import yaml
from pypinyin import lazy_pinyin

_HERE = Path(__file__).parent
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9]+")
_FILLER = re.compile(
    r"我叫[^，。,\s]{1,4}[，。,\s]|(?:电话|手机号|手机|号码)(?:是|：|:)?\d{7,}|\d{7,}|"
    r"请问一下|请问|麻烦问一下|麻烦您|我想问一下|我想问问|我想问|我想咨询一下|我想咨询|想咨询|咨询一下|问一下|问一问|我想了解|帮我查一下|告诉我|"
    r"你好|您好|喂|嗯+|呃+|啊+|哎|那个那个|这个这个|就是说|谢谢|吧|呢|呀|嘛|啦|噢|哦|的话|应该|一下"
)
"""Words that carry no matter, and who is asking, taken out of questions and documents alike."""
_SYLLABLE = re.compile(
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])(?:[iu]?ang|[iu]?eng|[iu]?an|[iu]?en|i?ong|ing|in|un|[iu]?ai|[ue]?i|i?ao|i?ou|u?o|[iu]?a|[iuv]?e|[iuv])"
)
_FUZZY = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n"))
"""Beginnings that many people and recognisers do not tell apart."""


@dataclass(frozen=True)
class Synonyms:
    """Groups of words that mean the same: `spelling` is written one way before counting, `related` share a token."""

    spelling: tuple[tuple[str, ...], ...]
    """(canonical, variant …)"""
    related: tuple[tuple[str, ...], ...]

    @cached_property
    def variants(self) -> tuple[tuple[str, str], ...]:
        """(variant, canonical), longest variant first."""
        pairs = [(variant.lower(), group[0].lower()) for group in self.spelling for variant in group[1:]]
        return tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair)))

    @cached_property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """(word as it reads after `respell`, token of its group)."""
        return tuple((self.respell(word.lower()), f"c:{group[0]}") for group in self.related for word in group)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when any word changes: what was indexed with other words is stale."""
        return hashlib.sha256(repr((self.spelling, self.related)).encode()).hexdigest()[:16]

    def respell(self, text: str) -> str:
        """Every variant in its canonical spelling."""
        for variant, canonical in self.variants:
            text = text.replace(variant, canonical)
        return text


@lru_cache(maxsize=1)
def shipped() -> Synonyms:
    """The groups that come with the program; raises ValueError when the file is not what it should be."""
    tables = yaml.safe_load((_HERE / "synonyms.yaml").read_text(encoding="utf-8"))
    if not isinstance(tables, dict) or set(tables) != {"spelling", "related"}:
        raise ValueError("synonyms.yaml must have exactly the tables `spelling` and `related`")
    spelling = tuple((canonical, *variants) for canonical, variants in tables["spelling"].items())
    return Synonyms(spelling, tuple(tuple(group) for group in tables["related"]))


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


def normalise(text: str, synonyms: Synonyms | None = None) -> str:
    """`simplify`, then spelling variants to one spelling and filler words out. At most 2,000 characters are looked at."""
    return _FILLER.sub(" ", (synonyms or shipped()).respell(simplify(text[:2000])))


def concepts(normalised: str, synonyms: Synonyms | None = None) -> Iterator[str]:
    """One token for each group of related words of which one is there."""
    yield from dict.fromkeys(group for word, group in (synonyms or shipped()).groups if word in normalised)


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


def sounds(normalised: str) -> Iterator[str]:
    """Pairs of syllables without tones, across blanks: what was heard, typed or chosen wrongly still sounds alike.

    Words typed in pinyin (shenfenzheng) sound like what they mean.
    """
    heard = [_sound(syllable) for syllable in lazy_pinyin("".join(_HAN.findall(normalised)))]
    yield from (f"p:{first}-{second}" for first, second in itertools.pairwise(heard))
    for run in _LATIN.findall(normalised):
        parts = _SYLLABLE.findall(run)
        if len(parts) > 1 and "".join(parts) == run:
            typed = [_sound(part) for part in parts]
            yield from (f"p:{first}-{second}" for first, second in itertools.pairwise(typed))


def _sound(syllable: str) -> str:
    for written, said in _FUZZY:
        if syllable.startswith(written):
            syllable = said + syllable[len(written) :]
            break
    return syllable.removesuffix("g") if syllable.endswith("ng") else syllable


def tokens(normalised: str, synonyms: Synonyms | None = None) -> list[str]:
    """Everything that ranking counts. Words that are bigrams count once more: they are better evidence than any two characters."""
    return [*grams(normalised), *("w:" + word for word in words(normalised)), *concepts(normalised, synonyms)]


def lexemes(texts: Iterable[str], synonyms: Synonyms | None = None) -> list[str]:
    """The distinct entries of the `search` column: what candidates are found by."""
    found: dict[str, None] = {}
    for text in texts:
        normalised = normalise(text, synonyms)
        for kind in (grams(normalised), words(normalised), concepts(normalised, synonyms), sounds(normalised)):
            found.update(dict.fromkeys(kind))
    return list(found)
