"""`hotline bot train|models|rollback`: the assistant's models from the command line. A running service takes the new model by itself."""

from __future__ import annotations

import asyncio
from datetime import datetime

from hotline.assembly import make_database
from hotline.clock import to_city
from hotline.commands.parts import say
from hotline.errors import HotlineError
from hotline.settings import Settings


def train(settings: Settings, *, again: bool) -> int:
    """Train if the sentences have changed; exit code 1 when the new model was worse and stays unused."""
    from chatbot import training

    more, check = asyncio.run(_examples(settings))
    info = training.train(settings, say, more=more, check=check, again=again)
    return 1 if info.refused else 0


async def _examples(settings: Settings) -> tuple[dict, list[tuple[str, str]]]:  # type: ignore[type-arg]
    """What editors added; without a database the written sentences have to do, and that is said."""
    from chatbot.learning import examples

    database = make_database(settings)
    try:
        async with database.transaction() as session:
            return await examples.for_training(session), await examples.for_checking(session)
    except HotlineError:
        say("bot model: no database, so without the examples that editors added")
        return {}, []
    finally:
        await database.close()


def list_models(settings: Settings) -> None:
    """One line for each model; → marks the one in use."""
    from chatbot.training import registry_of

    registry = registry_of(settings)
    live = registry.live()
    for info in registry.models():
        report = info.report
        right = f"{report.right}/{report.total} ({100 * report.right / report.total:.1f} %)" if report and report.total else "-"
        mixed = f"mixed up {report.complaint_as_guide}+{report.guide_as_complaint}" if report else ""
        made = to_city(datetime.fromisoformat(info.made_at))
        mark, why = "→" if info.name == live else " ", f"  {info.refused}" if info.refused else ""
        say(f"{mark} {info.name}  {made:%Y-%m-%d %H:%M}  {info.sentences} sentences  {info.seconds:.0f} s  {right}  {mixed}{why}")
    if live is None:
        say("no model is in use: run hotline bot train")


def rollback(settings: Settings, to: str | None) -> None:
    """Put the model before (or `to`) into use. Raises NotFound when there is none."""
    from chatbot.training import registry_of

    registry = registry_of(settings)
    with registry.locked():
        say(f"bot model: {registry.rollback(to)} is in use")
