"""Held-out sentences, what a model makes of them, and whether it may go live."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from chatbot.intents import Intent
from chatbot.learning.registry import Report
from chatbot.rules import danger_in, doubt_in, wants_person
from hotline.i18n import _
from ticketing.suggestion import danger, emergency

HELDOUT = Path(__file__).parent / "heldout.yaml"
TOLERANCE = 0.01
"""A new model may make this share of the sentences more wrong than the one in use: less is chance."""
LEAST = 0.85
"""Below this share of right sentences no model goes live, also not the first."""
_SHOWN = 40


@lru_cache(maxsize=1)
def heldout() -> tuple[tuple[str, str], ...]:
    """(intent, sentence); none of them may be learned from."""
    groups = yaml.safe_load(HELDOUT.read_text(encoding="utf-8"))
    return tuple((intent, str(line)) for intent, lines in groups.items() for line in lines)


def stamp(pairs: Sequence[tuple[str, str]]) -> str:
    """A hash of held-out sentences and of what decides before the model: with other rules an old report compares with nothing."""
    digest = hashlib.sha256("\n".join(f"{intent}\t{line}" for intent, line in pairs).encode())
    for path in (emergency.DATA / "emergency.yaml", danger.FILE):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def judge(pairs: Sequence[tuple[str, str]], understood: Sequence[str | None]) -> Report:
    """Compare. What rules decide before the model (danger, a person wanted) counts as they decide it."""
    by_intent: dict[str, list[int]] = {}
    wrong: list[tuple[str, str, str]] = []
    confused = {("file_complaint", "ask_guide"): 0, ("ask_guide", "file_complaint"): 0}
    missed = 0
    for (wanted, line), believed in zip(pairs, understood, strict=True):
        got = by_rule(line) or believed or Intent.UNKNOWN.value
        count = by_intent.setdefault(wanted, [0, 0])
        count[1] += 1
        count[0] += got == wanted
        if got != wanted:
            wrong.append((line, wanted, got))
            missed += wanted == Intent.EMERGENCY.value and doubt_in(line) is None  # a doubt is asked, whatever the model says
            if (wanted, got) in confused:
                confused[wanted, got] += 1
    return Report(
        right=sum(right for right, _total in by_intent.values()),
        total=len(pairs),
        by_intent={intent: (right, total) for intent, (right, total) in sorted(by_intent.items())},
        complaint_as_guide=confused["file_complaint", "ask_guide"],
        guide_as_complaint=confused["ask_guide", "file_complaint"],
        missed_danger=missed,
        heldout=stamp(pairs),
        wrong=tuple(wrong[:_SHOWN]),
    )


def by_rule(line: str) -> str | None:
    """The intent that a rule decides without any model, or None."""
    if danger_in(line):
        return Intent.EMERGENCY.value
    return Intent.WANT_PERSON.value if wants_person(line) else None


def refusal(new: Report, old: Report | None) -> str:
    """Why the new model must not go live, in the user's words; empty when it may."""
    if new.total and new.right / new.total < LEAST:
        return _("只听懂了{right}/{total}句检验句，低于{least}%，没有启用").format(
            right=new.right, total=new.total, least=round(100 * LEAST)
        )
    if old is None or old.heldout != new.heldout:
        return ""
    if new.missed_danger > old.missed_danger:
        return _("漏掉的险情比现用模型多，没有启用")
    allowed = max(1, round(TOLERANCE * new.total))
    if new.right < old.right - allowed:
        return _("检验句听懂{new}句，现用模型是{old}句，变差了，没有启用").format(new=new.right, old=old.right)
    mixed, mixed_before = new.complaint_as_guide + new.guide_as_complaint, old.complaint_as_guide + old.guide_as_complaint
    if mixed > mixed_before + allowed:
        return _("诉求与咨询弄混{new}句，现用模型是{old}句，变差了，没有启用").format(new=mixed, old=mixed_before)
    return ""
