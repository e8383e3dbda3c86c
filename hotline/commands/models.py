"""`hotline models`: which speech models there are, fetching, checking and measuring them, and hearing recordings again."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotline.settings import Settings

app = typer.Typer(help="Speech models.", no_args_is_help=True)
Named = Annotated[str | None, typer.Argument(help="auto, cn-small, cn-large, synthetic or a folder; default: HOTLINE_SPEECH_MODEL.")]


def _settings(model: str | None = None) -> Settings:
    """The settings, with another model where one is named."""
    from hotline.commands.environment import find_settings

    settings = find_settings()
    return settings.model_copy(update={"speech_model": model}) if model else settings


@app.command("list")
def list_models() -> None:
    """The known speech models, which are on this machine, and which one is used."""
    from hotline.commands.parts import say
    from telephony.speech import models

    settings = _settings()
    say(f"HOTLINE_SPEECH_MODEL={settings.speech_model}   → is used   ● is on this machine   ○ is not: hotline models fetch NAME")
    try:
        used: Path | None = models.find(settings).folder
    except models.BadModel as error:
        used = None
        say(str(error))
    for name, folder in models.on_machine(settings).items():
        here = folder is not None
        say(f"{'→' if here and folder == used else ' '} {'●' if here else '○'} {name:<10} {folder or models.origin(name)}")
    if used is not None and used not in models.on_machine(settings).values():
        say(f"→ ● {used}")


@app.command("fetch")
def fetch(model: Named = None, offline: Annotated[bool, typer.Option("--offline", help="Download nothing.")] = False) -> None:
    """Have a speech model on this machine, and say which one is used."""
    from hotline.commands.parts import say
    from telephony.speech import models

    settings = _settings(model)
    info = models.ensure(settings, offline=offline, progress=say)
    say(f"speech model: {info.name} {info.note}".rstrip())
    if (set_to := _settings().speech_model) != settings.speech_model:
        say(f"the service uses HOTLINE_SPEECH_MODEL={set_to}; set it to {settings.speech_model} to use this one")


@app.command("check")
def check(model: Named = None) -> None:
    """Say which speech model would be used, and load it. Exit code 1 when there is none."""
    from hotline import logs
    from hotline.commands.parts import say
    from telephony.speech import models

    logs.configure("models", level="WARNING", json=False)
    settings = _settings(model)
    info = models.find(settings)
    say(f"speech model: {info.name} ({info.kind}) {info.note}".rstrip())
    loaded = models.load(settings) is not None
    say("it was loaded: calls can be transcribed" if loaded else "calls are not transcribed: callers are asked to leave a message")
    raise typer.Exit(0 if loaded else 1)


@app.command("bench")
def bench(
    wav: Annotated[list[Path], typer.Argument(help="Recordings; a .txt of the same name beside one holds its words.")],
    model: Annotated[str | None, typer.Option(help="Another model than the one that is set (as HOTLINE_SPEECH_MODEL).")] = None,
) -> None:
    """Measure a model: real-time factor, and character error rate where the words are known."""
    raise typer.Exit(_bench(_settings(model), wav))


def _bench(settings: Settings, files: Sequence[Path]) -> int:
    """1 when nothing can be measured."""
    from hotline.commands.parts import say
    from telephony.client import read_wav
    from telephony.speech import models
    from telephony.speech.engine import load_engine
    from telephony.speech.measure import Sample, measure, summary

    info = models.find(settings)
    if info.folder is None:
        say(info.note)
        return 1
    engine = load_engine(info.folder, info.name, models.city_words(settings))
    samples = [Sample(path.name, read_wav(path), _transcript(path)) for path in files]
    measured = measure(engine, samples)
    for one in measured:
        rate = "" if one.errors is None else f"  CER {100 * one.errors / max(1, one.characters):5.1f} %"
        say(f"{one.name}: {one.seconds:.1f} s, CPU {one.cpu_s:.2f} s, RTF {one.cpu_s / one.seconds:.3f}{rate}  {one.heard}")
    total = summary(measured)
    say(f"{info.name}: RTF {total.real_time_factor:.3f} (CPU), {total.streams_per_cpu:.1f} live calls on one processor")
    if total.character_error_rate is not None:
        say(f"{info.name}: character error rate {100 * total.character_error_rate:.1f} %")
    say(f"HOTLINE_LIVE_TRANSCRIPTS = {total.streams_per_cpu:.1f} x processors, less what the machine does besides")
    return 0


def _transcript(path: Path) -> str | None:
    beside = path.with_suffix(".txt")
    return beside.read_text(encoding="utf-8") if beside.is_file() else None


@app.command("retranscribe")
def retranscribe(
    model: Annotated[str, typer.Option(help="The model to hear with, for example cn-large.")],
    call: Annotated[list[UUID] | None, typer.Argument(help="Calls.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="All recordings since this day.")] = None,
) -> None:
    """Hear recordings again, by another model; what was heard before stays. Exit code 1 when something could not be done."""
    from hotline.commands.parts import say

    queued, done = asyncio.run(_retranscribe(_settings(), call or [], since.date() if since else None, model))
    say(f"{queued} recordings queued, {done} transcribed again by {model}")
    raise typer.Exit(0 if done >= queued else 1)


async def _retranscribe(settings: Settings, calls: Sequence[UUID], since: date | None, model: str) -> tuple[int, int]:
    from sqlalchemy import select

    from hotline.assembly import make_core, make_database
    from hotline.clock import CITY_ZONE
    from hotline.commands.parts import say
    from telephony.afterwards import transcribe_waiting
    from telephony.speech import models
    from ticketing.conversation.models import Call
    from ticketing.conversation.transcriptions import JobKind, ask_again

    info = models.find(settings.model_copy(update={"speech_model": model}))
    transcriber = await asyncio.to_thread(models.load, settings.model_copy(update={"speech_model": model}))
    if transcriber is None:
        say(f"{model}: {info.note or 'cannot be loaded, see the log'}")
        return 1, 0
    core, database = make_core(settings), make_database(settings)
    try:
        async with database.transaction() as session:
            wanted = list(calls)
            if since is not None:
                begin = datetime.combine(since, time(), CITY_ZONE)
                recorded = select(Call.id).where(Call.started_at >= begin, Call.recording_path.is_not(None))
                wanted += await session.scalars(recorded)
            queued = await ask_again(core, session, wanted)
        done = await transcribe_waiting(core, database, transcriber.open, transcriber.name, kinds=[JobKind.BETTER])
    finally:
        await database.close()
    return queued, done
