"""The command line starts fast because it imports only what a command needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "numpy", "pydantic", "aiohttp", "structlog")


def _imported(statement: str) -> set[str]:
    asked = f"import sys; {statement}; print(' '.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout.split())


def test_help_imports_nothing_heavy() -> None:
    assert not _imported("import hotline.cli") & set(HEAVY)


@pytest.mark.parametrize("module", ["sqlalchemy", "structlog", "argon2"])
def test_a_suggestion_without_a_database_imports_no_database(module: str) -> None:
    assert module not in _imported("import ticketing.suggestion.service")
