"""A line of progress for the commands."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
