"""The cost of a fine-tune whose base is stored elsewhere: in other shards, versions and layers.

The row "direct" is the cost as the next version of the base, and the target of most others. The search for
bases is measured, too, among ten thousand stored tensors.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.models import noisy, read_model, write_model
from benchmarks.rows import Row
from git_theta.clean import Cleaner
from git_theta.model.digest import digest
from git_theta.model.sizes import payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import default_threads
from git_theta.sketches.query import NewValue
from git_theta.sketches.search import SketchSearch
from git_theta.sketches.sketch import sketch
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.models import Model
    from git_theta.model.manifest import Manifest, ObjectRef, Source

    #: A path in the repository, and what is added there.
    Step = tuple[str, Model]

#: How much larger than the direct pair a fine-tune may be, as a factor and as a share of the file.
_FACTOR, _EXTRA = 1.02, 0.002

_LAYERS = 6
_STORED = 10_000


def bases(base: Path, tuned: Path | None, folder: Path) -> Iterator[Row]:
    """Rows for each way to store the base.

    Args:
        base: A safetensors checkpoint of BERT's names.
        tuned: A fine-tune of it; `None` to add noise.
        folder: For temporary files.
    """
    prefixes = tuple(f"encoder.layer.{number}." for number in range(_LAYERS))
    old = read_model(base, prefixes)
    new = read_model(tuned, prefixes) if tuned else {name: noisy(array) for name, array in old.items()}
    # Reversed parameters have nothing in common with the model.
    other = {name: array.reshape(-1)[::-1].reshape(array.shape) for name, array in old.items()}
    sibling = {name: noisy(array, seed=1) for name, array in old.items()}
    direct = _cost(folder, [("m", old)], [("m", new)])
    yield Row("direct", "of file", (direct,))
    twice = (0, 0, 1, 1, 2, 2)
    for name, before, after, share in (
        ("3 shards → 1", _shards(old, 3), [("m", new)], 1.0),
        ("1 → 4 shards", [("m", old)], _shards(new, 4), 1.0),
        ("4 shards → 3", _shards(old, 4), _shards(new, 3), 1.0),
        ("the path had another model meanwhile", [("m", old), ("m", other)], [("m", new)], 1.0),
        ("three versions ago", [("m", old), ("m", sibling), ("m", other)], [("m", new)], 1.0),
        ("other names", [("m", old)], [("n", _renamed(new))], 1.0),
        ("every second layer", [("m", old)], [("n", _some_layers(new, (0, 2, 4)))], 1.0),
        ("layers twice", [("m", old)], [("m", _some_layers(new, twice))], 0.5),
        ("every second layer, untuned", [("m", old)], [("n", _some_layers(old, (0, 2, 4)))], 0.0),
        ("layers twice, untuned", [("m", old)], [("m", _some_layers(old, twice))], 0.0),
    ):
        limit = share * (direct * _FACTOR + _EXTRA)
        yield Row(name, "of file", (_cost(folder, before, after),), limit=round(limit, 4))
    yield Row(f"search of {_STORED:,} tensors", "s", _searches(folder), limit=0.001)


class SearchedStore:
    """A store that knows all values in it by their digests, and their sketches."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder)
        self.search = SketchSearch(SketchCache(folder))
        self.latest: dict[str, Manifest] = {}
        self.sources: dict[str, Source] = {}

    def add(self, path: str, file: Path) -> Manifest:
        """Store the next version of a path."""
        cleaner = Cleaner(
            self.store,
            known=lambda digests: {key: self.sources[key] for key in digests if key in self.sources},
            threads=default_threads(),
            search=self.search,
            candidates=lambda: list(self.latest.values()),
        )
        previous = [self.latest[path]] if path in self.latest else []
        manifest = cleaner.clean(memoryview(file.read_bytes()), previous).manifest
        self.sources.update((entry.digest, entry.source) for entry in manifest.entries)
        self.latest[path] = manifest
        return manifest


def _cost(folder: Path, before: Sequence[Step], after: Sequence[Step]) -> float:
    """The bytes of new payloads for the last files, as a share of their parameters."""
    place, file = folder / "bases", folder / "bases.safetensors"
    repository = SearchedStore(place)
    stored: set[ObjectRef] = set()
    new: set[ObjectRef] = set()
    size = 0
    with closing(repository.search):
        for step, (path, model) in enumerate((*before, *after)):
            write_model(file, model)
            manifest = repository.add(path, file)
            refs = {ref for entry in manifest.entries for ref in entry.source.payloads()}
            if step < len(before):
                stored |= refs
            else:
                new |= refs - stored
                size += sum(array.nbytes for array in model.values())
        cost = payload_bytes(new, repository.store.size)
    shutil.rmtree(place)
    return cost / size


def _shards(model: Model, count: int) -> list[Step]:
    names = list(model)
    size = -(-len(names) // count)
    parts = [names[at : at + size] for at in range(0, len(names), size)]
    return [
        (f"m-{number}-of-{count}", {name: model[name] for name in part}) for number, part in enumerate(parts)
    ]


def _renamed(model: Model) -> Model:
    """The parameters under names that say nothing."""
    return {f"p{number}": array for number, array in enumerate(model.values())}


def _some_layers(model: Model, kept: Sequence[int]) -> Model:
    """A model of some layers, numbered anew."""
    return {
        name.replace(f".{layer}.", f".{number}.", 1): array
        for number, layer in enumerate(kept)
        for name, array in model.items()
        if name.startswith(f"encoder.layer.{layer}.")
    }


def _searches(folder: Path) -> tuple[float, ...]:
    """Seconds of searches among many tensors of one type."""
    import numpy as np

    spec, rng = TensorSpec("F32", (128, 128)), np.random.default_rng(0)
    place = folder / "searched"
    with closing(SketchSearch(SketchCache(place))) as search:
        values = [rng.standard_normal(spec.count, np.float32) for _ in range(100)]
        sketches = {}
        for number in range(_STORED):
            value = memoryview(np.roll(values[number % len(values)], number).tobytes())
            made = sketch(value, spec)
            assert made is not None
            sketches[digest(value)] = made
        search.add(sketches)
        seconds = []
        for value in values:
            start = time.perf_counter()
            search.nearest(NewValue.of(memoryview(noisy(value).tobytes()), spec))
            seconds.append(time.perf_counter() - start)
    shutil.rmtree(place)
    return tuple(seconds)
