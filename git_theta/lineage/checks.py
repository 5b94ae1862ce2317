"""Checks of derivations against the parameters of both models, without reading values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from git_theta.formats.split import STRETCH
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.parameter_names import matches

#: The share of the bytes of a fine-tune or a merge that must have names and shapes of a parent's parameters.
_ALIKE: Final = 0.5

#: The share of its parent's bytes that an adapter may have at most.
_SMALL: Final = 0.5

_FLOATS: Final = frozenset(("F64", "F32", "F16", "BF16"))

#: Names that a message lists.
_SHOWN: Final = 3


@dataclass(frozen=True)
class CheckedModel:
    """A version of a model, as checks see it.

    Attributes:
        name: Its path.
        manifests: The manifests of its files.
    """

    name: str
    manifests: tuple[Manifest, ...]

    @cached_property
    def parameters(self) -> Mapping[str, Entry]:
        """Name → entry, without stretches of bytes between parameters."""
        return {
            entry.name: entry
            for manifest in self.manifests
            for entry in manifest.entries
            if not entry.name.startswith(STRETCH)
        }

    @property
    def nbytes(self) -> int:
        """Bytes of all parameters."""
        return sum(entry.spec.nbytes for entry in self.parameters.values())


def frozen_problems(
    patterns: Sequence[str], child: CheckedModel, parents: Sequence[CheckedModel]
) -> Iterator[str]:
    """Sentences about promises that a model doesn't keep: parameters that aren't as in any parent.

    Args:
        patterns: Names or patterns of parameters that are promised to be as in a parent.
        child: The model.
        parents: The versions of its parents that it was made from.
    """
    for pattern in patterns:
        found = [name for name in child.parameters if matches(name, (pattern,))]
        if not found:
            yield f"frozen {pattern!r} is no parameter's name"
            continue
        changed = [name for name in found if not any(_is_equal(child, parent, name) for parent in parents)]
        if changed:
            more = f" and {len(changed) - _SHOWN:,} more" if len(changed) > _SHOWN else ""
            yield f"not frozen, as it's said: {', '.join(changed[:_SHOWN])}{more}"


def relation_problems(
    relation: str, child: CheckedModel, parents: Sequence[CheckedModel], count: int
) -> Iterator[str]:
    """Sentences about a relation that the parameters contradict. Relations that aren't known are never wrong.

    Args:
        relation: The kind of derivation.
        child: The model.
        parents: The versions of its parents that could be read.
        count: The number of all its parents.
    """
    check = _CHECKS.get(relation)
    if check:
        yield from check(child, parents, count)


def _is_equal(child: CheckedModel, parent: CheckedModel, name: str) -> bool:
    one, other = child.parameters[name], parent.parameters.get(name)
    return other is not None and (one.digest, one.spec) == (other.digest, other.spec)


def _alike(child: CheckedModel, parent: CheckedModel) -> float:
    """The share of a model's bytes whose parameters have the name and the shape of one of its parent's."""
    total = equal = 0
    for name, entry in child.parameters.items():
        other = parent.parameters.get(name)
        total += entry.spec.nbytes
        equal += entry.spec.nbytes if other is not None and other.spec.shape == entry.spec.shape else 0
    return equal / total if total else 0.0


def _finetune(child: CheckedModel, parents: Sequence[CheckedModel], _count: int) -> Iterator[str]:
    for parent in parents:
        share = _alike(child, parent)
        if share < _ALIKE:
            yield f"no fine-tune of {parent.name}: {share:.0%} of its bytes have names and shapes from there"
        elif child.parameters and all(_is_equal(child, parent, name) for name in child.parameters):
            yield f"equal to {parent.name}: nothing is tuned"


def _merge(child: CheckedModel, parents: Sequence[CheckedModel], count: int) -> Iterator[str]:
    if count < 2:
        yield "a merge of one model"
    for parent in parents:
        share = _alike(child, parent)
        if share < _ALIKE:
            yield f"no merge of {parent.name}: {share:.0%} of its bytes have names and shapes from there"


def _adapter(child: CheckedModel, parents: Sequence[CheckedModel], _count: int) -> Iterator[str]:
    for parent in parents:
        share = child.nbytes / max(1, parent.nbytes)
        if share > _SMALL:
            yield f"no adapter of {parent.name}: it has {share:.0%} of its bytes"


def _quantized(child: CheckedModel, parents: Sequence[CheckedModel], _count: int) -> Iterator[str]:
    for parent in parents:
        before = {entry.spec.dtype for entry in parent.parameters.values()} & _FLOATS
        after = {entry.spec.dtype for entry in child.parameters.values()}
        if before and after <= before:
            yield f"no quantisation of {parent.name}: it has the same dtypes, {', '.join(sorted(after))}"


def _extended(child: CheckedModel, parents: Sequence[CheckedModel], _count: int) -> Iterator[str]:
    for parent in parents:
        if child.nbytes <= parent.nbytes:
            yield f"no extension of {parent.name}: it isn't larger"


def _pruned(child: CheckedModel, parents: Sequence[CheckedModel], _count: int) -> Iterator[str]:
    for parent in parents:
        if child.nbytes > parent.nbytes:
            yield f"not pruned: it's larger than {parent.name}"


_CHECKS: Final[Mapping[str, Callable[[CheckedModel, Sequence[CheckedModel], int], Iterator[str]]]] = (
    MappingProxyType(
        {
            "finetune": _finetune,
            "federated": _finetune,
            "merge": _merge,
            "adapter": _adapter,
            "quantized": _quantized,
            "extended": _extended,
            "pruned": _pruned,
        }
    )
)

#: Kinds of derivation that parameters can contradict; others are never found wrong.
CHECKED_RELATIONS: Final = frozenset(_CHECKS)
