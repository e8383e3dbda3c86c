"""The acoustic model, final.mdl: a transition model and an nnet3 network in Kaldi's binary format, written without Kaldi.

The network is a TDNN trained with CTC. pdf 0 is the CTC blank, pdf 1+u is unit u. Phone 1 is silence (pdf 0);
phone 2+4u+p is unit u at word position p (begin, end, internal, singleton); all four positions share a pdf.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


class KaldiBytes:
    """A growing buffer in Kaldi's binary object format."""

    def __init__(self) -> None:
        self.buf = bytearray(b"\0B")

    def token(self, *names: str) -> None:
        """Names, each followed by a blank."""
        for name in names:
            self.buf += name.encode() + b" "

    def int32(self, *values: int) -> None:
        """Whole numbers."""
        for value in values:
            self.buf += b"\4" + struct.pack("<i", value)

    def float32(self, value: float) -> None:
        """A number."""
        self.buf += b"\4" + struct.pack("<f", value)

    def int_vector(self, values: Sequence[int]) -> None:
        """A list of whole numbers."""
        self.buf += b"\4" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes()

    def vector(self, values: np.ndarray | Sequence[float]) -> None:
        """A vector of float32."""
        self.token("FV")
        self.int32(len(values))
        self.buf += np.asarray(values, "<f4").tobytes()

    def matrix(self, m: np.ndarray, bits: int = 32) -> None:
        """Write float32, or Kaldi's CompressedMatrix with one value range for the whole matrix (16 or 8 bits)."""
        if bits == 32:
            self.token("FM")
            self.int32(*m.shape)
            self.buf += np.asarray(m, "<f4").tobytes()
            return
        top, code, kind = {16: (65535, "CM2", "<u2"), 8: (255, "CM3", "u1")}[bits]
        low, span = float(m.min()), float(m.max() - m.min())
        self.token(code)
        self.buf += struct.pack("<ffii", low, span, *m.shape)
        self.buf += np.round((m - low) / span * top).astype(kind).tobytes()


@dataclass(frozen=True)
class Layer:
    """Affine layer on spliced input: weight is [out, in * len(offsets)]."""

    weight: np.ndarray
    bias: np.ndarray
    offsets: tuple[int, ...]


class TransitionIds:
    """Numbers transitions the way Kaldi's TransitionModel does: by (phone, HMM state, pdf)."""

    def __init__(self, unit_count: int) -> None:
        triples = [(1, 0, 0)]
        for u in range(unit_count):
            for p in range(4):
                triples += [(2 + 4 * u + p, 0, 1 + u), (2 + 4 * u + p, 1, 0)]
        self.triples = sorted(triples)
        self.first: dict[tuple[int, int], int] = {}
        self.log_probs = [0.0]
        for phone, state, _ in self.triples:
            self.first[phone, state] = len(self.log_probs)
            self.log_probs += [math.log(p) for p in ((0.5, 0.5) if phone == 1 or state else (0.5, 0.25, 0.25))]


def acoustic_model(layers: Sequence[Layer], unit_count: int, bits: int = 32) -> bytes:
    """Serialise final.mdl: transition model, nnet3 network, context and (no) priors."""
    k = KaldiBytes()
    _transition_model(k, unit_count)
    k.token("<Nnet3>")
    k.buf += ("\n" + "\n".join(_network(layers)) + "\n\n").encode()
    k.token("<NumComponents>")
    k.int32(2 * len(layers))
    for i, layer in enumerate(layers):
        _affine(k, i, layer, bits)
        _activation(k, i, "LogSoftmaxComponent" if i == len(layers) - 1 else "RectifiedLinearComponent", len(layer.bias))
    k.token("</Nnet3>", "<LeftContext>")
    k.int32(-sum(min(la.offsets) for la in layers))
    k.token("<RightContext>")
    k.int32(sum(max(la.offsets) for la in layers))
    k.token("<Priors>")
    k.vector([])
    return bytes(k.buf)


_UNIT_STATES = ((0, ((0, 0.5), (1, 0.25), (2, 0.25))), (1, ((1, 0.5), (2, 0.5))), (-1, ()))
"""State 0 emits the unit and may skip state 1, which emits blank."""
_SILENCE_STATES = ((0, ((0, 0.5), (1, 0.5))), (-1, ()))
"""One blank state."""


def _transition_model(k: KaldiBytes, unit_count: int) -> None:
    ids, phones, entries = TransitionIds(unit_count), 1 + 4 * unit_count, (_UNIT_STATES, _SILENCE_STATES)
    k.token("<TransitionModel>", "<Topology>")
    k.int_vector(range(1, phones + 1))
    k.int_vector([-1, 1] + [0] * (phones - 1))  # entry 0: unit phones, entry 1: silence
    k.int32(len(entries))
    for entry in entries:
        k.int32(len(entry))
        for pdf_class, transitions in entry:
            k.int32(pdf_class, len(transitions))
            for target, probability in transitions:
                k.int32(target)
                k.float32(probability)
    k.token("</Topology>", "<Triples>")
    k.int32(len(ids.triples))
    for triple in ids.triples:
        k.int32(*triple)
    k.token("</Triples>", "<LogProbs>")
    k.vector(ids.log_probs)
    k.token("</LogProbs>", "</TransitionModel>")


def _network(layers: Sequence[Layer]) -> list[str]:
    """The lines that say which component reads what."""
    config, source = [f"input-node name=input dim={layers[0].weight.shape[1] // len(layers[0].offsets)}"], "input"
    for i, layer in enumerate(layers):
        splice = ", ".join(source if o == 0 else f"Offset({source}, {o})" for o in layer.offsets)
        config += [
            f"component-node name=a{i} component=a{i} input={f'Append({splice})' if len(layer.offsets) > 1 else splice}",
            f"component-node name=n{i} component=n{i} input=a{i}",
        ]
        source = f"n{i}"
    return [*config, f"output-node name=output input={source} objective=linear"]


def _affine(k: KaldiBytes, number: int, layer: Layer, bits: int) -> None:
    k.token("<ComponentName>", f"a{number}", "<FixedAffineComponent>", "<LinearParams>")
    k.matrix(layer.weight, bits)
    k.token("<BiasParams>")
    k.vector(layer.bias)
    k.token("</FixedAffineComponent>")


def _activation(k: KaldiBytes, number: int, kind: str, size: int) -> None:
    k.token("<ComponentName>", f"n{number}", f"<{kind}>", "<Dim>")
    k.int32(size)
    k.token("<ValueAvg>")
    k.vector([])
    k.token("<DerivAvg>")
    k.vector([])
    k.token("<Count>")
    k.float32(0.0)
    k.token(f"</{kind}>")
