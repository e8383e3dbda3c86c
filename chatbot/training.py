"""Trains the Rasa model when its inputs have changed. Offline, in Rasa's own environment, about ten seconds."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from chatbot.rasa_files import PROJECT, RasaFiles
from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.settings import Settings
from knowledge.search.words import simplify
from knowledge.seed.loader import load_articles

TIMEOUT_S = 900
QUESTIONS_EACH = 3
"""How many example questions of each seeded article are shown to the intent classifier as ask_guide."""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def model_state(settings: Settings) -> tuple[bool, str]:
    """Whether there is a model made from the present inputs, and a sentence about it."""
    files = RasaFiles.of(settings)
    if not files.model.exists():
        return False, f"no model at {files.model}"
    fresh = _trained_from(files) == inputs_hash()
    return fresh, f"{files.model}, {files.model.stat().st_size // 1024} KB" + ("" if fresh else ", older than its training data")


def train(settings: Settings, progress: Callable[[str], None] = _say) -> Path:
    """The path of a model that fits the present training data; trains only when needed.

    The old model stays until the new one is whole. Raises Unavailable when Rasa's environment is missing or training fails.
    """
    files = RasaFiles.of(settings)
    wanted = inputs_hash()
    if files.model.exists() and _trained_from(files) == wanted:
        progress("bot model: ready")
        return files.model
    python = files.need_python()
    files.model.parent.mkdir(parents=True, exist_ok=True)
    progress("bot model: training (about ten seconds on an idle machine)")
    with tempfile.TemporaryDirectory(prefix="training-", dir=files.model.parent) as folder:
        made = _train_in(Path(folder), python, files, progress)
        files.model_inputs.unlink(missing_ok=True)
        made.replace(files.model)
    files.model_inputs.write_text(wanted + "\n", encoding="utf-8")
    progress(f"bot model: trained, {files.model.stat().st_size // 1024} KB")
    return files.model


def inputs_hash() -> str:
    """A hash of everything that training reads."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes() + b"\0")
    digest.update(guide_examples().encode())
    return digest.hexdigest()


def guide_examples() -> str:
    """NLU examples of ask_guide made from the seeded articles, as YAML."""
    lines = [simplify(question).strip() for article in load_articles() for question in article.questions[:QUESTIONS_EACH]]
    return 'version: "3.1"\nnlu:\n  - intent: ask_guide\n    examples: |\n' + "".join(f"      - {line}\n" for line in sorted(set(lines)))


def _sources() -> Iterable[Path]:
    yield from (PROJECT / "config.yml", PROJECT / "domain.yml", PROJECT / "requirements.txt")
    yield from sorted((PROJECT / "data").rglob("*.yml"))
    yield from sorted((PROJECT / "dictionary").glob("*.txt"))
    yield from sorted((PROJECT / "stub").glob("*.py"))


def _trained_from(files: RasaFiles) -> str:
    return files.model_inputs.read_text(encoding="utf-8").strip() if files.model_inputs.exists() else ""


def _train_in(folder: Path, python: Path, files: RasaFiles, progress: Callable[[str], None]) -> Path:
    for name in ("config.yml", "domain.yml"):
        shutil.copy(PROJECT / name, folder / name)
    for name in ("data", "dictionary"):
        shutil.copytree(PROJECT / name, folder / name)
    (folder / "data" / "nlu" / "ask_guide_articles.yml").write_text(guide_examples(), encoding="utf-8")
    arguments = ["train", "--skip-validation", "--out", "models", "--fixed-model-name", "hotline"]
    arguments += ["--data", "data", "--config", "config.yml", "--domain", "domain.yml"]
    command = [str(python), str(PROJECT / "start.py")]
    surroundings = files.environment()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            output, _nothing = process.communicate(json.dumps(arguments), timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Unavailable(_("训练没有在规定时间内完成，请稍后再试：hotline bot train")) from error
    made = folder / "models" / "hotline.tar.gz"
    if process.returncode != 0 or not made.exists():
        for line in output.splitlines()[-15:]:
            progress(f"bot model: {line}")
        raise Unavailable(_("Rasa训练失败，上面是它最后的输出；改正后运行 hotline bot train"))
    return made
