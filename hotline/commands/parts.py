"""`hotline bot train`, `hotline models fetch` and `hotline models check`."""

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


def fetch_models(settings: Settings, *, offline: bool) -> None:
    """Download what the setting asks for and say what will be used."""
    from telephony.speech import models

    info = models.ensure(settings, offline=offline, progress=say)
    say(f"speech model: {info.name} {info.note}".rstrip())


def check_models(settings: Settings) -> int:
    """Load the model; exit code 1 when there is none."""
    from telephony.speech import models

    info = models.find(settings)
    say(f"speech model: {info.name} ({info.kind}) {info.note}".rstrip())
    return 0 if models.load(settings) is not None else 1
