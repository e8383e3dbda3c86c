"""Finding and installing the tools of the set-up. Standard library only, and old syntax: any Python 3 may read it first."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
OLDEST = (3, 11)
NEWEST = (3, 13)


class SetUpFailed(Exception):
    """The set-up cannot go on; the text says what to do."""


def say(text):
    """One line of progress."""
    print(text, flush=True)


def run(command, **options):
    """Run a step; its words are shown. Raises SetUpFailed when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=str(ROOT), check=False, **options)
    if done.returncode:
        raise SetUpFailed(f"this step failed (exit code {done.returncode}): {' '.join(str(part) for part in command)}")


def version_of(python):
    """(major, minor) of an interpreter, or None when it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-c", "import sys; print(sys.version_info[0], sys.version_info[1])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def pyenv_pythons(minor):
    """Interpreters of one minor version in pyenv's folder, newest first. Pyenv's shims may stand on PATH and yet not run."""
    root = Path(os.environ.get("PYENV_ROOT", "") or Path.home() / ".pyenv")
    return sorted(root.glob(f"versions/3.{minor}.*/bin/python"), reverse=True)


def main_python():
    """An interpreter for the main environment. Raises SetUpFailed."""
    candidates = [os.environ.get("HOTLINE_PYTHON", ""), sys.executable]
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        candidates += [shutil.which(f"python3.{minor}") or "", *pyenv_pythons(minor)]
    for candidate in candidates:
        if candidate and OLDEST <= (version_of(candidate) or (0, 0)) <= NEWEST:
            return str(candidate)
    raise SetUpFailed("Python 3.11, 3.12 or 3.13 is needed: install one, or name it in HOTLINE_PYTHON")


def stamp_is(folder, content):
    """Whether the folder was last made from exactly this."""
    path = Path(folder) / ".made-from"
    return path.exists() and path.read_text() == content


def write_stamp(folder, content):
    """Remember from what the folder was made."""
    (Path(folder) / ".made-from").write_text(content)


def digest(*paths):
    """A hash over files."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(Path(path).read_bytes())
    return whole.hexdigest()


def find_uv():
    """The pinned uv, installed by its hash into .tools on the first call. Raises SetUpFailed."""
    lock = ROOT / "requirements" / "uv.txt"
    wanted = digest(lock) if lock.exists() else ""
    home = TOOLS / "uv"
    program = home / "bin" / "uv"
    if program.exists() and stamp_is(home, wanted):
        return program
    if wanted:
        say("installing uv")
        shutil.rmtree(str(home), ignore_errors=True)
        home.mkdir(parents=True)
        command = [main_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        command += ["--no-deps", "--require-hashes", "--target", str(home), "-r", str(lock)]
        if os.environ.get("PIP_REQUIRE_VIRTUALENV"):
            os.environ["PIP_REQUIRE_VIRTUALENV"] = "false"
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode == 0 and program.exists():
            write_stamp(home, wanted)
            return program
        words = done.stdout.decode("utf-8", "replace").strip()[-400:]
    else:
        words = "requirements/uv.txt is missing"
    known = shutil.which("uv")
    if known and subprocess.run([known, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return Path(known)
    raise SetUpFailed("uv could not be installed with pip (is python3-pip there, and a package index?): " + words)
