"""Models of a version with samples of their values: from the cache of sketches, or from the values."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.formats.split import STRETCH
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.inference.sampled_model import SampledModel
from git_theta.model.manifest import Entry
from git_theta.model.quantized_weights import quantized_weights
from git_theta.model.tensor import TensorSpec
from git_theta.report.quantized_values import QuantizedValue
from git_theta.report.readers import StoredReader
from git_theta.runtime.threads import run_all
from git_theta.sketches.sketch import sample_count, sample_positions
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache
from git_theta.updates.ordered import ordered
from git_theta.updates.rounding import ARITHMETIC

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Samples of a tensor, if its values are read; and those of all tensors.
_MANY: Final = 4096
_MANY_IN_ALL: Final = 1 << 25

#: Values of so many bytes in all are read; of more, only those without a sketch.
_READ_ALL: Final = 1 << 30

#: Smaller tensors, in elements, say little of a model.
_LEAST: Final = 512

#: Dtypes whose elements are compared as numbers.
_NUMBERS: Final = (*ARITHMETIC, "F8_E4M3", "F8_E5M2", "I8", "U8", "I16", "I32")


def sampled_models(tree: LineageTree, names: Iterable[str], *, reads_all: bool = False) -> list[SampledModel]:
    """Models with samples of the values that are here; models that can't be read are left out.

    Args:
        tree: The version.
        names: Names of the models.
        reads_all: Whether all values are read, however many there are.
    """
    entries = {name: _entries(tree, name) for name in names}
    entries = {name: found for name, found in entries.items() if found}
    wanted = {
        entry.digest: entry
        for found in entries.values()
        for entry in found.values()
        if entry.spec.dtype in _NUMBERS and entry.spec.count >= _LEAST
    }
    samples = _samples(tree, wanted, reads_all)
    ages = _first_seen(tree, entries)
    models = []
    for name, found in entries.items():
        decoded = _decoded(tree, name, found)
        own = {entry.digest: samples[entry.digest] for entry in found.values() if entry.digest in samples}
        models.append(
            SampledModel(
                name, tree.facts(name).model, found, {**own, **decoded}, ages.get(name), frozenset(decoded)
            )
        )
    return models


def _entries(tree: LineageTree, name: str) -> dict[str, Entry]:
    try:
        manifests = tree.manifests(name)
    except ThetaError:
        return {}
    return {
        entry.name: entry
        for manifest in manifests
        for entry in manifest.entries
        if not entry.name.startswith(STRETCH)
    }


def _samples(
    tree: LineageTree, wanted: Mapping[str, Entry], reads_all: bool
) -> dict[str, NDArray[np.float32]]:
    """Digest → samples of each value that is here."""
    store = tree.repository.store
    found: dict[str, NDArray[np.float32]] = {}
    if not reads_all and sum(entry.spec.nbytes for entry in wanted.values()) > _READ_ALL:
        found = _from_cache(SketchCache(tree.repository.common_dir / "theta"), wanted)
    many = max(_LEAST, min(_MANY, _MANY_IN_ALL // max(1, len(wanted))))
    rest = [entry for digest, entry in wanted.items() if digest not in found and _is_here(store, entry)]
    with ThreadPoolExecutor(tree.repository.settings.thread_count) as pool:
        read = run_all(pool, lambda entry: _read_samples(store, entry, many), rest)
    pairs = zip(rest, read, strict=True)
    return {**found, **{entry.digest: row for entry, row in pairs if row is not None}}


def _from_cache(cache: SketchCache, wanted: Mapping[str, Entry]) -> dict[str, NDArray[np.float32]]:
    import numpy as np

    by_type: dict[TensorSpec, list[str]] = {}
    for digest, entry in wanted.items():
        if sample_count(entry.spec) and entry.spec.dtype[0] in "FB":
            by_type.setdefault(entry.spec, []).append(digest)
    found = {}
    for spec, digests in by_type.items():
        for start in range(0, len(digests), 500):
            keys = cache.keys(spec, digests[start : start + 500], sample_count(spec))
            for digest, data in keys.items():
                # The order of floats maps back by the same rule.
                found[digest] = ordered(np.frombuffer(data, "<u4")).view("<f4")
    cache.close()
    return found


def _is_here(store: LocalStore, entry: Entry) -> bool:
    return all(store.has(ref.oid) for ref in entry.source.payloads())


def _read_samples(store: LocalStore, entry: Entry, many: int) -> NDArray[np.float32] | None:
    """Samples of a value, spread evenly; `None` if it can't be read."""
    from git_theta.report.elements import as_float64

    try:
        data = b"".join(map(bytes, read_value(entry, store)))
    except ThetaError:
        return None
    numbers = as_float64(memoryview(data), entry.spec)[:, 0]
    return _taken(numbers, many)


def _taken(numbers: NDArray[np.float64], many: int = _MANY) -> NDArray[np.float32]:
    import numpy as np

    places = sample_positions(len(numbers), min(many, len(numbers)))
    with np.errstate(over="ignore"):
        return numbers[places].astype(np.float32)


def _decoded(tree: LineageTree, name: str, entries: Mapping[str, Entry]) -> dict[str, NDArray[np.float32]]:
    """Digest of codes → samples of the weights that they stand for, where that's known."""
    import numpy as np

    found: dict[str, NDArray[np.float32]] = {}
    weights = quantized_weights({key: entry.spec for key, entry in entries.items()})
    if not weights:
        return found
    store = tree.repository.store
    reader = StoredReader(tree.manifests(name)[0], store)
    for weight in weights:
        codes = entries[weight.members[0]]
        if weight.shape != codes.spec.shape or not all(_is_here(store, entries[m]) for m in weight.members):
            continue
        try:
            blocks = list(QuantizedValue(weight, entries, reader).blocks())
        except ThetaError:
            continue
        found[codes.digest] = _taken(np.concatenate(blocks)[:, 0])
    return found


def _first_seen(tree: LineageTree, names: Collection[str]) -> dict[str, int]:
    """Name of a model → the number of the first commit that has a file of it, in the order of history.

    Models that no commit has yet come last. Where history is cut off, the oldest commits say nothing.
    """
    git = tree.repository.git
    files = {path: name for name in names for path in tree.models[name].files}
    tip = tree.rev or "HEAD"
    found: dict[str, int] = {}
    number = 0
    if git.ok("rev-parse", "-q", "--verify", tip):
        for number, added in enumerate(_additions(tree, tip)):
            for path in added:
                if path in files:
                    found.setdefault(files[path], number)
    return {name: found.get(name, number + 1) for name in names}


def _additions(tree: LineageTree, tip: str) -> Iterator[list[str]]:
    """Paths that each commit added, the oldest commit first."""
    text = tree.repository.git.listing(
        *("log", "--reverse", "--topo-order", "--root", "--diff-filter=A", "--no-renames", "--name-only"),
        *("-m", "--first-parent", "-z", "--format=format:%x01%H", tip, "--"),
    )
    for commit in os.fsdecode(text).split("\x01")[1:]:
        _, _, rest = commit.partition("\n")
        yield [path for path in rest.split("\0") if path]
