"""Which models there are in the data folder, how good each was, which one answers, and the way back.

data_dir/rasa/models holds for each model NAME.tar.gz (for Rasa), NAME.npz (its classifier, for the time when Rasa does not answer) and
NAME.json (`ModelInfo`); `live` names, line by line, the models that went live: the last line is in use. One writer at a time (`locked`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hotline.errors import Conflict, NotFound
from hotline.i18n import _

KEPT = 6
"""Models that stay in the folder besides the one in use."""
_CLASSIFIER = "intents.npz"


@dataclass(frozen=True)
class Report:
    """What a model made of the held-out sentences."""

    right: int
    total: int
    by_intent: dict[str, tuple[int, int]]
    complaint_as_guide: int
    guide_as_complaint: int
    missed_danger: int
    heldout: str
    """A hash of the held-out sentences: only reports over the same ones can be compared."""
    wrong: tuple[tuple[str, str, str], ...] = ()
    """(sentence, wanted, understood) of the first mistakes, for the page."""

    @classmethod
    def loaded(cls, stored: dict[str, Any]) -> Report:
        """From JSON."""
        by_intent = {intent: (int(right), int(total)) for intent, (right, total) in stored["by_intent"].items()}
        return cls(**{**stored, "by_intent": by_intent, "wrong": tuple(tuple(line) for line in stored["wrong"])})


@dataclass(frozen=True)
class ModelInfo:
    """One trained model."""

    name: str
    made_at: str
    """ISO 8601 with offset."""
    inputs: str
    """Hash of everything it was trained from."""
    sentences: int
    seconds: float
    report: Report | None
    refused: str = ""
    """Why it is not used by itself: worse than the one before it, or put out of use by hand. Empty: nothing is against it."""
    sizes: dict[str, int] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def loaded(cls, stored: dict[str, Any]) -> ModelInfo:
        """From JSON."""
        report = Report.loaded(stored["report"]) if stored.get("report") else None
        return cls(**{**stored, "report": report})


class Registry:
    """The folder. Reading needs no lock; whatever writes holds `locked`."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist."""
        self.folder = folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else trains or switches meanwhile. Raises Conflict when somebody does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict(_("机器人模型正在训练或切换，请稍后再试")) from error
            yield

    def models(self) -> list[ModelInfo]:
        """All that are whole, newest first."""
        found = [ModelInfo.loaded(json.loads(path.read_text(encoding="utf-8"))) for path in self.folder.glob("*.json")]
        return sorted((info for info in found if self.path(info.name).exists()), key=lambda info: (info.made_at, info.name), reverse=True)

    def find(self, name: str) -> ModelInfo:
        """The model of this name. Raises NotFound."""
        info = next((info for info in self.models() if info.name == name), None)
        if info is None:
            raise NotFound(_("没有这个模型：{name}。现有的模型见 hotline bot models").format(name=name))
        return info

    def path(self, name: str) -> Path:
        """The archive that Rasa loads."""
        return self.folder / f"{name}.tar.gz"

    def classifier(self, name: str) -> Path:
        """The classifier alone."""
        return self.folder / f"{name}.npz"

    def best(self, heldout: str) -> Report | None:
        """The best report of a model that is or was in use, over these held-out sentences.

        A new model is held against it and not only against the last one: else each could be a little worse than the one before.
        """
        found = self._best(heldout)
        return found.report if found is not None else None

    def _best(self, heldout: str) -> ModelInfo | None:
        used = set(self.history())
        rated = [(info.report.right, info.made_at, info) for info in self.models() if info.report and info.report.heldout == heldout]
        return max(
            (each for each in rated if each[2].name in used and not each[2].refused), key=lambda each: each[:2], default=(0, "", None)
        )[2]

    def history(self) -> list[str]:
        """Names of the models that went live, in order, as far as they are still there."""
        pointer = self.folder / "live"
        names = pointer.read_text(encoding="utf-8").split() if pointer.exists() else []
        return [name for name in names if self.path(name).exists()]

    def live(self) -> str | None:
        """The model in use."""
        return next(reversed(self.history()), None)

    def add(self, archive: Path, info: ModelInfo) -> None:
        """Take a trained model in; it is not in use yet."""
        with tarfile.open(archive) as packed:
            member = next(member for member in packed.getmembers() if member.name.endswith(_CLASSIFIER))
            inside = packed.extractfile(member)
            if inside is None:
                raise NotFound(_("模型文件里没有分类器"))
            _write(self.classifier(info.name), inside.read())
        archive.replace(self.path(info.name))
        self._write_info(info)

    def promote(self, name: str) -> None:
        """Put a model into use. Raises NotFound."""
        self._use(name, [kept for kept in self.history() if kept != name])

    def rollback(self, to: str | None = None) -> str:
        """Put the model that was in use before (or `to`) back into use; returns its name. Raises NotFound when there is none.

        The one that is left is marked, so that the next training from the same sentences does not bring it back.
        """
        names = self.history()
        if to is None and len(names) < 2:
            raise NotFound(_("没有更早的模型可以退回"))
        chosen = to or names[-2]
        self.find(chosen)
        if names and names[-1] != chosen:
            self._write_info(replace(self.find(names[-1]), refused=_("已由人工换下")))
        others = [kept for kept in names if kept != chosen]
        self._use(chosen, others if to is not None else [names[-1], *others[:-1]])  # backwards step by step, not to and fro
        return chosen

    def _use(self, name: str, before: list[str]) -> None:
        """Write once, so that nobody sees a third model in between."""
        info = self.find(name)
        if info.refused:
            self._write_info(replace(info, refused=""))
        names = [*before, name]
        _write(self.folder / "live", "".join(f"{kept}\n" for kept in names).encode())
        self._prune(names)

    def _write_info(self, info: ModelInfo) -> None:
        _write(self.folder / f"{info.name}.json", json.dumps(info.stored(), ensure_ascii=False, indent=1).encode())

    def _prune(self, used: list[str]) -> None:
        models = self.models()
        keep = {*used[-KEPT:], *(info.name for info in models[:KEPT])}
        last = next((info.report.heldout for info in models if info.name == used[-1] and info.report), "")
        if (best := self._best(last)) is not None:
            keep.add(best.name)
        for info in self.models():
            if info.name not in keep:
                for path in (self.folder / f"{info.name}.json", self.path(info.name), self.classifier(info.name)):
                    path.unlink(missing_ok=True)


def new_name(now: datetime) -> str:
    """The name of a model made now: m20261122-134501."""
    return f"m{now:%Y%m%d-%H%M%S}"


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    draft.replace(path)
