"""Bytes that adds store, beside those of bases that are chosen afterwards, over all versions at once."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.base_forest import plan_forest
from benchmarks.bases import SearchedStore
from benchmarks.models import noisy, read_model, write_model
from benchmarks.rows import Row
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.selection import choices
from git_theta.model.manifest import Source
from git_theta.model.sizes import payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEFAULT_DEPTH, DEPTH_FACTOR
from git_theta.sketches.sketch import difference_bits, resolution, sketch
from git_theta.updates import AUTO
from git_theta.updates.base import Base, UnsuitableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from benchmarks.models import Model
    from git_theta.model.manifest import ObjectRef

    #: Versions in the order in which one clone adds them, each with its path.
    Additions = Sequence[tuple[str, Model]]

#: The most that adds may store, as a multiple of what bases chosen afterwards take.
_LIMIT = round(1 / 0.85, 3)

#: Bits of an element of a delta beside those of the difference itself: the sign, and the coding of lengths.
_BITS_BESIDE = 1.5

#: The share of a whole float32 value that it takes as a dense payload, about.
_DENSE = 0.85

_CHECKPOINTS = 8
_FINE_TUNES = 30


def replanned(base: Path, folder: Path) -> Iterator[Row]:
    """Rows for each history: bytes that adds stored, as a multiple of those of bases chosen afterwards.

    Args:
        base: A safetensors checkpoint of BERT's names.
        folder: For temporary files.
    """
    prefixes = tuple(f"encoder.layer.0.attention.self.{part}.weight" for part in ("query", "key"))
    model = read_model(base, prefixes)
    run = _checkpoints(model, _CHECKPOINTS)
    family = [model, *(_tuned(model, seed) for seed in range(1, _FINE_TUNES))]
    shuffled = random.Random(0).sample(family, len(family))
    paths = [f"m{number}" for number in range(len(family))]
    for name, clones, limit in (
        ("checkpoints of a run", [_at_one_path(run)], _LIMIT),
        ("checkpoints of a run, the last one first", [_at_one_path(run[::-1])], _LIMIT),
        ("fine-tunes after their base", [list(zip(paths, family, strict=True))], _LIMIT),
        ("fine-tunes in random order", [list(zip(paths, shuffled, strict=True))], _LIMIT),
        ("fine-tunes in random order, at one path", [_at_one_path(shuffled)], _LIMIT),
        ("two clones merged, of two fine-tunes", [_at_one_path(family[at : at + 2]) for at in (0, 2)], None),
        ("two clones merged, of five", [_at_one_path(family[at : at + 5]) for at in (0, 5)], None),
    ):
        stored = added_bytes(clones, folder)
        planned = planned_bytes([each for clone in clones for _, each in clone])
        yield Row(name, "of planned", (stored / planned,), limit=limit)


def added_bytes(clones: Sequence[Additions], folder: Path) -> int:
    """Bytes of the parameters' payloads after the histories of some clones were merged.

    Args:
        clones: Versions that each clone added, before it knew of the others.
        folder: For temporary files.
    """
    file = folder / "replanned.safetensors"
    sizes: dict[ObjectRef, int] = {}
    for number, additions in enumerate(clones):
        place = folder / f"replanned-{number}"
        repository = SearchedStore(place)
        with closing(repository.search):
            for path, model in additions:
                write_model(file, model)
                for entry in repository.add(path, file).entries:
                    for ref in entry.source.payloads():
                        sizes[ref] = payload_bytes([ref], repository.store.size)
        shutil.rmtree(place)
    return sum(sizes.values())


def planned_bytes(models: Sequence[Model]) -> int:
    """Bytes of the parameters' payloads with bases chosen over all versions at once."""
    return sum(_versions_bytes([model[name] for model in models]) for name in models[0])


def _versions_bytes(versions: Sequence[NDArray[Any]]) -> int:
    """Bytes of the payloads of one float32 parameter's versions."""
    spec = TensorSpec("F32", versions[0].shape)
    values = [memoryview(value) for value in dict.fromkeys(version.tobytes() for version in versions)]
    sketches = [made.keys for value in values if (made := sketch(value, spec))]

    def delta(value: int, base: int) -> float:
        bits = difference_bits(sketches[value], sketches[base], resolution(spec))
        return (float(bits.mean()) + _BITS_BESIDE) / 8 * spec.count

    bases = plan_forest([_DENSE * spec.nbytes] * len(values), delta, DEFAULT_DEPTH * DEPTH_FACTOR)
    return sum(
        _encoded_bytes(value, spec, None if base is None else values[base])
        for value, base in zip(values, bases, strict=True)
    )


def _encoded_bytes(value: memoryview, spec: TensorSpec, base: memoryview | None) -> int:
    """Bytes of the cheapest payload of a value, given its base."""
    found = []
    if base is not None:
        known = base
        found.append(BaseCandidate(Base(spec, lambda _nbytes: iter([known])), Source("dense", None)))
    for choice in choices(value, spec, found, AUTO):
        try:
            return sum(len(piece) for piece in choice.payload())
        except UnsuitableError:
            continue
    raise AssertionError("dense is always possible")


def _at_one_path(models: Sequence[Model]) -> Additions:
    return [("m", model) for model in models]


def _tuned(model: Model, seed: int) -> Model:
    return {name: noisy(array, seed) for name, array in model.items()}


def _checkpoints(model: Model, count: int) -> list[Model]:
    """A run whose learning rate falls: each step is half as large as the one before."""
    found = [model]
    for step in range(1, count):
        moved = _tuned(found[-1], step)
        share = 2.0 ** (5 - step)
        found.append(
            {name: (old + (moved[name] - old) * share).astype(old.dtype) for name, old in found[-1].items()}
        )
    return found
