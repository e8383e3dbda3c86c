"""`hotline suggest`: what the machine makes of a text, by the seed files, without a database; and learning its model."""

from __future__ import annotations

import json
import time
from pathlib import Path

import typer


def suggest(data_dir: Path, text: str, *, channel: str | None, as_json: bool) -> None:
    """Print the suggestion for `text`."""
    from ticketing.suggestion.service import suggest_offline
    from ticketing.words import word

    found = suggest_offline(data_dir, text, channel=channel)
    if as_json:
        typer.echo(json.dumps(found.answer(), ensure_ascii=False))
        return
    alarm = f"，紧急热线 {word('emergency_line', found.alarm.line) if found.alarm.line else '无'}" if found.alarm else ""
    typer.echo(f"{word('kind', found.kind.value)}，{word('urgency', found.urgency.value)}{alarm}{'，应保密' if found.confidential else ''}")
    for guess in found.categories:
        typer.echo(f"{guess.code} {guess.name} {guess.confidence:.0%}（{'、'.join(guess.words)}）")
    typer.echo("，".join(f"{unit.unit.name} {unit.confidence:.0%}" for unit in found.units))
    typer.echo(f"还要问：{'、'.join(word('element', element) for element in found.missing) or '无'}")


def train(data_dir: Path) -> None:
    """Learn the model anew and say how long it took."""
    from ticketing.suggestion import store
    from ticketing.suggestion.examples import read

    began = time.monotonic()
    examples = len(read().examples)
    store.train(data_dir)
    typer.echo(f"{store.model_file(data_dir)}: {examples} examples, {time.monotonic() - began:.0f} s")
