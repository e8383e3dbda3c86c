"""Train the small CTC network of the test speech model with PyTorch on the CPU."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import kaldi_native_fbank as knf
import numpy as np
import torch
from torch import nn

from telephony.speech.synthetic.builder.acoustic import Layer
from telephony.speech.synthetic.builder.speaker import RATE, add_noise, alaw, drop_packets, speech_level

SUBSAMPLING = 3
OFFSETS: tuple[tuple[int, ...], ...] = (tuple(range(-3, 4)), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3), (0,))


def _mfcc_options() -> knf.MfccOptions:
    o = knf.MfccOptions()
    o.frame_opts.samp_freq = RATE
    o.frame_opts.dither = 0
    o.mel_opts.num_bins = 40
    o.mel_opts.high_freq = 3800
    o.num_ceps = 40
    o.use_energy = False
    return o


_OPTIONS = _mfcc_options()


def mfcc(pcm: np.ndarray) -> np.ndarray:
    """MFCC of float samples in 16-bit scale; must agree with vosk_writer.MFCC_CONF."""
    extractor = knf.OnlineMfcc(_OPTIONS)
    extractor.accept_waveform(RATE, pcm.tolist())
    extractor.input_finished()
    return np.stack([extractor.get_frame(i) for i in range(extractor.num_frames_ready)])


def augment(speech: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random level, silence, noise, packet loss and A-law; int16 in, float in 16-bit scale out."""
    x = speech_level(speech.astype(np.float32), float(rng.uniform(0.08, 0.95)))
    x = np.concatenate([np.zeros(int(rng.integers(400, 3200)), np.float32), x, np.zeros(int(rng.integers(800, 4800)), np.float32)])
    if rng.random() < 0.6:
        x = add_noise(x, float(rng.uniform(8, 35)), rng, pink=bool(rng.random() < 0.5))
    x += rng.standard_normal(len(x)).astype(np.float32) * 10 ** float(rng.uniform(-4.5, -3))
    x = alaw(x)
    if rng.random() < 0.3:
        x = drop_packets(x, float(rng.uniform(0.02, 0.08)), rng)
    return x * 32767


class Tdnn(nn.Module):
    """TDNN on already spliced and subsampled frames: every layer is affine on the frames OFFSETS names, then ReLU."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.middle = nn.ModuleList(nn.Linear(3 * hidden, hidden) for _ in OFFSETS[1:-1])
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Log probabilities of blank and units for each frame."""
        h = torch.relu(self.first(x))
        for layer in self.middle:
            p = nn.functional.pad(h, (0, 0, 1, 1))
            h = torch.relu(layer(torch.cat([p[:, :-2], p[:, 1:-1], p[:, 2:]], -1)))
        return torch.log_softmax(self.last(h), -1)

    def layers(self) -> list[nn.Linear]:
        """All affine layers, first to last."""
        return [m for m in (self.first, *self.middle, self.last) if isinstance(m, nn.Linear)]


@dataclass(frozen=True)
class Utterance:
    """Spliced frames [n, 7 * 40] (half precision, not normalised) and unit numbers (1-based; 0 is blank)."""

    frames: np.ndarray
    labels: list[int]


def splice(features: np.ndarray) -> np.ndarray:
    """Take every third frame with three neighbours on either side (edges repeated, as Kaldi does)."""
    padded = np.pad(features, ((3, 6), (0, 0)), mode="edge")
    count = (len(features) + SUBSAMPLING - 1) // SUBSAMPLING
    return np.stack([padded[3 * t : 3 * t + 7].reshape(-1) for t in range(count)])


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of the spliced frames, [7 * 40] each."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, data: Sequence[Utterance]) -> Scale:
        """Measured on some five hundred utterances, in the middle of the splice."""
        sample = np.concatenate([u.frames[:, 120:160] for u in data[:: max(1, len(data) // 500)]]).astype(np.float32)
        return cls(np.tile(sample.mean(0), 7), np.tile(sample.std(0) + 1e-3, 7))

    def folded(self, first: Layer) -> Layer:
        """The first layer as it must be for frames that nobody has normalised."""
        weight = first.weight / self.deviation
        return Layer(weight, first.bias - weight @ self.mean, first.offsets)


def _batches(data: Sequence[Utterance], batch_frames: int) -> list[list[int]]:
    """Utterances of like length together, at most `batch_frames` frames with the padding."""
    batches: list[list[int]] = []
    for i in sorted(range(len(data)), key=lambda i: len(data[i].frames)):
        if not batches or (len(batches[-1]) + 1) * len(data[i].frames) > batch_frames:
            batches.append([])
        batches[-1].append(i)
    return batches


def _loss(net: Tdnn, batch: Sequence[Utterance], scale: Scale, rng: np.random.Generator) -> torch.Tensor:
    """CTC loss of a batch for each unit, half of it with a few frames hidden (as SpecAugment does)."""
    lengths = torch.tensor([len(u.frames) for u in batch])
    x = torch.zeros(len(batch), int(lengths.max()), 280)
    for row, u in enumerate(batch):
        x[row, : len(u.frames)] = torch.from_numpy((u.frames.astype(np.float32) - scale.mean) / scale.deviation)
        if rng.random() < 0.5:
            at, width = int(rng.integers(0, max(1, len(u.frames) - 8))), int(rng.integers(1, 4))
            x[row, at : at + width] = 0
    labels = torch.tensor([y for u in batch for y in u.labels])
    sizes = torch.tensor([len(u.labels) for u in batch])
    loss = nn.functional.ctc_loss(net(x).transpose(0, 1), labels, lengths, sizes, reduction="none", zero_infinity=True)
    return (loss / sizes).mean()


def train(
    data: Sequence[Utterance],
    unit_count: int,
    *,
    hidden: int = 128,
    epochs: int = 12,
    batch_frames: int = 2500,
    rate: float = 3e-3,
    seed: int = 1,
    log: Callable[[str], None] = print,
) -> list[Layer]:
    """Train and return the layers with the feature normalisation folded into the first one."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    scale, batches = Scale.of(data), _batches(data, batch_frames)
    net = Tdnn(7 * 40, hidden, unit_count + 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-4)
    total = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1.0, (s + 1) / 100) * 0.5 * (1 + math.cos(math.pi * min(1.0, s / total))) + 1e-4
    )
    hours, parameters = sum(len(u.frames) for u in data) * 0.03 / 3600, sum(p.numel() for p in net.parameters())
    log(f"{len(data)} utterances, {hours:.2f} h, {len(batches)} batches, {parameters} parameters")
    begun = time.monotonic()
    for epoch in range(epochs):
        net.train()
        losses: list[float] = []
        for b in rng.permutation(len(batches)):
            loss = _loss(net, [data[i] for i in batches[b]], scale, rng)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        log(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, {time.monotonic() - begun:.0f} s")
    with torch.no_grad():
        layers = [Layer(m.weight.numpy(), m.bias.numpy(), o) for m, o in zip(net.layers(), OFFSETS, strict=True)]
    return [scale.folded(layers[0]), *layers[1:]]
