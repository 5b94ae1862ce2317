"""Cues: which of two related models was made from the other one, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from git_theta.lineage.inference.sampled_model import SampledModel

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Mantissa bits of float dtypes; fewer of them are kept by whoever rounds a model.
_PRECISION: Final = {"F64": 52, "F32": 23, "F16": 10, "BF16": 7, "F8_E4M3": 3, "F8_E5M2": 2, "I8": 1, "U8": 1}

#: The distance that quantisation makes, at most.
_CODES_ERROR: Final = 0.15

#: The share of zeros that a pruned model has more than its parent.
_MORE_ZEROS: Final = 0.1

#: The share of bytes that an extended model has more than its parent.
_MORE_BYTES: Final = 0.001


@dataclass(frozen=True, slots=True)
class Cue:
    """A reason why a model is the child of another one.

    Attributes:
        child: Whether the first of two models is the child.
        relation: The kind of derivation that the reason speaks for; empty if for none.
        text: The reason in words.
    """

    child: bool
    relation: str
    text: str


def cues(one: SampledModel, other: SampledModel) -> Iterator[Cue]:
    """Reasons why one of two related models is the child, the strongest first."""
    yield from _by_precision(one, other)
    yield from _by_zeros(one, other)
    yield from _by_time(one, other)
    yield from _by_extent(one, other)


def _by_precision(one: SampledModel, other: SampledModel) -> Iterator[Cue]:
    """Fewer bits of mantissa: rounding can't be undone."""
    mine, theirs = _precision(one, other), _precision(other, one)
    if mine != theirs and mine and theirs:
        child, dtype = mine < theirs, min(_dtypes(one, other) if mine < theirs else _dtypes(other, one))
        relation = "quantized" if min(mine, theirs) < _PRECISION["BF16"] else ""
        yield Cue(child, relation, f"{dtype} is less precise")


def is_rounded(one: SampledModel, other: SampledModel) -> bool:
    """Whether a model has a less precise dtype than another one, for parameters that correspond."""
    mine, theirs = _precision(one, other), _precision(other, one)
    return 0 < mine < theirs


def rounding_error(model: SampledModel) -> float:
    """The distance that rounding to a model's least precise dtype makes, at most; 0 if that isn't known."""
    dtypes = {entry.spec.dtype for entry in model.entries.values()}
    bits = [_PRECISION[dtype] for dtype in dtypes if dtype in _PRECISION]
    if not bits:
        return 0.0
    return _CODES_ERROR if min(bits) < _PRECISION["BF16"] else 2.0 ** -min(bits)


def _by_zeros(one: SampledModel, other: SampledModel) -> Iterator[Cue]:
    mine, theirs = one.zeros, other.zeros
    if abs(mine - theirs) >= _MORE_ZEROS:
        yield Cue(mine > theirs, "pruned", f"{max(mine, theirs):.0%} zeros, and {min(mine, theirs):.0%}")


def _by_time(one: SampledModel, other: SampledModel) -> Iterator[Cue]:
    if one.first_seen is not None and other.first_seen is not None and one.first_seen != other.first_seen:
        yield Cue(one.first_seen > other.first_seen, "", "committed later")


def _by_extent(one: SampledModel, other: SampledModel) -> Iterator[Cue]:
    """More parameters, or larger ones: heads and vocabularies are added."""
    mine, theirs = one.columns.keys(), other.columns.keys()
    elements = [sum(entry.spec.count for entry in model.entries.values()) for model in (one, other)]
    larger = max(elements) - min(elements)
    if larger > _MORE_BYTES * max(elements) and (mine >= theirs or theirs >= mine or _grown(one, other)):
        yield Cue(elements[0] > elements[1], "extended", "more elements, beside all of the other one's")


def _grown(one: SampledModel, other: SampledModel) -> bool:
    """Whether the models have the same names, and shapes that differ in the first dimension alone."""
    mine, theirs = (dict(model.columns.keys()) for model in (one, other))
    if mine.keys() != theirs.keys():
        return False
    return all(mine[name][1:] == theirs[name][1:] for name in mine)


def _dtypes(one: SampledModel, other: SampledModel) -> set[str]:
    """Dtypes of a model's parameters that another one has in another dtype."""
    found = set()
    for key, entry in one.columns.items():
        beside = other.columns.get(key)
        if beside is not None and beside.spec.dtype != entry.spec.dtype:
            found.add(entry.spec.dtype)
    return found


def _precision(one: SampledModel, other: SampledModel) -> float:
    """The mean number of mantissa bits of parameters whose dtypes differ; 0 if it isn't known."""
    total, bits = 0, 0.0
    for key, entry in one.columns.items():
        beside = other.columns.get(key)
        if beside is not None and beside.spec.dtype != entry.spec.dtype and entry.spec.dtype in _PRECISION:
            total += entry.spec.count
            bits += entry.spec.count * _PRECISION[entry.spec.dtype]
    return bits / total if total else 0.0
