"""A CI run in which programs are missing says so instead of skipping a third of the telephone's tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "script" / "support" / "debian-packages"
PROGRAMS = {"sipp": "sip-tester", "baresip": "baresip", "chromium": "chromium"}


def run(folder: Path, *, there: tuple[str, ...], ci: bool) -> subprocess.CompletedProcess[str]:
    """With these programs, on a machine that is not ours to install on."""
    for name in ("bash", "env"):
        (folder / name).symlink_to(Path("/usr/bin") / name)
    for name in there:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    environment = {"PATH": str(folder), **({"CI": "true"} if ci else {})}
    return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("absent", PROGRAMS)
def test_ci_fails_and_names_the_package(tmp_path: Path, absent: str) -> None:
    done = run(tmp_path, there=tuple(name for name in PROGRAMS if name != absent), ci=True)
    assert done.returncode == 1
    assert PROGRAMS[absent] in done.stderr


def test_elsewhere_it_is_said_and_the_tests_run(tmp_path: Path) -> None:
    done = run(tmp_path, there=(), ci=False)
    assert done.returncode == 0
    assert "sip-tester" in done.stderr
    assert "skipped" in done.stderr


@pytest.mark.skipif(not os.access("/usr/bin/apt-get", os.X_OK), reason="this is no Debian")
def test_an_apt_that_fails_does_not_pass_for_installed(tmp_path: Path) -> None:
    for name, body in (("id", "echo 0"), ("apt-get", "exit 100")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "bash").symlink_to("/usr/bin/bash")
    done = subprocess.run(
        ["/usr/bin/bash", str(SCRIPT)], env={"PATH": str(tmp_path), "CI": "true"}, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "apt-get failed" in done.stderr
    assert "sip-tester" in done.stderr
