"""Trains a model when what it learns from has changed, examines it on held-out sentences, and lets it answer unless it is worse.

Offline, in Rasa's own environment; docs/bot.md has the time it takes. One training at a time for a data folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from chatbot.intents import Intent
from chatbot.learning import evaluation, grammar, sentences
from chatbot.learning.registry import ModelInfo, Registry, Report, new_name
from chatbot.rasa_files import PROJECT, RasaFiles
from hotline.errors import Unavailable
from hotline.i18n import _
from hotline.settings import Settings
from knowledge.seed.loader import load_articles
from ticketing.suggestion import danger_training, patterns

TIMEOUT_S = 900
Progress = Callable[[str], None]
Examples = Mapping[Intent, Sequence[str]]
_PHASES = {"@training": "bot model: Rasa trains", "@evaluating": "bot model: examined on held-out sentences"}


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def registry_of(settings: Settings) -> Registry:
    """The models of this installation."""
    return RasaFiles.of(settings).registry


def model_state(settings: Settings) -> tuple[bool, str]:
    """Whether there is a model in use that fits the sources, and a sentence about it. Examples of editors are not looked at."""
    registry = registry_of(settings)
    name = registry.live()
    if name is None:
        return False, f"no model in {registry.folder}"
    info, path = registry.find(name), registry.path(name)
    fresh = info.inputs.split("+")[0] == sources_hash()
    return fresh, f"{path}, {path.stat().st_size // 1024} KB" + ("" if fresh else ", older than its training data")


def train(
    settings: Settings,
    progress: Progress = _say,
    *,
    more: Examples | None = None,
    check: Sequence[tuple[str, str]] = (),
    again: bool = False,
) -> ModelInfo:
    """The model that fits the present sentences: the one in use, or a new one, which goes live unless it is worse.

    Args:
        progress: told each phase, one line each.
        more: examples that editors added; they count like the written ones.
        check: (intent, sentence) that editors held out; a new model is examined on them too.
        again: train although nothing has changed.

    A refused model stays in the registry with its reason (`ModelInfo.refused`); the same sentences are not tried twice. Raises Unavailable
    when Rasa's environment is missing or training fails, Conflict while another training runs.
    """
    files = RasaFiles.of(settings)
    registry, wanted = files.registry, inputs_hash(more)
    known = None if again else next((info for info in registry.models() if info.inputs == wanted), None)
    if known is not None and (known.refused or known.name == registry.live()):
        progress("bot model: ready" if not known.refused else f"bot model: {known.refused}")
        return known
    files.need_python()
    with registry.locked():
        if known is not None:
            registry.promote(known.name)
            progress(f"bot model: {known.name} was trained from the same sentences and is in use again")
            return known
        return _make(files, wanted, more, (*evaluation.heldout(), *check), progress)


Pairs = Sequence[tuple[str, str]]


def _make(files: RasaFiles, wanted: str, more: Examples | None, pairs: Pairs, progress: Progress) -> ModelInfo:
    began, registry = time.monotonic(), files.registry
    learned = sentences.gather(more)
    count = sum(map(len, learned.values()))
    progress(f"bot model: {count} sentences, about half a minute on an idle machine")
    with tempfile.TemporaryDirectory(prefix="training-", dir=registry.folder) as place:
        folder, name = Path(place), new_name(datetime.now(UTC))
        _write_project(folder, learned)
        made, report, live_report = _learn(files, folder, name, pairs, progress)
        best = registry.best(report.heldout)
        reason = evaluation.refusal(report, live_report) or evaluation.refusal(report, best)
        info = ModelInfo(
            name,
            datetime.now(UTC).isoformat(timespec="seconds"),
            wanted,
            count,
            round(time.monotonic() - began, 1),
            report,
            reason,
            {intent.value: len(lines) for intent, lines in learned.items()},
        )
        registry.add(made, info)
    if not reason:
        registry.promote(name)
    progress(f"bot model: {name} understands {report.right} of {report.total} held-out sentences, {info.seconds:.0f} s")
    progress(f"bot model: {reason}" if reason else f"bot model: {name} is in use")
    return info


def inputs_hash(more: Examples | None = None) -> str:
    """A hash of everything that training reads: of the sources, and of the editors' examples behind a plus."""
    added = {intent.value: sorted(lines) for intent, lines in (more or {}).items() if lines}
    if not added:
        return sources_hash()
    return sources_hash() + "+" + hashlib.sha256(json.dumps(added, sort_keys=True).encode()).hexdigest()[:16]


