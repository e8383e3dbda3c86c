"""Documents and scripts that must not drift away from the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.commands import reference
from hotline.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SCRIPTS = sorted(path for folder in ("script", ".ci") for path in (ROOT / folder).iterdir() if path.is_file())


def test_configuration_page_is_what_the_settings_say() -> None:
    assert reference.FILE.read_text(encoding="utf-8") == reference.document(), "run script/configuration"


def test_every_setting_is_on_the_configuration_page_once() -> None:
    page = reference.document().partition("## Variables of the set-up")[0]
    for name in Settings.model_fields:
        assert page.count(f"| `HOTLINE_{name.upper()}` |") == 1


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)\s#]+)", text) if "://" not in target]
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK)
    first = script.read_text(encoding="utf-8").splitlines()[0]
    if "bash" in first:
        subprocess.run(["bash", "-n", str(script)], check=True)
    else:
        assert first == "#!/usr/bin/env python3"
        compile(script.read_text(encoding="utf-8"), str(script), "exec")


def test_continuous_integration_calls_the_tests_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "script/" in line] == ["exec script/test"]


def test_lock_files_are_current() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "script" / "lock"), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_committed_file_names_a_package_registry() -> None:
    done = subprocess.run([str(ROOT / "script" / "support" / "no-registry-hosts")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
