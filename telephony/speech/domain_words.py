"""Words of the city (地名、单位名、类别名) put in place of what sounds like them.

Vosk cannot be told which words to expect: its grammar is the list of all words that may be heard at all. So the text is mended
afterwards: where a stretch of whole words sounds like a name of the city, the name is written. Careful rather than clever, since
a wrong place sends people to a wrong place (docs/decisions/0169).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ticketing.suggestion.features import PINYIN, sound_key

_SHORTEST: Final = 3
"""Characters of a name: shorter ones sound like too much."""
_LONGEST: Final = 16
_FUZZY_FROM: Final = 4
"""Characters before the word for what kind of place or body it is, from which one syllable may be heard wrongly. What is no name of
a place or a body (a category) must sound the same: 医疗废物 is not 医疗服务."""
_TELLING: Final = frozenset("零一二三四五六七八九十百千两第东南西北新老上下0123456789")
"""Never guessed: 环城东路 and 环城西路, 第一中学 and 第二中学 differ in nothing else."""
_KINDS: Final = (
    "街道办事处", "街道", "小区", "花园", "佳园", "名城", "大道", "公园", "广场", "菜市场", "火车站", "医院", "中学", "小学", "幼儿园",
    "大厦", "社区", "中心", "公司", "集团", "支队", "委员会", "办公室",
    "路", "街", "苑", "园", "巷", "区", "县", "镇", "乡", "村", "局", "站", "楼",
)  # fmt: skip
_CITY_WORDS: Final = frozenset("政容场民区立")
"""市 before one of these is part of a word: 市政, 市容, 市场."""
_INITIALS: Final = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")


class _Change(NamedTuple):
    start: int
    end: int
    name: str
    rank: tuple[int, int]
    """Exact sounds before similar ones, long names before short ones."""


@lru_cache(maxsize=1)
def _syllables() -> dict[str, str]:
    """Character -> pinyin without tone."""
    found: dict[str, str] = {}
    for line in PINYIN.read_text(encoding="utf-8").splitlines():
        syllable, characters = line.split()
        found.update(dict.fromkeys(characters, syllable))
    return found


def spoken_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names as people say them: without a unit's 市 (it sounds like 是), a category taken apart at 与 and 、."""
    found: dict[str, None] = {}
    for name in names:
        for part in name.replace("、", "与").split("与"):
            said = part[1:] if part.startswith("市") and part[1:2] not in _CITY_WORDS else part
            if _SHORTEST <= len(said) <= _LONGEST and all(character in _syllables() for character in said):
                found[said] = None
    return tuple(found)


class DomainWords:
    """The names of one city. Without a name it changes nothing."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: as they are written; those that are too short, or hold something else than characters, are left out."""
        self._names = frozenset(spoken_names(names))
        self._same: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._near: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for name in sorted(self._names):
            sounds = _merged(name)
            self._same[sounds].append(name)
            if _FUZZY_FROM <= _distinctive(name) < len(name):
                for key in _with_one_missing(sounds):
                    self._near[key].add(name)
        self._longest = max(map(len, self._names), default=0) + 1

    def correct(self, words: Sequence[str]) -> str:
        """The text of these words, names mended. A name begins and ends where a word does: 和平 解决 holds no 和平街."""
        if not self._names:
            return " ".join(words)
        changes: list[_Change] = []
        for start in range(len(words)):
            changes += self._from(words, start)
        out, taken = list(words), [False] * len(words)
        for change in sorted(changes, key=lambda one: one.rank):
            if not any(taken[change.start : change.end]):
                taken[change.start : change.end] = [True] * (change.end - change.start)
                out[change.start : change.end] = [change.name] + [""] * (change.end - change.start - 1)
        return " ".join(word for word in out if word)

    def _from(self, words: Sequence[str], start: int) -> Iterator[_Change]:
        """What may be written from this word on; a name that was heard rightly too, so that nothing is written across it."""
        heard = ""
        for end in range(start, len(words)):
            heard += words[end]
            if len(heard) > self._longest:
                return
            if heard in self._names:
                yield _Change(start, end + 1, heard, (0, -len(heard)))
            elif len(heard) >= _SHORTEST and (found := self._sounds_like(heard)):
                yield _Change(start, end + 1, found[0], (1 + found[1], -len(heard)))

    def _sounds_like(self, heard: str) -> tuple[str, int] | None:
        """The one name that it can be, and how surely (0: the same sounds); None when there is none, or more than one."""
        if not all(character in _syllables() for character in heard):
            return None
        sounds = _merged(heard)
        same = [name for name in self._same.get(sounds, ()) if _may_be(heard, name)]
        if len(same) > 1:
            same = [name for name in same if _plain(name) == _plain(heard)]
        if same:
            return (same[0], 0) if len(same) == 1 else None
        near = {name for key in (sounds, *_with_one_missing(sounds)) for name in self._near.get(key, ())}
        near |= {
            name for key in _with_one_missing(sounds) for name in self._same.get(key, ()) if _FUZZY_FROM <= _distinctive(name) < len(name)
        }
        close = [name for name in near if _is_near(heard, name)]
        return (close[0], 1) if len(close) == 1 else None


def _plain(text: str) -> tuple[str, ...]:
    return tuple(_syllables()[character] for character in text)


def _merged(text: str) -> tuple[str, ...]:
    """Sounds with what dialects and recognisers mix up (zh/z, n/l, ng/n, h/f) made equal."""
    return tuple(sound_key(syllable) for syllable in _plain(text))


def _with_one_missing(sounds: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """By these keys two names meet that differ in one syllable; the place is part of the key's length only."""
    for place in range(len(sounds)):
        yield sounds[:place] + sounds[place + 1 :]


def _distinctive(name: str) -> int:
    """Characters that tell it from others of its kind."""
    kind = next((kind for kind in _KINDS if name.endswith(kind)), "")
    return len(name) - len(kind)


def _may_be(heard: str, name: str) -> bool:
    """Numbers, directions and the like are only what they are."""
    return all(one == other or not {one, other} & _TELLING for one, other in zip(heard, name, strict=True))


def _is_near(heard: str, name: str) -> bool:
    """One syllable is missing, too many, or half right; numbers, directions and the kind of place are as they must be."""
    one, other = _merged(heard), _merged(name)
    kind = len(name) - _distinctive(name)
    if kind and one[-kind:] != other[-kind:]:
        return False
    if [c for c in heard if c in _TELLING] != [c for c in name if c in _TELLING]:
        return False
    if len(one) != len(other):
        return True
    wrong = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    return len(wrong) == 1 and _half_right(*wrong[0])


def _half_right(one: str, other: str) -> bool:
    initial, second = _initial(one), _initial(other)
    return (initial == second != "") or one[len(initial) :] == other[len(second) :]


def _initial(syllable: str) -> str:
    return next((initial for initial in _INITIALS if syllable.startswith(initial)), "")
