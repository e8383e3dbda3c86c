"""Which speech model is used, how it gets onto the machine, and loading it.

`ensure` belongs to set-up (script/demo, the image's build): it may download. `start` belongs to the telephony process, `load` to
the others: they never touch the network, and without a model they return None, which makes the call flow take messages instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from hotline.errors import HotlineError
from hotline.logs import get
from hotline.settings import Settings
from telephony.speech.domain_words import spoken_names
from telephony.speech.download import Broken, Progress, Unreachable, fetch, unpack
from telephony.speech.engine import ModelError, is_model, load_engine
from telephony.speech.in_process import InProcessTranscriber
from telephony.speech.processes import ProcessTranscriber
from telephony.speech.transcriber import Transcriber
from ticketing.seed.entries import SEED_DIR, city_file

log = get(__name__)

SYNTHETIC = Path(__file__).parent / "synthetic" / "model"
"""Our own tiny model: it understands synthetic callers only (docs/speech.md)."""
_ACOUSTIC_MODEL = "am/final.mdl"
"""What a published model must hold."""


@dataclass(frozen=True)
class Source:
    """Where a published model comes from."""

    folder: str
    url: str
    sha256: str | None
    """None: the project publishes none and we know none; the digest is then logged, and the archive's own checks must do."""


SOURCES: Mapping[str, Source] = {
    "cn-small": Source(
        "vosk-model-small-cn-0.22",
        "https://alphacephei.com/vosk/models/vosk-model-small-cn-0.22.zip",
        "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba",
    ),
    "cn-large": Source("vosk-model-cn-0.22", "https://alphacephei.com/vosk/models/vosk-model-cn-0.22.zip", None),
}
"""43,898,754 bytes and 1.3 GB; both Apache-2.0."""

_STREAMS_PER_CPU = 2.5
"""Live streams of a real small model on one processor (docs/speech.md); `hotline models bench` measures it on your machine."""
_PLACES = ("districts", "streets_and_towns", "roads", "places")
_EFFECT = "callers are asked to leave a message, tickets say so"

Kind = Literal["published", "synthetic", "own", "none"]


@dataclass(frozen=True)
class ModelInfo:
    """The model that will be used, for the set-up's table and `hotline doctor`."""

    name: str
    folder: Path | None
    kind: Kind
    note: str = ""
    """One line for the operator when it is not what a city should run."""


class BadModel(HotlineError):
    """The model that is set can't be had; the text says what to do."""

    code = "bad_model"


def _home(settings: Settings) -> Path:
    return settings.data_dir / "models"


def _synthetic(why: str) -> ModelInfo:
    return ModelInfo("synthetic", SYNTHETIC, "synthetic", f"{why}只能听懂合成语音，听不懂真人（演示和测试用）")


def find(settings: Settings, sources: Mapping[str, Source] = SOURCES) -> ModelInfo:
    """The model of the setting as far as it is on this machine; nothing is downloaded. Raises BadModel."""
    choice = settings.speech_model.strip()
    if choice == "none":
        return ModelInfo("none", None, "none", "没有语音模型：来电人会被请求留言，工单注明没有转写")
    if choice == "synthetic":
        return _synthetic("")
    wanted = "cn-small" if choice == "auto" else choice
    if wanted in sources:
        folder = _home(settings) / sources[wanted].folder
        if is_model(folder):
            return ModelInfo(sources[wanted].folder, folder, "published")
        if choice == "auto":
            return _synthetic("没有下载中文模型，改用自带的合成模型：")
        raise BadModel(f"语音模型 {wanted} 还没有下载：请在能上网时运行 script/bootstrap，或设置 HOTLINE_SPEECH_MODEL=auto")
    folder = Path(choice)
    if not is_model(folder):
        needs = f"Vosk 要有 {_ACOUSTIC_MODEL}，sherpa-onnx 要有 tokens.txt 和 *.onnx"
        known = "auto、cn-small、cn-large、synthetic、none"
        raise BadModel(f"HOTLINE_SPEECH_MODEL={choice}：不是已知的模型（{known}），也不是模型文件夹（{needs}）")
    return ModelInfo(folder.name, folder, "own")


def on_machine(settings: Settings, sources: Mapping[str, Source] = SOURCES) -> dict[str, Path | None]:
    """Every known model by name, with its folder when it is on this machine."""
    found: dict[str, Path | None] = {name: _home(settings) / source.folder for name, source in sources.items()}
    return {name: folder if folder and is_model(folder) else None for name, folder in found.items()} | {"synthetic": SYNTHETIC}


def origin(name: str, sources: Mapping[str, Source] = SOURCES) -> str:
    """Where a known model is downloaded from."""
    return sources[name].url


