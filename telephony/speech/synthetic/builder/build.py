"""Build the synthetic Mandarin test model for Vosk: ``python build.py OUT --seed 1``.

Steps: sentences -> espeak-ng speech -> telephone effects and MFCC -> CTC training -> Vosk model folder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import pickle
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from telephony.speech.synthetic.builder.graph import train_bigram, units_of
from telephony.speech.synthetic.builder.sentences import Sentence, generate, vocabulary
from telephony.speech.synthetic.builder.speaker import Espeak, Job, Voice, render_many
from telephony.speech.synthetic.builder.vosk_writer import write_model

SEEN = (
    "", "Alex", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Jacky", "Lee", "Mario", "Michael", "Mike", "Nguyen", "Reed",
    "RicishayMax", "Storm", "adam", "announcer", "aunty", "benjamin", "boris", "caleb", "david", "ed", "edward", "f1", "grandma",
    "grandpa", "ian", "iven", "iven3", "john", "kaukovalta", "klatt", "klatt3", "klatt4", "klatt6", "m1", "m2", "m3", "m4", "m6",
    "m7", "m8", "max", "michel", "miguel", "norbert", "pablo", "paul", "quincy", "robert", "shelby", "travis", "zac", "",
)  # fmt: skip
"""espeak-ng variants used for training.

Not among them: those that never repeat (Alicia, f2, f3, f5, sandro, victor) and one that crashes (rob).
"""
HOUSE = ("", "f1", "m3") * 4
"""Voices that the project's own test callers use: heard more often in training (the test draws from SEEN alone)."""
UNSEEN = ("m5", "f4", "Andy", "linda", "steph", "klatt2")
"""Variants kept for the test; klatt2 comes from espeak's other (Klatt) synthesiser."""


SIZES = (0.88, 0.92, 0.96, 1.0, 1.0, 1.04, 1.08, 1.12)
"""Speaker sizes for training; the test uses 1."""


def random_voice(variants: Sequence[str], rng: random.Random, size: float = 1.0) -> Voice:
    """Pick a variant with a rate of about 3.6 to 7.4 syllables per second and some freedom of pitch."""
    return Voice(rng.choice(variants), rng.randint(170, 300), rng.randint(30, 70), rng.randint(30, 80), size)


def with_pauses(words: str, rng: random.Random, share: float = 0.07) -> str:
    """Join words; put a pause after some of them (0.2 or 0.4 s; espeak ignores an ASCII comma between hanzi)."""
    return "".join(w + (rng.choice("\uff0c\u3002") if rng.random() < share else "") for w in words.split())


def split(sentences: Sequence[Sentence], held_out: int) -> tuple[list[Sentence], list[Sentence]]:
    """Hold out whole sentences whose words all still occur in the rest."""
    left: dict[str, int] = {}
    for s in sentences:
        for w in set(s.words.split()):
            left[w] = left.get(w, 0) + 1
    train: list[Sentence] = []
    test: list[Sentence] = []
    for s in sentences:
        words = set(s.words.split())
        if len(test) < held_out and all(left[w] > 3 for w in words) and len(words) > 2:
            test.append(s)
            for w in words:
                left[w] -= 1
        else:
            train.append(s)
    return train, test


def check_readings(words: Sequence[str]) -> None:
    """Fail if espeak-ng spells a word as English (unknown characters, or its broken -r words)."""
    engine = Espeak()
    bad = [w for w in words if "(en)" in "".join(engine.phonemes(w))]
    engine.close()
    if bad:
        raise ValueError(f"espeak-ng cannot read {bad}")


def _features(item: tuple[np.ndarray, int]) -> np.ndarray:
    from telephony.speech.synthetic.builder.train import augment, mfcc, splice

    speech, seed = item
    return splice(mfcc(augment(speech, np.random.default_rng(seed)))).astype(np.float16)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sentences", type=int, default=4400)
    parser.add_argument("--held-out", type=int, default=150)
    parser.add_argument("--renderings", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=144)
    parser.add_argument("--threads", type=int, default=1, help="training threads; 2 lose on a busy machine")
    parser.add_argument("--bits", type=int, default=16, choices=(8, 16, 32))
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path, help="pickle layers, units, words and test items here, for experiments")
    return parser.parse_args()


def _log_since(begun: float) -> Callable[[str], None]:
    return lambda text: print(f"[{time.monotonic() - begun:5.0f} s] {text}", flush=True)  # noqa: T201 - a command


def _spoken(training: Sequence[Sentence], units: Sequence[str], renderings: int, rng: random.Random) -> tuple[list[Job], list[list[int]]]:
    """What espeak-ng is to say, each sentence in `renderings` voices, and the numbers of its units."""
    jobs: list[Job] = []
    labels: list[list[int]] = []
    for _ in range(renderings):
        for s in training:
            jobs.append(Job(with_pauses(s.words, rng), random_voice(SEEN + HOUSE, rng, rng.choice(SIZES))))
            labels.append([1 + units.index(u) for w in s.words.split() for u in units_of(w)])
    return jobs, labels


def _test_items(test: Sequence[Sentence], processes: int, rng: random.Random) -> dict[str, list[tuple[str, str, np.ndarray]]]:
    """Words, voice and sound of the held-out sentences, by voices of the training and by others."""
    groups = {
        "seen": [Job(s.text, random_voice(SEEN, rng)) for s in test],
        "unseen": [Job(s.text, random_voice([UNSEEN[i % len(UNSEEN)]], rng)) for i, s in enumerate(test)],
    }
    return {
        name: list(zip((s.words for s in test), (j.voice.name for j in group), render_many(group, processes), strict=True))
        for name, group in groups.items()
    }


def main() -> None:
    """The command line."""
    args = _arguments()
    log = _log_since(time.monotonic())
    rng = random.Random(args.seed)
    sentences = generate(args.sentences, args.seed)
    words = vocabulary(sentences)
    units = sorted({u for w in words for u in units_of(w)})
    check_readings(words)
    training, test = split(sentences, args.held_out)
    log(f"{len(words)} words, {len(units)} units, {len(training)} training and {len(test)} test sentences")
    jobs, labels = _spoken(training, units, args.renderings, rng)
    speech = list(render_many(jobs, args.processes))
    log(f"rendered {len(speech)} utterances, {sum(map(len, speech)) / 8000 / 3600:.2f} h")
    with mp.get_context("spawn").Pool(args.processes) as pool:
        features = pool.map(_features, [(x, args.seed * 1_000_003 + i) for i, x in enumerate(speech)], chunksize=100)
    log("features done")

    import torch

    from telephony.speech.synthetic.builder.train import Utterance, train

    torch.set_num_threads(args.threads)
    utterances = [Utterance(f, y) for f, y in zip(features, labels, strict=True)]
    layers = train(utterances, len(units), hidden=args.hidden, epochs=args.epochs, seed=args.seed, log=log)
    write_model(args.out, layers, units, words, train_bigram([s.words.split() for s in training], words), bits=args.bits)
    log(f"written {args.out}")
    if args.keep:
        kept = {"layers": layers, "units": units, "words": words, "training": [s.words for s in training]}
        args.keep.write_bytes(pickle.dumps({**kept, "items": _test_items(test, args.processes, rng)}))
    about = {"seed": args.seed, "words": len(words), "sentences": len(training), "seen": SEEN, "unseen": UNSEEN}
    (args.out / "README.json").write_text(json.dumps(about, ensure_ascii=False))
    log("done")


if __name__ == "__main__":
    main()
