"""The lock files and what each was made from. Standard library only: used before anything is installed.

A lock's first line holds a hash of its inputs, so that a stale lock is found without a network.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "# inputs: sha256:"


class Lock:
    """One lock file: its inputs and the arguments of `uv pip compile`."""

    def __init__(self, name: str, inputs: list[str], arguments: list[str], python: str = "3.11") -> None:
        """`inputs` and `name` are paths below the project's folder; the first input is compiled, it or an argument names the others."""
        self.name = name
        self.path = ROOT / name
        self.inputs = inputs
        self.arguments = arguments
        self.python = python

    def digest(self) -> str:
        """A hash of all that decides what the lock holds."""
        whole = hashlib.sha256()
        for name in self.inputs:
            whole.update(f"{name}\n{_relevant(ROOT / name)}\n".encode())
        whole.update(f"{self.arguments} {self.python}".encode())
        return whole.hexdigest()

    def is_stale(self) -> bool:
        """Whether the inputs have changed since the lock was made."""
        if not self.path.exists():
            return True
        first = self.path.open(encoding="utf-8").readline().strip()
        return first != MARK + self.digest()

    def body(self) -> str:
        """The lock without its mark."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(lines[1:] if lines and lines[0].startswith(MARK) else lines)

    def stamp(self) -> None:
        """Write the mark of the present inputs into the first line."""
        self.path.write_text(f"{MARK}{self.digest()}\n{self.body()}", encoding="utf-8")


def _relevant(path: Path) -> str:
    """Of pyproject.toml only the parts that name packages: a new lint rule makes no lock stale."""
    text = path.read_text(encoding="utf-8")
    if path.name != "pyproject.toml":
        return text
    parts = re.findall(r"^requires-python = [^\n]*|^(?:dependencies|embedded|dev) = \[.*?^\]", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(re.sub(r"\s*#[^\n]*", "", part) for part in parts)


_RASA = "chatbot/rasa"
LOCKS = [
    Lock("requirements/uv.txt", ["requirements/uv.in"], ["--universal"]),
    Lock("requirements/dev.txt", ["pyproject.toml"], ["--universal", "--extra=embedded", "--extra=dev"]),
    # the smaller ones take their versions from the larger one, so that an environment may grow from one to the next
    Lock("requirements/demo.txt", ["pyproject.toml"], ["--universal", "--extra=embedded", "--constraint=requirements/dev.txt"]),
    Lock("requirements/main.txt", ["pyproject.toml"], ["--universal", "--constraint=requirements/dev.txt"]),
    Lock(
        f"{_RASA}/requirements.txt",
        [f"{_RASA}/requirements.in", f"{_RASA}/overrides.txt"],
        [f"--override={_RASA}/overrides.txt"],
        python="3.10",
    ),
    Lock(
        f"{_RASA}/requirements-full.txt",
        [f"{_RASA}/requirements-full.in", f"{_RASA}/requirements.in", f"{_RASA}/overrides-full.txt"],
        [f"--override={_RASA}/overrides-full.txt"],
        python="3.10",
    ),
]
