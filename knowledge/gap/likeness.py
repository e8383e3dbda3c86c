"""How alike two questions are: pairs of characters and words, without the wrappings in which everybody asks.

Questions are short (居住证丢了怎么补), so unlike tickets (decision 0092) they need no minimal hashes: their features themselves are
the cells of the index. What says how one asks (怎么, 在哪, 请问) is taken out first, else every lost card would be the same question.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Set

from knowledge.search import words

LEAST = 0.45
"""From here on two sentences are one question. Measured on the example questions of the articles (docs/gaps.md)."""
SAME_ARTICLE, OTHER_ARTICLE = 0.12, 0.12
"""What the nearest article adds when it is the same one, and takes away when it is another one."""
_READ = 200
_FEW = 3
_WRAPPING = re.compile(
    r"怎么样|怎么办理|怎么办|怎么弄|怎么|如何|怎样|咋办|咋弄|咋|请问|我想|想要|我要|我们|我的|我|你们|您|可以|可不可以|能不能|能否|能|在哪里|在哪儿|在哪|哪里|哪儿|"
    r"什么|啥|是不是|有没有|要不要|需不需要|需要|要|吗|么|呢|的|了|到底|现在|应该|办理|办|弄|去|是|有|这个|那个|一个|个|多少|多久|几"
)


def features(text: str) -> frozenset[str]:
    """What a question is compared by; all its pairs when hardly anything is left without the wrappings."""
    plain = words.normalise(text[:_READ])
    told = _of(_WRAPPING.sub(" ", plain))
    return told if len(told) >= _FEW else told | _of(plain)


def _of(plain: str) -> frozenset[str]:
    pairs = (token for token in words.grams(plain) if len(token) > 1)
    return frozenset([*pairs, *(f"w:{word}" for word in words.words(plain) if len(word) > 2)])


def cells(text: str) -> list[int]:
    """The features as numbers for the index, sorted."""
    return sorted({zlib.crc32(feature.encode()) & 0x7FFFFFFF for feature in features(text)})


def alike(one: Set[object], other: Set[object], article: int | None = None, other_article: int | None = None) -> float:
    """From 0 to 1, of features or of their cells; with the articles nearest to each, when they are known."""
    if not one or not other:
        return 0.0
    score = 2 * len(one & other) / (len(one) + len(other))
    if article is not None and other_article is not None:
        score += SAME_ARTICLE if article == other_article else -OTHER_ARTICLE
    return min(1.0, max(0.0, score))
