"""The sentence of an article that fits a question best: what an agent reads aloud without opening the article."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from knowledge.article.models import Article
from knowledge.search import words

_END = re.compile(r"(?<=[。！？；!?;])|\n+")
_FIELDS = ("conditions", "materials", "procedure", "time_limit", "fee", "address", "hours", "phone", "online", "note")
_LONGEST = 120


def matching_sentence(article: Article, query: str) -> str:
    """The sentence that shares most with `query`; the first one of the spoken answer when none shares anything."""
    asked = set(words.tokens(words.normalise(query)))
    sentences = [part.strip() for text in _texts(article) for part in _END.split(text) if part.strip()]
    best, most = sentences[0] if sentences else article.title, 0.0
    for sentence in sentences:
        found = set(words.tokens(words.normalise(sentence)))
        share = len(asked & found) / (len(found) + 8)  # a long sentence shares something with everything
        if share > most:
            best, most = sentence, share
    return best if len(best) <= _LONGEST else best[: _LONGEST - 1] + "…"


def _texts(article: Article) -> Iterable[str]:
    yield article.spoken
    for name in _FIELDS:
        yield from _flat((article.body or {}).get(name))


def _flat(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    elif value:
        yield str(value)
