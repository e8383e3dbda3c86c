"""`hotline models`: which speech models there are, fetching, checking and measuring them, and hearing recordings again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from hotline.assembly import make_core, make_database
from hotline.clock import CITY_ZONE
from hotline.commands.parts import say
from hotline.settings import Settings


def list_models(settings: Settings) -> None:
    """The known models, which are on this machine (●), and which one is used (→)."""
    from telephony.speech import models

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


def fetch(settings: Settings, *, offline: bool) -> None:
    """Download what the setting asks for and say what will be used."""
    from telephony.speech import models

    info = models.ensure(settings, offline=offline, progress=say)
    say(f"speech model: {info.name} {info.note}".rstrip())


def check(settings: Settings) -> int:
    """Load the model; exit code 1 when there is none."""
    from telephony.speech import models

    info = models.find(settings)
    say(f"speech model: {info.name} ({info.kind}) {info.note}".rstrip())
    return 0 if models.load(settings) is not None else 1


def bench(settings: Settings, files: Sequence[Path], model: str | None) -> int:
    """Speed, and with transcripts beside the WAV files (same name, .txt) the character error rate; 1 when nothing can be measured."""
    from telephony.client import read_wav
    from telephony.speech import models
    from telephony.speech.engine import load_engine
    from telephony.speech.measure import Sample, measure, summary

    info = models.find(settings.model_copy(update={"speech_model": model} if model else {}))
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


def retranscribe(settings: Settings, calls: Sequence[UUID], since: date | None, model: str) -> int:
    """Hear recordings again with this model and put the words beside the old ones; 1 when something could not be done."""
    queued, done = asyncio.run(_retranscribe(settings, calls, since, model))
    say(f"{queued} recordings queued, {done} transcribed again by {model}")
    return 0 if done >= queued else 1


async def _retranscribe(settings: Settings, calls: Sequence[UUID], since: date | None, model: str) -> tuple[int, int]:
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
