"""`hotline bot train`, and a line of progress for the other commands."""

from __future__ import annotations

import sys

from hotline.settings import Settings


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def train_bot(settings: Settings) -> None:
    """Train if the inputs have changed since the model was made."""
    from chatbot import training

    training.train(settings)
