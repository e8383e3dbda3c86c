"""Chinese search: short words inside long runs, spellings, and the held-out questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.database import Database
from knowledge.article.seeding import load_seed
from knowledge.search import words
from knowledge.search.bm25 import Index
from knowledge.search.service import MIDDLE, document, is_sure, listing, search
from knowledge.seed.loader import load_articles, load_heldout
from tests.knowledge.conftest import People
from ticketing.context import Core

TODAY = date(2026, 11, 18)


@dataclass(frozen=True)
class Corpus:
    slugs: tuple[str, ...]
    index: Index

    def ask(self, question: str) -> list[tuple[str, float]]:
        return [(self.slugs[key], score) for key, score in self.index.rank(words.tokens(words.normalise(question)))[:3]]


@lru_cache(maxsize=1)
def corpus() -> Corpus:
    articles = load_articles()
    documents: dict[int, Mapping[str, float]] = {
        number: document(article.title, list(article.questions), article.spoken, article.body.model_dump(mode="json"))
        for number, article in enumerate(articles)
    }
    return Corpus(tuple(article.slug for article in articles), Index.of(documents))


def sure(ranked: list[tuple[str, float]]) -> bool:
    return is_sure([SimpleNamespace(score=score) for _slug, score in ranked])  # type: ignore[misc]


def test_held_out_questions() -> None:
    """Measured 2026-11-22 on 97 articles: first 121, among three 163 of 194; sure 50 right, 7 wrong."""
    asked = [(entry.slug, corpus().ask(entry.question)) for entry in load_heldout() if entry.slug]
    total = len(asked)
    first = sum(ranked[0][0] == slug for slug, ranked in asked if ranked)
    among_three = sum(slug in [found for found, _score in ranked] for slug, ranked in asked)
    answered = [(slug, ranked) for slug, ranked in asked if sure(ranked)]
    right = sum(ranked[0][0] == slug for slug, ranked in answered)
    assert first >= 0.58 * total
    assert among_three >= 0.80 * total
    assert right >= 0.22 * total
    assert len(answered) - right <= 0.06 * total


def test_foreign_questions_get_no_answer() -> None:
    foreign = [corpus().ask(entry.question) for entry in load_heldout() if entry.slug is None]
    assert len(foreign) >= 20
    assert not [ranked for ranked in foreign if sure(ranked)]
    assert sum(bool(ranked) and ranked[0][1] >= MIDDLE for ranked in foreign) <= 3


def test_every_example_question_finds_its_own_article() -> None:
    wrong = [question for article in load_articles() for question in article.questions if corpus().ask(question)[0][0] != article.slug]
    assert wrong == []


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("护照", "passport"),  # two characters
        ("居住证", "residence-permit"),
        ("离婚登记", "divorce-registration"),
        ("异地就医结算", "medical-remote-settlement"),  # six
        ("請問護照怎麼辦", "passport"),  # traditional
        ("我身分证丢啦", "id-card-lost"),  # another spelling
        ("护照   ，。！怎么办", "passport"),
        ("电瓶车怎么上牌照", "ebike-plate"),
    ],
)
def test_words_and_spellings(question: str, slug: str) -> None:
    assert corpus().ask(question)[0][0] == slug


def test_the_same_three_funds_are_a_choice_not_an_answer() -> None:
    ranked = corpus().ask("公积金")
    assert not sure(ranked)
    assert all(slug.startswith("fund-") for slug, _score in ranked)


@given(st.text(max_size=200))
def test_any_text_can_be_searched(question: str) -> None:
    corpus().ask(question)
    words.vector_text(question)


async def test_in_the_database_short_words_are_found_inside_long_runs(core: Core, database: Database, people: People) -> None:
    async with database.transaction() as session:
        await load_seed(core, session)
    async with database.transaction() as session:
        hits = await search(session, "身份证丢了怎么补办", today=TODAY)
        assert hits[0].article.slug == "id-card-lost"
        assert is_sure(hits)
        for typed in ("护照", "居住证", "离婚登记", "丢失补领", "電動自行車"):
            found = [article.slug for article in await session.scalars(listing(typed, TODAY))]
            assert found, typed
            assert len(found) < 40, typed
        assert len(list(await session.scalars(listing("", TODAY)))) == len(load_articles())
        assert list(await session.scalars(listing("'; DROP TABLE article; --", TODAY))) == []
        assert await search(session, "，。！？", today=TODAY) == []
        assert await search(session, "护照", today=date(2020, 1, 1)) == []
