"""Reading the training examples (ticketing/seed/examples/NN.yaml) and the keywords of the catalogue.

A line of `says` is one appeal. Its first character tells the kind: `?` 咨询, `~` 求助, `!` 举报, `+` 建议, `^` 表扬,
none 投诉. `words` are what people say instead of the official word.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.seed.entries import SEED_DIR, city_file, read_taxonomy
from ticketing.ticket.states import Kind

EXAMPLES = SEED_DIR / "examples"
MARKS = {"?": Kind.CONSULT, "~": Kind.HELP, "!": Kind.REPORT, "+": Kind.SUGGESTION, "^": Kind.PRAISE}


@dataclass(frozen=True)
class Example:
    """One appeal as people say it."""

    text: str
    category: str
    kind: Kind


@dataclass(frozen=True)
class Corpus:
    """All there is to learn from."""

    examples: tuple[Example, ...]
    words: dict[str, tuple[str, ...]]
    """Words by category code."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The codes, in order."""
        return tuple(sorted(self.words))


def parse_line(line: str, category: str) -> Example:
    """One line of `says` or of a file of held-out appeals."""
    kind = MARKS.get(line[0])
    return Example(line[1:].strip() if kind else line.strip(), category, kind or Kind.COMPLAINT)


@lru_cache(maxsize=2)
def read(folder: Path = EXAMPLES) -> Corpus:
    """The corpus. Raises `InvalidInput` when a category of the catalogue has no examples or a file names an unknown one."""
    words = {entry.code: list(entry.keywords) for entry in read_taxonomy()}
    examples: list[Example] = []
    for path in sorted(folder.glob("*.yaml")):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for code, entry in yaml.load(path.read_text(encoding="utf-8"), Loader=loader).items():  # noqa: S506 - a safe loader either way
            if code not in words:
                raise InvalidInput(_("示例文件 {path} 里的类别 {code} 不在目录中"), path=str(path), code=str(code))
            words[code] += entry.get("words", "").split()
            examples += [parse_line(line.strip(), code) for line in entry.get("says", "").splitlines() if line.strip()]
    missing = sorted(set(words) - {example.category for example in examples})
    if missing:
        raise InvalidInput(_("这些类别还没有示例，请在 seed/examples 里补上：{codes}"), codes="、".join(missing))
    return Corpus(tuple(examples), {code: tuple(dict.fromkeys(found)) for code, found in words.items()})


@lru_cache(maxsize=1)
def stamp() -> str:
    """A hash of everything that the model depends on: examples, catalogue, and the code that learns."""
    here = Path(__file__).parent
    code = [here / name for name in ("features.py", "noise.py", "training.py", "examples.py", "data/pinyin.txt", "data/frames.yaml")]
    digest = hashlib.sha256()
    for path in (*sorted(EXAMPLES.glob("*.yaml")), SEED_DIR / "taxonomy.json", city_file("gazetteer.json"), *code):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
