"""Weights for tests: matrices as training, fine-tuning and merging change them, without a framework."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input
from git_theta.updates.rounding import round_to, widen

NUMPY = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}


def trained(spec: TensorSpec, seed: int = 0) -> bytes:
    """Weights of the usual scale."""
    numbers = np.random.default_rng(seed).standard_normal(spec.count) * 0.05
    return round_to(numbers, spec.dtype).tobytes()


def tuned(value: bytes, spec: TensorSpec, scale: float = 1e-4, seed: int = 1001) -> bytes:
    """The same weights a little further in training."""
    return moved(value, spec, np.random.default_rng(seed).standard_normal(spec.count) * scale)


def merged(value: bytes, spec: TensorSpec, rank: int, scale: float = 0.01, seed: int = 2) -> bytes:
    """The same weights with a product of low rank added."""
    rng = np.random.default_rng(seed)
    rows, columns = spec.shape[0], spec.count // spec.shape[0]
    product = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    return moved(value, spec, (product * scale / rank).reshape(-1))


def pruned(value: bytes, spec: TensorSpec, share: float, seed: int = 3) -> bytes:
    """The same weights with some of them zero."""
    words = np.frombuffer(value, f"<u{spec.word_size}").copy()
    words[np.random.default_rng(seed).random(len(words)) < share] = 0
    return words.tobytes()


def moved(value: bytes, spec: TensorSpec, by: NDArray[np.float64]) -> bytes:
    words = np.frombuffer(value, f"<u{spec.word_size}")
    return round_to(widen(words, spec.dtype) + by, spec.dtype).tobytes()


def input_of(data: bytes, step: int = 70_001) -> Input:
    """The bytes of a value as the input of an update, in pieces of `step` bytes."""

    def pieces(nbytes: int) -> Iterator[memoryview]:
        assert nbytes == len(data)
        return (memoryview(data)[at : at + step] for at in range(0, len(data), step))

    return pieces


def base_of(data: bytes, spec: TensorSpec) -> Base:
    """A base in pieces of an odd size."""
    return Base(spec, input_of(data))


def joined(pieces: Any) -> bytes:
    return b"".join(map(bytes, pieces))
