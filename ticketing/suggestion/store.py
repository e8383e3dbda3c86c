"""Where the learned model lies: in memory, in the data folder, or to be learned now."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from ticketing.suggestion.examples import read, stamp
from ticketing.suggestion.model import Model, load, save

_TOOLS = Path(__file__).parents[2] / ".tools"
FOLDERS: tuple[Path, ...] = (_TOOLS,) if _TOOLS.is_dir() else ()
"""A source tree keeps one copy beside its other built things, so that a demo or test with a fresh data folder need not learn."""
_models: dict[str, Model] = {}
_lock = threading.Lock()
_getting: set[threading.Thread] = set()


def model_file(folder: Path) -> Path:
    """The model's file below a data folder."""
    return folder / "suggestion" / "model.npz"


def get(data_dir: Path) -> Model:
    """The model of the present sources: from memory, from a file, else learned (half a minute) and kept. Safe in threads."""
    wanted = stamp()
    if wanted in _models:
        return _models[wanted]
    with _lock:
        if wanted not in _models:
            found = None
            for folder in (data_dir, *FOLDERS):
                found = load(model_file(folder), wanted)
                if found is not None:
                    break
            _models.clear()
            _models[wanted] = found if found is not None else train(data_dir)
        return _models[wanted]


def train(data_dir: Path) -> Model:
    """Learn now and keep the model; one that cannot be written is used all the same."""
    from hotline import logs  # learning is rare; starting is not
    from ticketing.suggestion import training

    learned = training.train(read())
    for folder in (data_dir, *FOLDERS):
        try:
            save(learned, model_file(folder), stamp())
        except OSError as error:
            logs.get(__name__).warning("suggestion.model_not_kept", reason=error.strerror)
    return load(model_file(data_dir), stamp()) or Model(learned)


async def ready(data_dir: Path) -> Model:
    """As `get`, without holding up the event loop while a file is read or a model learned."""
    found = _models.get(stamp())
    return found if found is not None else await asyncio.to_thread(get, data_dir)


def at_hand(data_dir: Path) -> Model | None:
    """The model if it is in memory; else None at once, and it is got in the background: a page says that it comes and asks again."""
    found = _models.get(stamp())
    if found is None:
        warm(data_dir)
    return found


def warm(data_dir: Path) -> None:
    """Get the model in a thread of its own, unless one is at it. A process that ends does not wait for it."""
    _getting.difference_update([each for each in _getting if not each.is_alive()])
    if _getting or stamp() in _models:
        return
    thread = threading.Thread(target=get, args=(data_dir,), name="suggestion-model", daemon=True)
    _getting.add(thread)
    thread.start()