def ensure(settings: Settings, *, offline: bool, progress: Progress, sources: Mapping[str, Source] = SOURCES) -> ModelInfo:
    """Have the model of the setting on this machine; download it if that is needed and allowed.

    With `auto`, a site that can't be reached leads to the synthetic model, and the returned note says so.

    Raises:
        BadModel: the setting names no model, or (not `auto`) it can't be had now.
    """
    choice = settings.speech_model.strip()
    wanted = "cn-small" if choice == "auto" else choice
    source = sources.get(wanted)
    if source is None:
        return find(settings, sources)
    folder = _home(settings) / source.folder
    if is_model(folder):
        return ModelInfo(source.folder, folder, "published")
    if offline:
        return _without(choice, "离线模式，没有下载中文模型；")
    try:
        progress(f"下载语音模型 {source.folder}：{source.url}")
        _install(source, folder, progress)
    except Unreachable as error:
        log.warning("speech_model_unreachable", model=source.folder, reason=str(error))
        return _without(choice, "语音模型的下载站连不上；")
    except Broken as error:
        log.warning("speech_model_broken", model=source.folder, reason=str(error))
        return _without(choice, "下载的语音模型没有通过校验，已删除；")
    return ModelInfo(source.folder, folder, "published")


def _without(choice: str, why: str) -> ModelInfo:
    if choice != "auto":
        raise BadModel(f"{why}设置的模型 {choice} 现在不可用。联网后再试，或设置 HOTLINE_SPEECH_MODEL=auto")
    return _synthetic(f"{why}改用自带的合成模型：")


def _install(source: Source, folder: Path, progress: Progress) -> None:
    archive = folder.with_suffix(".zip")
    found = fetch(source.url, archive, sha256=source.sha256, progress=progress)
    log.info("speech_model_downloaded", model=source.folder, sha256=found, checked=source.sha256 is not None)
    try:
        progress("解压语音模型")
        unpack(archive, folder, needs=_ACOUSTIC_MODEL)
    finally:
        archive.unlink(missing_ok=True)


def load(settings: Settings, sources: Mapping[str, Source] = SOURCES) -> Transcriber | None:
    """The model of the setting in this process's memory, for voice messages and tools; None as with `start`."""
    try:
        info = find(settings, sources)
        if info.folder is None:
            log.warning("speech_model_off", note=info.note)
            return None
        transcriber = InProcessTranscriber(load_engine(info.folder, info.name, city_words(settings)), max_sessions=settings.max_calls)
    except (BadModel, ModelError) as error:
        log.warning("speech_model_missing", reason=str(error), effect=_EFFECT)
        return None
    log.info("speech_model_loaded", model=info.name, kind=info.kind, note=info.note)
    return transcriber


async def start(settings: Settings, sources: Mapping[str, Source] = SOURCES, *, names: Iterable[str] = ()) -> ProcessTranscriber | None:
    """The model of the setting in worker processes, for calls. `names`: see `city_words`.

    None with a line in the log that says why: then messages are taken (degraded mode).
    """
    try:
        info = find(settings, sources)
        if info.folder is None:
            log.warning("speech_model_off", note=info.note)
            return None
        transcriber = ProcessTranscriber(
            info.folder,
            info.name,
            workers=settings.speech_workers,
            max_sessions=live_limit(settings, info),
            words=city_words(settings, names),
        )
        await transcriber.start()
    except (BadModel, ModelError) as error:
        log.warning("speech_model_missing", reason=str(error), effect=_EFFECT)
        return None
    log.info("speech_model_loaded", model=info.name, kind=info.kind, note=info.note, live=transcriber.limit)
    return transcriber


def live_limit(settings: Settings, info: ModelInfo) -> int:
    """How many streams may be transcribed while they are spoken; further calls are transcribed afterwards."""
    if settings.live_transcripts:
        return settings.live_transcripts
    if info.kind == "synthetic":
        return 2 * settings.max_calls
    return max(1, int(_STREAMS_PER_CPU * (os.cpu_count() or 1)))


def city_words(settings: Settings, further: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that should be heard: places, units, categories, `further` ones, and the operator's own. Raises BadModel."""
    return tuple(dict.fromkeys((*seeded_words(), *further, *_own_words(settings))))


def seeded_words() -> tuple[str, ...]:
    """Names of the city's files: gazetteer, units, categories."""
    gazetteer = json.loads(city_file("gazetteer.json").read_text(encoding="utf-8"))
    places = [name for kind in _PLACES for name in gazetteer[kind]]
    units = [unit["name"] for unit in yaml.safe_load(city_file("units.yaml").read_text(encoding="utf-8"))]
    categories = json.loads((SEED_DIR / "taxonomy.json").read_text(encoding="utf-8"))
    return spoken_names([*places, *units, *(category["l2"] for category in categories)])


def _own_words(settings: Settings) -> list[str]:
    """Of `HOTLINE_SPEECH_WORDS`, one a line."""
    if settings.speech_words is None:
        return []
    try:
        lines = settings.speech_words.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadModel(f"HOTLINE_SPEECH_WORDS={settings.speech_words}：读不了（{error}）") from error
    return [word for line in lines if (word := line.partition("#")[0].strip())]
