"""All sentences that the assistant learns from, by intent: examples, grammar, appeals, articles; clean and as a recogniser hears them.

Appeals come from the examples of the suggestion (ticketing/seed/examples): some thousand ways to complain, to ask and to propose.
A classifier that saw only those would take every word of a nuisance for a complaint, so the same words are also put into questions and
proposals (frames.yaml): then it is the manner that decides, not the matter.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from chatbot.intents import Intent
from chatbot.learning import grammar
from knowledge.search.words import simplify
from knowledge.seed.loader import SEED_DIR, load_articles, load_heldout
from ticketing.suggestion import danger_training
from ticketing.suggestion.emergency import Danger
from ticketing.suggestion.examples import EXAMPLES as APPEALS
from ticketing.suggestion.examples import read as read_appeals
from ticketing.suggestion.noise import Noise
from ticketing.ticket.states import Kind

NLU = Path(__file__).parents[1] / "rasa" / "data" / "nlu"
FRAMES = Path(__file__).parent / "frames.yaml"
FOREIGN = SEED_DIR / "foreign.yaml"
"""What is no business of a hotline: the search learns from it when to say nothing, the classifier what to refuse."""
SEED = 54321
_MISHEARD = 0.08
"""Share of the characters that a recogniser on the telephone puts down wrongly."""
_INTENT_OF = {Kind.CONSULT: Intent.ASK_GUIDE, Kind.SUGGESTION: Intent.FEEDBACK, Kind.PRAISE: Intent.FEEDBACK}

_EACH_DANGER = 4
"""Sentences of each pattern of danger: danger has a classifier of its own, and more of them would draw other short sentences here."""
_TO_PEOPLE = frozenset(kind.value for kind in Danger) - {Danger.POWER.value, Danger.HAZARD.value}

Sentences = dict[Intent, list[str]]


def examples() -> Sentences:
    """The examples written for each intent (chatbot/rasa/data/nlu)."""
    found: Sentences = {}
    for path in sorted(NLU.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.removeprefix("- ").strip() for line in group["examples"].splitlines()]
            found.setdefault(Intent(group["intent"]), []).extend(line for line in lines if line)
    return found


def gather(more: Mapping[Intent, Sequence[str]] | None = None, titles: Mapping[str, Sequence[str]] | None = None) -> Sentences:
    """Every sentence once, under the intent that names it first, with what recognisers make of it.

    Args:
        more: examples that editors added in the console.
        titles: the articles' titles with their example questions; the seeded articles by default.
    """
    if titles is None:
        titles = {article.title: article.questions for article in load_articles()}
    chance = random.Random(SEED)
    groups: list[Mapping[Intent, Iterable[str]]] = [
        examples(),
        more or {},
        _danger(),
        grammar.sentences(),
        {Intent.OUT_OF_SCOPE: [entry.question for entry in load_heldout(FOREIGN)]},
        _of_articles(titles),
        _of_appeals(chance),
    ]
    taken: dict[str, Intent] = {}
    for group in groups:
        for intent, lines in group.items():
            for line in lines:
                if clean := tidy(line):
                    taken.setdefault(clean, intent)
    return _with_noise(taken, chance)


def appeal_files() -> list[Path]:
    """The files that appeals come from."""
    return sorted(APPEALS.glob("*.yaml"))


def tidy(line: str) -> str:
    """A sentence as the classifier reads it; nothing that Rasa's files would take for an annotation."""
    return simplify(line).translate(str.maketrans("", "", "[](){}<>|\"'#")).strip(" -\n")


def _of_articles(titles: Mapping[str, Sequence[str]]) -> Sentences:
    """The questions of the articles, and questions made of their titles."""
    frames, chance = _frames(), random.Random(SEED)
    lines = [question for questions in titles.values() for question in questions]
    for title in titles:
        lines += [chance.choice(frames["guide"]).format(w=title) for _ in range(frames["each_title"])]
    return {Intent.ASK_GUIDE: lines}


def _of_appeals(chance: random.Random) -> Sentences:
    found: Sentences = {}
    appeals, frames = read_appeals(), _frames()
    for example in appeals.examples:
        found.setdefault(_INTENT_OF.get(example.kind, Intent.FILE_COMPLAINT), []).append(example.text)
    plain = [example.text.split(",")[0] for example in appeals.examples if example.kind is Kind.COMPLAINT]
    for words in appeals.words.values():
        found[Intent.ASK_GUIDE] += [chance.choice(frames["consult"]).format(w=word) for word in chance.sample(words, len(words) // 2)]
        found[Intent.FEEDBACK] += [chance.choice(frames["feedback"]).format(w=word) for word in chance.sample(words, len(words) // 5)]
    found[Intent.ASK_GUIDE] += [chance.choice(frames["rights"]).format(t=text) for text in chance.sample(plain, len(plain) // 4)]
    found[Intent.QUERY_PROGRESS] = [chance.choice(frames["progress"]).format(t=text) for text in chance.sample(plain, len(plain) // 8)]
    return found


def _danger() -> Sentences:
    made = danger_training.sentences(_EACH_DANGER, wrapped=0)
    return {Intent.EMERGENCY: [line for kind, lines in made.items() if kind in _TO_PEOPLE for line in lines]}


def _frames() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FRAMES.read_text(encoding="utf-8"))
    return loaded


def _with_noise(taken: Mapping[str, Intent], chance: random.Random) -> Sentences:
    """Every longer sentence a second time with characters of the same sound and a filler or an opener."""
    noise = Noise(chance, frozenset("".join(taken)))
    frames = _frames()
    found: Sentences = {}
    for line, intent in taken.items():
        lines = found.setdefault(intent, [])
        lines.append(line)
        if len(line) < 5:
            continue
        said = noise.misheard(line, _MISHEARD)
        if chance.random() < 0.5:
            said = chance.choice(frames["openers"]) + said
        if chance.random() < 0.2:
            said += chance.choice(frames["tails"])
        if taken.get(said, intent) is intent:
            lines.append(said)
    return {intent: list(dict.fromkeys(lines)) for intent, lines in found.items()}