def sources_hash() -> str:
    """A hash of the files alone."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    for article in load_articles():
        digest.update("\n".join((article.title, *article.questions)).encode())
    return digest.hexdigest()[:32]


def _sources() -> Iterable[Path]:
    yield from (PROJECT / "config.yml", PROJECT / "domain.yml", PROJECT / "requirements.txt")
    yield from (PROJECT / "intent_features.py", PROJECT / "hotline_intents.py")
    yield from sorted((PROJECT / "data").rglob("*.yml"))
    yield from sorted((PROJECT / "stub").glob("*.py"))
    yield from (grammar.GRAMMAR, sentences.FRAMES, sentences.FOREIGN, Path(sentences.__file__), Path(grammar.__file__))
    yield from (danger_training.DATA, danger_training.SPOKEN, Path(danger_training.__file__), Path(patterns.__file__))
    yield from sentences.appeal_files()


def _write_project(folder: Path, learned: Examples) -> None:
    """The project as Rasa's training reads it: rules as they are, sentences as gathered."""
    for name in ("config.yml", "domain.yml"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "data").mkdir()
    shutil.copy(PROJECT / "data" / "rules.yml", folder / "data" / "rules.yml")
    groups = [
        {"intent": intent.value, "examples": "".join(f"- {line}\n" for line in lines)}
        for intent, lines in sorted(learned.items(), key=lambda group: group[0].value)
    ]
    (folder / "data" / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": groups}, allow_unicode=True), encoding="utf-8")


def _learn(files: RasaFiles, folder: Path, name: str, pairs: Pairs, progress: Progress) -> tuple[Path, Report, Report | None]:
    """Train, and examine the new model and, when its report is about other sentences, the one in use."""
    registry = files.registry
    live = registry.live()
    old = registry.find(live).report if live else None
    examine = live is not None and (old is None or old.heldout != evaluation.stamp(pairs))
    others = [str(registry.path(live))] if live is not None and examine else []
    order = {"folder": str(folder), "name": name, "texts": [line for _intent, line in pairs], "others": others}
    _run_rasa(files, folder, order, progress)
    made, understood = folder / "models" / f"{name}.tar.gz", folder / "understood.json"
    if not made.exists() or not understood.exists():
        raise Unavailable(_("Rasa训练失败，没有留下模型；请看上面的输出，改正后运行 hotline bot train"))
    answers = json.loads(understood.read_text(encoding="utf-8"))
    reports = [evaluation.judge(pairs, [believed for believed, _confidence in answer]) for answer in answers]
    return made, reports[0], reports[1] if examine else old


def _run_rasa(files: RasaFiles, folder: Path, order: Mapping[str, object], progress: Progress) -> None:
    command = [str(files.need_python()), str(PROJECT / "learn.py")]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=files.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        last = _follow(process, order, progress)
    if process.returncode != 0:
        for line in last:
            progress(f"bot model: {line}")
        raise Unavailable(_("Rasa训练失败，上面是它最后的输出；改正后运行 hotline bot train"))


def _follow(process: subprocess.Popen[str], order: Mapping[str, object], progress: Progress) -> list[str]:
    """Hand the order over and tell the phases as they come; returns the last lines of the output."""
    if process.stdin is None or process.stdout is None:
        raise Unavailable(_("Rasa训练没有启动"))
    process.stdin.write(json.dumps(order))
    process.stdin.close()
    until = time.monotonic() + TIMEOUT_S
    last: list[str] = []
    for line in process.stdout:
        if phase := _PHASES.get(line.strip()):
            progress(phase)
        last = [*last, line.rstrip()][-15:]
        if time.monotonic() > until:
            process.kill()
            raise Unavailable(_("训练没有在规定时间内完成，请稍后再试：hotline bot train"))
    return last
