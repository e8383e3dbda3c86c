"""What the recogniser may hear: words as chains of units, a back-off bigram over words, and the decoding graph HCLG of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import kaldifst
from pypinyin import Style, lazy_pinyin

from telephony.speech.synthetic.builder.acoustic import TransitionIds


def units_of(word: str) -> list[str]:
    """Split a word into toneless pinyin initials and finals; zi/ci/si and zhi/chi/shi/ri get their own vowels."""
    initials = lazy_pinyin(word, style=Style.INITIALS, strict=True)
    finals = lazy_pinyin(word, style=Style.FINALS, strict=True)
    out: list[str] = []
    for initial, final in zip(initials, finals, strict=True):
        if final == "i" and initial in ("z", "c", "s"):
            final = "iz"
        elif final == "i" and initial in ("zh", "ch", "sh", "r"):
            final = "ir"
        elif final in ("n", "ng", ""):  # 嗯
            final = "en"
        out += [initial, final] if initial else [final]
    return out


@dataclass(frozen=True)
class Bigram:
    """Backoff bigram in costs (negative natural logs).  None as a word is the sentence boundary."""

    unigram: dict[str | None, float]
    bigram: dict[tuple[str | None, str | None], float]
    backoff: dict[str | None, float]


def train_bigram(sentences: Sequence[Sequence[str]], vocabulary: Sequence[str], discount: float = 0.5, min_count: int = 1) -> Bigram:
    """Absolute-discounting backoff bigram; unigrams have add-one smoothing."""
    uni: dict[str | None, int] = dict.fromkeys(vocabulary, 1)
    uni[None] = 1
    pairs: dict[tuple[str | None, str | None], int] = {}
    for words in sentences:
        chain: list[str | None] = [None, *words, None]
        for a, b in pairwise(chain):
            uni[b] += 1
            pairs[a, b] = pairs.get((a, b), 0) + 1
    total = sum(uni.values())
    p1 = {w: n / total for w, n in uni.items()}
    history: dict[str | None, int] = {}
    for (a, _), n in pairs.items():
        history[a] = history.get(a, 0) + n
    kept = {k: n for k, n in pairs.items() if n >= min_count}
    p2 = {(a, b): (n - discount) / history[a] for (a, b), n in kept.items()}
    backoff: dict[str | None, float] = {}
    for a in history:
        followers = [b for (x, b) in kept if x == a]
        left = 1 - sum(p2[a, b] for b in followers)
        backoff[a] = -math.log(left / max(1e-9, 1 - sum(p1[b] for b in followers)))
    return Bigram({w: -math.log(p) for w, p in p1.items()}, {k: -math.log(p) for k, p in p2.items()}, backoff)


@dataclass(frozen=True)
class Costs:
    """How the words of the bigram are weighed against the sound."""

    lm_scale: float = 1.0
    word_penalty: float = 0.0
    silence: float = 0.1


def decoding_graph(units: Sequence[str], words: Sequence[str], lm: Bigram, costs: Costs) -> kaldifst.StdVectorFst:
    """Build HCLG: one chain of HMM states per word, shared by all histories, and one history state per word."""
    graph = _Graph(units, words, costs)
    graph.add_bigram(lm)
    for word in words:
        graph.add_word(word)
    return graph.compiled()


class _Graph:
    """States and arcs as they are added. An arc: from, to, transition id (0: none), word (0: none), cost."""

    def __init__(self, units: Sequence[str], words: Sequence[str], costs: Costs) -> None:
        self.ids, self.index, self.words, self.costs = TransitionIds(len(units)).first, {u: i for i, u in enumerate(units)}, words, costs
        self.arcs: list[tuple[int, int, int, int, float]] = []
        self.finals: list[tuple[int, float]] = []
        self.count = 0
        self.start, self.after_start = self.state(), self.state()  # sentence start, history "no word yet"
        self.backoff = self.state()
        self.entry = {w: self.state() for w in words}
        self.history: dict[str | None, int] = {w: self.state() for w in words}
        self.history[None] = self.after_start
        self.optional_silence(self.start, self.after_start)

    def state(self) -> int:
        """A new state."""
        self.count += 1
        return self.count - 1

    def optional_silence(self, a: int, b: int) -> None:
        """From a to b at once, or through silence of any length."""
        quiet, first = self.state(), self.ids[1, 0]
        self.arcs += [(a, b, 0, 0, 0.0), (a, quiet, first + 1, 0, self.costs.silence), (quiet, quiet, first, 0, 0.0), (quiet, b, 0, 0, 0.0)]

    def add_bigram(self, lm: Bigram) -> None:
        """Which word follows which, and where a sentence may end."""
        scale, penalty = self.costs.lm_scale, self.costs.word_penalty
        word_id = {w: i + 1 for i, w in enumerate(self.words)}
        for w in self.words:
            self.arcs.append((self.backoff, self.entry[w], 0, word_id[w], scale * lm.unigram[w] + penalty))
            self.arcs.append((self.history[w], self.backoff, 0, 0, scale * lm.backoff.get(w, 0.0)))
            self.finals.append((self.history[w], scale * lm.bigram.get((w, None), lm.backoff.get(w, 0.0) + lm.unigram[None])))
        self.arcs.append((self.after_start, self.backoff, 0, 0, scale * lm.backoff.get(None, 0.0)))
        self.finals += [(self.after_start, 0.0), (self.start, 0.0)]
        for (a, b), cost in lm.bigram.items():
            if b is not None:
                self.arcs.append((self.history[a], self.entry[b], 0, word_id[b], scale * cost + penalty))

    def add_word(self, word: str) -> None:
        """The units of a word, from its entry to its history."""
        chain, here = units_of(word), self.entry[word]
        done = self.state()
        for i, unit in enumerate(chain):
            last = i == len(chain) - 1
            position = 3 if len(chain) == 1 else 0 if i == 0 else 1 if last else 2
            must_blank = not last and chain[i + 1] == unit  # CTC needs a blank between equal units
            here = self._add_unit(2 + 4 * self.index[unit] + position, here, done if last else None, must_blank=must_blank)
        self.optional_silence(done, self.history[word])

    def _add_unit(self, phone: int, here: int, done: int | None, *, must_blank: bool) -> int:
        """One unit from `here`; returns where it ends, which is `done` for the last of a word."""
        f0, f1 = self.ids[phone, 0], self.ids[phone, 1]
        speak, blank = self.state(), self.state()
        after = self.state() if done is None else done
        self.arcs += [(here, speak, f0 + 1, 0, 0.0), (speak, speak, f0, 0, 0.0), (speak, blank, f1 + 1, 0, 0.0), (blank, after, 0, 0, 0.0)]
        if done is None:
            self.arcs.append((blank, blank, f1, 0, 0.0))  # after the last unit, silence must be the silence phone
        if not must_blank:
            direct = self.state()
            self.arcs += [(here, direct, f0 + 2, 0, 0.0), (direct, direct, f0, 0, 0.0), (direct, after, 0, 0, 0.0)]
        return after

    def compiled(self) -> kaldifst.StdVectorFst:
        """The transducer, arcs sorted by what they hear."""
        lines = [f"{a} {b} {i} {o} {c:.5g}" for a, b, i, o, c in sorted(self.arcs)] + [f"{s} {c:.5g}" for s, c in self.finals]
        fst = kaldifst.compile("\n".join(lines) + "\n", acceptor=False)
        kaldifst.arcsort(fst, "ilabel")
        return fst
