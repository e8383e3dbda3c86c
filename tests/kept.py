"""What takes long to make and depends on nothing but the sources is kept in .tools between runs, and shared by tests that run at once.

The trained Rasa model holds a hash of its inputs, the prompts are named by theirs: what is out of date is made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".tools" / "e2e"


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """No other test process reads or writes here meanwhile."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def fetch(data_dir: Path, *names: str) -> bool:
    """Copy these folders into a data folder that lacks them; whether all were there."""
    for name in names:
        if (FOLDER / name).exists() and not (data_dir / name).exists():
            shutil.copytree(FOLDER / name, data_dir / name)
    return all((FOLDER / name).exists() for name in names)


def keep(data_dir: Path, *names: str) -> None:
    """Copy these folders from a data folder, as far as they are there."""
    for name in names:
        if (data_dir / name).exists():
            shutil.copytree(data_dir / name, FOLDER / name, dirs_exist_ok=True)
