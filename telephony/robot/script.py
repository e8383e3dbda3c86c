"""The robot's sentences, out of script.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml

from telephony.robot.answers import options
from ticketing.callback.robot import RobotTask
from ticketing.callback.rules import Question, Step

_FILE = Path(__file__).parent / "script.yaml"
_KEYS = "零一二三四五六七八九"


@lru_cache(maxsize=1)
def _texts() -> dict[str, str]:
    return {str(key): str(text) for key, text in yaml.safe_load(_FILE.read_text(encoding="utf-8"))["texts"].items()}


@dataclass(frozen=True)
class Script:
    """The sentences for one task."""

    city: str
    line: str
    task: RobotTask
    received: date
    """The day on which the citizen reported it."""
    scale: tuple[Step, ...]

    def opening(self) -> str:
        """Who calls, and which ticket; not yet what it is about. After a call that broke off: that we go on with it."""
        spoken = f"{self.received.month}月{self.received.day}日"
        tail = "".join(_KEYS[int(digit)] for digit in self.task.number[-5:] if digit.isdigit())
        text = _texts()["opening_again" if self.task.answered else "opening"]
        return text.format(city=self.city, line=self.line, date=spoken, tail=tail)

    def matter(self) -> str:
        """What it is about."""
        return _texts()["matter"].format(title=self.task.title[:40])

    def question(self, question: Question) -> str:
        """The question with its keys."""
        read = [
            _texts()["option"].format(label=label, key=_KEYS[number])
            for number, (_value, label) in enumerate(options(question, self.scale), 1)
        ]
        return _texts()["question"].format(question=question.text, options="，".join(read) + "。")

    def line_of(self, key: str) -> str:
        """One of the sentences without fields."""
        return _texts()[key]
