"""How likely a sentence tells of a danger that goes on now, and of which kind: a small learned model beside the certain words.

The model is data/danger.npz, made by `python -m ticketing.suggestion.danger_training` from data/danger.yaml and the examples of appeals.
It is read once per process (some milliseconds); a sentence costs less than a millisecond.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticketing.suggestion.features import features

FILE = Path(__file__).parent / "data" / "danger.npz"
CALM = "calm"
LONGEST = 3
"""Characters of a run."""
_MANNER = (
    (
        "past",
        r"去年|前年|上个?月|上周|上个?星期|上礼拜|前几天|年前|月前|以前|之前|昨天|前天|那次|当时|年初|曾经?|小时候|至今|一直没|到现在",
    ),
    ("often", r"经常|天天|每[天晚次回]|老是|老爱|总是|三天两头|隔三差五|常年|动不动|好几次|多次|长期|一到|一下雨"),
    ("fear", r"担心|害怕会|怕(?!了|$)|生怕|万一|容易|如果|要是|假如|隐患|会不会|以防|预防|差点|险些"),
    (
        "ask",
        r"怎么[办交查装算赔样]|如何|多少钱?|几[天点月号]|什么(?:手续|材料|条件|时候|部门|规定)|哪[里个儿]|[吗么嘛]$|能不能|找谁|咨询|想问|请问",
    ),
    ("paper", r"赔偿|补偿|报销|认定|鉴定|证明|手续|材料|补助|救助金|保险|理赔|申请|医保|规定|标准|收费|费用|执法|起诉|判决"),
    ("wish", r"建议|希望|要求|加强|宣传|培训|演练|检查|整改|安装|更换"),
    ("praise", r"感谢|表扬|谢谢|点赞|锦旗|救回|救了我"),
    ("over", r"已经(?:灭|送|找到|回来|好了|没事)|没人受伤|不用派|虚惊"),
    ("cry", r"救命|快来|救救|赶紧|快点|快派|怎么办啊|不行了|叫救护车|现在|正在|刚才|刚刚|突然"),
)
_MANNERS = tuple((name, re.compile(words)) for name, words in _MANNER)


def read(text: str) -> list[str]:
    """What the model sees of a sentence: runs of characters and sounds, and the manner (over, habit, fear, question …)."""
    found = [name for name in features(text) if name[0] in "~^?" or name.endswith("$") or len(name) <= LONGEST]
    plain = re.sub(r"\s+", "", text)
    return found + [f"@{name}" for name, words in _MANNERS if words.search(plain)]


@dataclass(frozen=True)
class Model:
    """One weight for each feature and kind."""

    numbers: dict[str, int]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    """Features times kinds; the last row is how common a kind is."""
    kinds: tuple[str, ...]

    def shares(self, text: str) -> dict[str, float]:
        """How likely each kind is, `CALM` among them; together 1."""
        numbers = [self.numbers[name] for name in read(text) if name in self.numbers]
        values = self.idf[numbers]
        norm = float(np.sqrt((values**2).sum())) or 1.0
        scores = (values / norm @ self.weights[numbers] + self.weights[-1]).astype(np.float64)
        grown = np.exp(scores - scores.max())
        return dict(zip(self.kinds, map(float, grown / grown.sum()), strict=True))

    @classmethod
    def load(cls, path: Path = FILE) -> Model:
        """From the file. Raises OSError when it is missing, KeyError when it is another one."""
        with np.load(path, allow_pickle=False) as kept:
            vocabulary = str(kept["vocabulary"]).split("\n")
            kinds = tuple(str(name) for name in kept["kinds"])
            weights: Any = kept["weights"].astype(np.float32)
            return cls({name: number for number, name in enumerate(vocabulary)}, kept["idf"].astype(np.float32), weights, kinds)


@lru_cache(maxsize=1)
def model() -> Model:
    """The model of this release."""
    return Model.load()
