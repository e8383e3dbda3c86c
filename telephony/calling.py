"""`hotline call`: a call from the terminal, from a WAV file or from typed text, with the dialogue printed as it goes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotline import logs
from hotline.errors import HotlineError, InvalidInput
from hotline.settings import Settings
from telephony.client import Caller, Happening, read_wav
from telephony.leg import CallFailed, LegGone
from telephony.media.digits import KEYS
from telephony.sip.headers import parse_uri

_LAST_WORD_S = 90.0
"""How long the other side may speak: a ticket number dictated twice takes a minute; music on hold never ends."""
_APPROXIMATE = "(transcribed by the synthetic model: approximate)"
_HINTS = {408: "那个地址没有应答：服务在运行吗？端口对吗？（hotline doctor）", 486: "对方忙", 503: "对方正在停机更新，请稍后再拨"}


@dataclass(frozen=True)
class Script:
    """What to do in a call, one item each time the other side has finished speaking."""

    wav: Sequence[Path] = ()
    say: Sequence[str] = ()
    dtmf: str = ""
    hangup_after_s: float | None = None
    """Hang up so many seconds after the answer, whatever goes on."""

    def check(self) -> None:
        """Raise InvalidInput for a file that cannot be played and a key that is none, before anybody's phone rings."""
        for path in self.wav:
            read_wav(path)
        if wrong := set(self.dtmf.upper()) - set(KEYS):
            raise InvalidInput("没有这种按键：{keys}，可以按 {known}", keys="".join(sorted(wrong)), known="".join(KEYS))


def address_of(settings: Settings, to: str) -> str:
    """Where to call: a SIP address, host:port, one of this installation's numbers, or nothing for its line. Raises InvalidInput."""
    here = f"{settings.sip_host}:{settings.edge_port or settings.sip_port}"
    if not to or to.isdigit():
        return f"sip:{to or settings.line_number}@{here}"
    address = to if to.startswith("sip:") else f"sip:{to}" if "@" in to else f"sip:{settings.line_number}@{to}"
    try:
        parse_uri(address)
    except ValueError:
        raise InvalidInput("{to} 不是 SIP 地址，请写成 sip:12345@127.0.0.1:5060", to=to) from None
    return address


async def _play(caller: Caller, script: Script, settings: Settings) -> None:
    """Wait, send an item, wait …, and hear the last answer out."""
    from telephony.speech.voice import EspeakVoice

    voice = EspeakVoice(timeout_s=settings.tts_timeout_s) if script.say else None
    try:
        sounds = [(await voice.say(text), text) for text in script.say] if voice else []
        sounds += [(await asyncio.to_thread(read_wav, path), path.name) for path in script.wav]
        for pcm16, text in sounds:
            await caller.hear(longest=_LAST_WORD_S)
            await caller.say(pcm16, text)
        if script.dtmf:
            await caller.hear(longest=_LAST_WORD_S)
            await caller.press(script.dtmf)
        await caller.hear(longest=_LAST_WORD_S)
    finally:
        if voice is not None:
            await voice.close()


def _line(happening: Happening) -> str:
    arrow = {"heard": "←", "said": "→", "pressed": "→ #", "digit": "← #", "ended": "■"}[happening.kind]
    words = happening.text if happening.text is not None else f"({happening.seconds} s)"
    return f"{happening.at_s:7.2f}  {arrow} {words}\n"


def _printer(*, approximate: bool) -> Callable[[Happening], None]:
    """Prints each happening; says once, beside what was heard, that the model is only good for trying things out."""
    notes = [_APPROXIMATE] if approximate else []

    def show(happening: Happening) -> None:
        note = f"  {notes.pop()}" if notes and happening.kind == "heard" and happening.text else ""
        print_line(_line(happening).removesuffix("\n") + note + "\n")

    return show


async def run(settings: Settings, to: str, script: Script, *, number: str, codec: str, save: Path | None, as_json: bool) -> int:
    """Place the call of `command`; the exit status."""
    from telephony.speech.models import load

    script.check()
    if save is not None:
        save.unlink(missing_ok=True)
    transcriber = await asyncio.to_thread(load, settings)
    show = (lambda _happening: None) if as_json else _printer(approximate=transcriber is not None and transcriber.name == "synthetic")
    caller = Caller(to, number=number, codec=codec, save=save, transcriber=transcriber, on_happening=show)
    if not as_json:
        print_line(f"calling {to} as {number}: ← what is heard, → what is said, # keys\n")
    outcome = "completed"
    try:
        async with caller, asyncio.timeout(script.hangup_after_s):
            await _play(caller, script, settings)
    except LegGone:
        outcome = "hung up by the other side"
    except TimeoutError:
        outcome = "timeout"
    await caller.hear_rest()  # the time was over in the middle of a sentence
    if as_json:
        happenings = [happening.as_dict() for happening in sorted(caller.happenings, key=lambda item: item.at_s)]
        print_line(json.dumps({"to": to, "codec": codec, "outcome": outcome, "events": happenings}, ensure_ascii=False) + "\n")
    return 0


def print_line(text: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def command(settings: Settings, script: Script, *, to: str, number: str, codec: str, save: Path | None, as_json: bool) -> int:
    """`hotline call`: the exit status, 0 when the call was answered."""
    logs.configure("call", level="ERROR", json=False)
    try:
        address = address_of(settings, to)
        return asyncio.run(run(settings, address, script, number=number, codec=codec.upper(), save=save, as_json=as_json))
    except CallFailed as error:
        sys.stderr.write(f"没有接通：{error}。{_HINTS.get(error.status, '')}\n")
    except (HotlineError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
    return 1
