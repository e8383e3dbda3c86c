"""Trains a model and lets it, and the one in use, understand held-out sentences: one start of Rasa for both.

Standard input holds one JSON object: folder (the project as training wants it), name, texts (to be understood), others (paths of
further models). Writes folder/understood.json: a list of [intent, confidence] for the new model and for each of the others.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Train, then understand."""
    order = json.load(sys.stdin)
    folder = Path(order["folder"])
    import rasa

    print("@training", flush=True)
    made = rasa.train(
        domain=str(folder / "domain.yml"),
        config=str(folder / "config.yml"),
        training_files=[str(folder / "data")],
        output=str(folder / "models"),
        fixed_model_name=order["name"],
    )
    if not made.model or made.code:
        sys.exit(made.code or 1)
    print("@evaluating", flush=True)
    understood = {path: asyncio.run(_understand(path, order["texts"])) for path in [made.model, *order["others"]]}
    (folder / "understood.json").write_text(json.dumps(list(understood.values())), encoding="utf-8")


async def _understand(path: str, texts: list[str]) -> list[list[Any]]:
    from rasa.core.agent import Agent

    agent = Agent.load(path)
    return [[said["intent"]["name"], said["intent"]["confidence"]] for said in [await agent.parse_message(text) for text in texts]]


if __name__ == "__main__":
    main()
