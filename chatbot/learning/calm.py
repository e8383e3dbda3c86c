"""What is said to the assistant day by day, drawn for the danger classifier: `python -m chatbot.learning.calm`.

That classifier hears every sentence first, so it has to know greetings, guide questions and small talk as calm; it belongs to tickets and
reads nothing of the assistant. What was drawn is a file of its own (ticketing/suggestion/data/danger_calm.txt), which stays as it is when
an article changes: run this again, and `python -m ticketing.suggestion.danger_training`, when articles or examples have changed much.
"""

from __future__ import annotations

import sys

from chatbot.intents import Intent
from chatbot.learning import grammar, sentences
from knowledge.seed.loader import load_articles, load_heldout
from ticketing.suggestion import danger_training
from ticketing.suggestion.emergency import rules

OF_PATTERN = 3
"""Sentences of each pattern of the grammar."""
EVERY = 2
"""One of so many example questions of an article."""
ABOUT_DANGER = "hotline-emergency-numbers"
"""The article whose questions are about danger."""


def drawn() -> list[str]:
    """The sentences, each once, none with a certain word of danger."""
    lines = [line for group in (sentences.examples(), grammar.sentences(OF_PATTERN)) for line in _calm(group)]
    lines += [question for article in load_articles() if article.slug != ABOUT_DANGER for question in article.questions[::EVERY]]
    lines += [entry.question for entry in load_heldout(sentences.FOREIGN)]
    plain = dict.fromkeys(" ".join(line.split()) for line in lines)
    return [line for line in plain if rules().alarm(rules().plain(line)) is None]


def _calm(group: sentences.Sentences) -> list[str]:
    return [line for intent, lines in group.items() if intent is not Intent.EMERGENCY for line in lines]


def main() -> None:
    """Write the file."""
    lines = drawn()
    danger_training.DAILY.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{danger_training.DAILY.name}: {len(lines)} sentences\n")


if __name__ == "__main__":
    main()
