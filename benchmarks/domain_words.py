"""Character error rate before and after `telephony.speech.domain_words`, on synthetic voices kept out of the model's training.

    python -m benchmarks.domain_words [--model FOLDER] [--heard FILE] [--limit 40]

Sentences with places, units and categories of the city, said by the six voices that the synthetic model never heard, over A-law,
clean, with 5 % of the packets lost and with white noise of 10 dB. The model knows 848 words only, so that a name it does not know
comes out as other words rather than as the right sounds in wrong characters, which is what a large model writes; therefore the same
sentences also with every seventh character replaced by another one of the same sound, and the citizens' sentences of the seed data,
which hold a few such characters on purpose. --heard: instead, lines «said TAB heard» of any other recogniser.
What was right and is changed is counted too: that must stay at nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import itertools
import random
import re
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import jieba

from telephony.speech.domain_words import DomainWords
from telephony.speech.engine import Engine
from telephony.speech.measure import distance, plain
from telephony.speech.models import SYNTHETIC, seeded_words
from telephony.speech.transcriber import tidy
from telephony.speech.voice import EspeakVoice
from telephony.speech.vosk_engine import VoskEngine
from ticketing.suggestion.examples import read
from ticketing.suggestion.features import sounds
from ticketing.suggestion.noise import Noise

VOICES = ("m5", "klatt2", "linda", "f4", "Andy", "steph")
"""Kept out of the training (telephony/speech/synthetic/builder)."""
FRAMES = ("{name}路灯坏了", "我在{name}门口", "我要投诉{name}")
_FRAME = 320


class Pair(NamedTuple):
    """One sentence."""

    said: str
    heard: tuple[str, ...]
    """Word by word."""


class Words(DomainWords):
    """Mends nothing, and keeps the words apart."""

    def correct(self, words: Sequence[str]) -> str:
        """The words with a bar between them."""
        return "|".join(words)


def sentences(limit: int) -> list[str]:
    """The city's names, each in one frame after the other."""
    frames = itertools.cycle(FRAMES)
    names = random.Random(1).sample(seeded_words(), k=min(limit, len(seeded_words())))
    return [next(frames).format(name=name) for name in names]


def lossy(pcm16: bytes, chance: random.Random) -> bytes:
    """5 % of the packets are silence."""
    frames = (pcm16[start : start + _FRAME] for start in range(0, len(pcm16), _FRAME))
    return b"".join(bytes(len(frame)) if chance.random() < 0.05 else frame for frame in frames)


def noisy(pcm16: bytes, chance: random.Random) -> bytes:
    """White noise of 10 dB below the speech."""
    level = audioop.rms(pcm16, 2) / 10**0.5
    noise = struct.pack(f"<{len(pcm16) // 2}h", *(max(-32768, min(32767, int(chance.gauss(0, level)))) for _ in range(len(pcm16) // 2)))
    return audioop.add(pcm16, noise, 2)


LINES: dict[str, Callable[[bytes, random.Random], bytes]] = {"clean": lambda pcm16, _chance: pcm16, "5 % lost": lossy, "noise 10 dB": noisy}


def listen(engine: Engine, pcm16: bytes) -> tuple[str, ...]:
    """What it hears over the telephone."""
    line = audioop.alaw2lin(audioop.lin2alaw(bytes(4800) + pcm16 + bytes(16000), 2), 2)
    recogniser = engine.recogniser(8000)
    heard = [one for start in range(0, len(line), 1600) for one in recogniser.accept(line[start : start + 1600])]
    return tuple(word for one in heard + recogniser.finish() if one.kind == "final" for word in one.text.split("|"))


def report(name: str, pairs: Iterable[Pair], words: DomainWords, *, show: bool = False) -> None:
    """One line: error rates, and how many sentences got better and worse."""
    characters = before = after = better = worse = harmed = 0
    for said, heard in pairs:
        wanted, old, new = plain(said), plain("".join(heard)), plain(tidy(words.correct(heard)))
        was, now = distance(wanted, old), distance(wanted, new)
        characters, before, after = characters + len(wanted), before + was, after + now
        if show and old != wanted:
            sys.stdout.write(f"    {said} | {' '.join(heard)} | {new}\n")
        better, worse, harmed = better + (now < was), worse + (now > was), harmed + (was == 0 and now > 0)
    rates = f"{100 * before / characters:6.2f} -> {100 * after / characters:6.2f} %"
    sys.stdout.write(f"{name:24} CER {rates}  better {better:3}  worse {worse:3}  of them right before {harmed}\n")


def misheard(words: DomainWords) -> None:
    """Right sounds in wrong characters; and what is changed in the seed's sentences, each printed to be judged."""
    texts = sentences(10_000)
    chance = random.Random(7)
    noise = Noise(chance, frozenset("".join(texts)) | frozenset(sounds()))
    report("same sounds, 1 of 7", [Pair(text, tuple(jieba.lcut(noise.misheard(text, 1 / 7)))) for text in texts], words)
    found = {text for example in read().examples for text in re.findall(r"[\u4e00-\u9fff]+", example.text)}
    changed = [(text, new) for text in sorted(found) if (new := words.correct(jieba.lcut(text)).replace(" ", "")) != text]
    sys.stdout.write(f"{len(found)} sentences of the seed data, changed {len(changed)}\n")
    for text, new in changed:
        sys.stdout.write(f"    {text} -> {new}\n")


async def render(texts: list[str]) -> dict[str, list[bytes]]:
    """Every sentence in every voice."""
    said: dict[str, list[bytes]] = {}
    for name in VOICES:
        voice = EspeakVoice(voice=f"cmn+{name}")
        said[name] = [await voice.say(text) for text in texts]
        await voice.close()
    return said


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=SYNTHETIC)
    parser.add_argument("--heard", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--show", action="store_true", help="every sentence that was heard wrongly")
    options = parser.parse_args()
    jieba.setLogLevel(60)
    words = DomainWords(seeded_words())
    if options.heard:
        lines = [line.split("\t") for line in options.heard.read_text(encoding="utf-8").splitlines()]
        report(options.heard.stem, [Pair(said, tuple(jieba.lcut(heard))) for said, heard in lines], words, show=options.show)
        return
    misheard(words)
    texts = sentences(options.limit)
    said = asyncio.run(render(texts))
    engine = VoskEngine(options.model, "measured", Words())
    for line, spoil in LINES.items():
        chance = random.Random(7)
        everyone: list[Pair] = []
        for name in VOICES:
            pairs = [Pair(text, listen(engine, spoil(pcm16, chance))) for text, pcm16 in zip(texts, said[name], strict=True)]
            everyone += pairs
            if line == "clean":
                report(f"  voice {name}", pairs, words, show=options.show)
        report(line, everyone, words)


if __name__ == "__main__":
    main()
