"""What ranking sees of an article, as bytes beside the article: made once when its text changes, read for candidates only.

An article of the guide takes about 8 kB. Tokens are kept as 32-bit sums; two tokens that share one are so rare (one pair in
a vocabulary of 90,000) that ranking does not notice.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.search import words
from knowledge.search.words import Synonyms

SPOKEN_WEIGHT, BODY_WEIGHT = 0.8, 0.3
"""Title and example questions count 1, since they are in the citizens' words; the answer's text counts less."""
SEARCHED = ("conditions", "materials", "procedure", "online")
FORMAT = 1
"""Raised when tokens or layout change: what was packed otherwise is packed anew by the sweep."""
_HEAD = struct.Struct("<II")
_FINEST = 10
"""Weights are kept in tenths, up to 25.5."""

Sums = NDArray[np.uint32]
Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Packed:
    """The counted tokens and sounds of one article, each with weights, ordered by sum."""

    tokens: Sums
    token_weights: Weights
    sounds: Sums
    sound_weights: Weights


def sums(tokens: Iterable[str]) -> Sums:
    """Sorted distinct sums of `tokens`."""
    return np.unique(np.fromiter((zlib.crc32(token.encode()) for token in tokens), np.uint32))


def counted(
    title: str, questions: Iterable[str], spoken: str, body: Mapping[str, Any], synonyms: Synonyms
) -> tuple[Counter[str], Counter[str]]:
    """(tokens, sounds) of an article with their weights."""
    found: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    answer = [line for name in SEARCHED for line in _texts(body.get(name))]
    for weight, texts in ((1.0, (title, *questions)), (SPOKEN_WEIGHT, (spoken,)), (BODY_WEIGHT, answer)):
        for text in texts:
            normalised = words.normalise(text, synonyms)
            for token in words.tokens(normalised, synonyms):
                found[token] += weight  # type: ignore[assignment]
            if weight == 1:
                heard.update(words.sounds(normalised))
    return found, heard


def pack(found: Mapping[str, float], heard: Mapping[str, float]) -> bytes:
    """As kept in `article.ranked`."""
    parts = [_HEAD.pack(len(found), len(heard))]
    for counts in (found, heard):
        pairs = sorted((zlib.crc32(token.encode()), weight) for token, weight in counts.items())
        parts.append(np.array([number for number, _ in pairs], np.uint32).tobytes())
        tenths = np.rint(np.array([weight for _, weight in pairs], np.float32) * _FINEST)
        parts.append(np.clip(tenths, 1, 255).astype(np.uint8).tobytes())
    return b"".join(parts)


def unpack(kept: bytes) -> Packed:
    """What `pack` made."""
    tokens, heard = _HEAD.unpack_from(kept)
    arrays: list[Any] = []
    at = _HEAD.size
    for count in (tokens, heard):
        arrays.append(np.frombuffer(kept, np.uint32, count, at))
        arrays.append(np.frombuffer(kept, np.uint8, count, at + 4 * count).astype(np.float32) / _FINEST)
        at += 5 * count
    return Packed(*arrays)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(text) for text in value.values()]
    return [str(text) for text in value] if isinstance(value, list) else [str(value)] if value else []
