"""Reads and checks the article files. Writing rows is the business of `knowledge.article.service.load_seed`."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.seed.files import SeedEntry, parse_entry, parse_list, read_document, refuse_repeats

SEED_DIR = Path(__file__).parent
REVIEW_MARK = "须由本市主管部门审核"
"""Every article says that a city must have it reviewed before use."""
SAMPLE_MARK = "样例数据"
"""Every article with invented local values says so."""

Text = Annotated[str, Field(min_length=1)]
Question = Annotated[str, Field(min_length=2, max_length=40)]
_READABLE = re.compile(r"[\u4e00-\u9fff，。！？、；：]+")


class TimeLimit(SeedEntry):
    """Two limits: the statutory one and the shorter one that the city promises."""

    statutory: Text
    promised: Text


class Body(SeedEntry):
    """The fields of a guide item (domain.md H01-H03)."""

    basis: Text
    conditions: Text
    materials: tuple[Text, ...] = Field(min_length=1)
    procedure: tuple[Text, ...] = Field(min_length=1)
    time_limit: TimeLimit
    fee: Text
    address: Text
    hours: Text
    phone: Text
    complaint_phone: Text
    online: Text
    note: Text
    fee_basis: str = ""
    accepting_unit: str = ""
    handling_unit: str = ""
    archived: str = ""


class SeedArticle(SeedEntry):
    """One article as its file holds it."""

    slug: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)
    title: str = Field(min_length=2, max_length=40)
    scene: Text
    kind: Literal["guide", "question"]
    unit: Text
    """Name of the owning unit, as units.yaml has it."""
    sample_data: bool
    checked_on: date
    valid_from: date
    valid_until: date | None
    questions: tuple[Question, ...] = Field(min_length=8, max_length=40)
    """As people ask it: the first dozen in whole sentences, then short forms and other words; more of them find better."""
    spoken: str = Field(min_length=10, max_length=150)
    spoken_parts: dict[Literal["materials", "fee", "time_limit", "address"], str] = Field(default_factory=dict)
    """Short answers to a part of the matter (knowledge.article.text.SPOKEN_PARTS)."""
    also_scenes: tuple[Text, ...] = ()
    district: str = ""
    audiences: tuple[Literal["person", "company", "elderly", "foreigner"], ...] = ()
    body: Body

    @field_validator("spoken_parts")
    @classmethod
    def _parts_readable_aloud(cls, parts: dict[str, str]) -> dict[str, str]:
        """The same rule for every part, and a sane length."""
        for name, spoken in parts.items():
            if not 5 <= len(spoken) <= 150:
                raise ValueError(f"{name} 应为5到150个字")
            cls._readable_aloud(spoken)
        return parts

    @field_validator("spoken")
    @classmethod
    def _readable_aloud(cls, spoken: str) -> str:
        """Only Chinese characters and plain punctuation: the voice reads digits, letters and brackets badly."""
        strange = _READABLE.sub("", spoken)
        if strange:
            raise ValueError(f"只能用汉字和逗号、句号等标点（数字写成汉字），不能有：{strange}")
        return spoken

    @model_validator(mode="after")
    def _honest(self) -> SeedArticle:
        if REVIEW_MARK not in self.body.note:
            raise ValueError(f"body.note 里要写明“{REVIEW_MARK}”")
        if self.sample_data and SAMPLE_MARK not in self.body.note:
            raise ValueError(f"含样例数据的文章，body.note 里要写明“{SAMPLE_MARK}”")
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until 不能早于 valid_from")
        if len(set(self.questions)) < len(self.questions):
            raise ValueError("questions 里有重复的问法")
        return self


class Heldout(SeedEntry):
    """A question that search must answer with `slug`, or must not answer when `slug` is null."""

    question: str = Field(min_length=2, max_length=120)
    slug: str | None
    style: str = ""
    """Who speaks: young, old, angry, rambling, dialect, plain."""


def load_articles(folder: Path = SEED_DIR / "articles") -> list[SeedArticle]:
    """Every article of `folder`, by slug. Raises `InvalidInput` that names the file and the fault."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InvalidInput(_("文件夹 {path} 里没有办事指南（*.yaml）"), path=str(folder))
    articles = []
    for path in paths:
        article = parse_entry(SeedArticle, read_document(path), path=path, entry=path.stem)
        if article.slug != path.stem:
            raise InvalidInput(_("{path} 的 slug 是“{slug}”，应当与文件名相同"), path=str(path), slug=article.slug)
        articles.append(article)
    refuse_repeats((question for article in articles for question in article.questions), path=folder)
    return articles


def load_heldout(path: Path = SEED_DIR / "heldout.yaml") -> list[Heldout]:
    """The held-out questions. Raises `InvalidInput` that names the entry."""
    return parse_list(Heldout, read_document(path), path=path, key=lambda entry: entry.question)
