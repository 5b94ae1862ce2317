"""The content of models: parameters in groups, those that no parent has, and how they're stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.formats.split import STRETCH
from git_theta.model.manifest import Entry, Manifest, ObjectRef
from git_theta.model.sizes import SizeOf, known_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.report.fold import fold
from git_theta.report.html.cell_text import name_text
from git_theta.report.text import shape_text

#: Groups of a model that are shown.
MAX_GROUPS = 60


@dataclass(frozen=True, slots=True)
class LikeParameters:
    """Parameters whose names differ in numbers only, of one dtype and shape.

    Attributes:
        name: The folded name: `layer.{0-11}.bias`.
        count: Number of parameters.
        dtype: Type of their elements.
        shape: Shape as text.
        nbytes: Bytes of all of them.
    """

    name: str
    count: int
    dtype: str
    shape: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class StoredAs:
    """Parameters that are stored as one kind of update: its name, their number, and bytes of their values."""

    update: str
    count: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class ModelContent:
    """The content of a model.

    Attributes:
        groups: Its parameters, the first groups by name; the same object for models of one structure.
        left_out: Parameters of other groups.
        new: For each group, how many of its parameters no parent has; empty without parents.
        dtypes: Dtype and bytes of the values, the most first.
        storage: The kinds of updates, the most bytes first.
        stored: Bytes of all payloads; `None` if an object's size isn't known.
        own: Bytes of payloads that no parent needs; `None` if an object's size isn't known.
    """

    groups: tuple[LikeParameters, ...]
    left_out: int
    new: tuple[int, ...]
    dtypes: tuple[tuple[str, int], ...]
    storage: tuple[StoredAs, ...]
    stored: int | None
    own: int | None


class Structures:
    """Groups of parameters by their names, dtypes and shapes: worked out once for all models that have them.

    Use it for the models of one page.
    """

    def __init__(self) -> None:
        self._known: dict[object, tuple[tuple[LikeParameters, ...], tuple[tuple[int, ...], ...]]] = {}

    def grouped(
        self, entries: Sequence[Entry]
    ) -> tuple[tuple[LikeParameters, ...], tuple[tuple[int, ...], ...]]:
        """The groups of parameters, and the places of each group's among the entries."""
        key = tuple((entry.name, entry.spec) for entry in entries)
        if key not in self._known:
            folded = fold(((entry.name,), entry.spec, place) for place, entry in enumerate(entries))
            groups = tuple(
                _group(found.names[0], entries[found.items[0]].spec, len(found.items)) for found in folded
            )
            self._known[key] = groups, tuple(found.items for found in folded)
        return self._known[key]


def model_content(
    manifests: Iterable[Manifest],
    parents: Sequence[Iterable[Manifest]],
    structures: Structures,
    size_of: SizeOf,
) -> ModelContent:
    """The content of a model.

    Args:
        manifests: Manifests of its files.
        parents: Manifests of each of its parents' files.
        structures: Those of the page.
        size_of: Gives the size of an object that manifests don't know.
    """
    manifests = list(manifests)
    entries = [entry for manifest in manifests for entry in manifest.entries]
    entries = [entry for entry in entries if not entry.name.startswith(STRETCH)]
    groups, places = structures.grouped(entries)
    above = [manifest for parent in parents for manifest in parent]
    known = {_value(entry) for manifest in above for entry in manifest.entries}
    is_new = [_value(entry) not in known for entry in entries]
    payloads = _payloads(manifests)
    return ModelContent(
        groups[:MAX_GROUPS],
        sum(map(len, places[MAX_GROUPS:])),
        tuple(sum(is_new[place] for place in found) for found in places[:MAX_GROUPS]) if above else (),
        _totals((entry.spec.dtype, entry.spec.nbytes) for entry in entries),
        _storage(entries),
        known_bytes(payloads, size_of),
        known_bytes(payloads - _payloads(above), size_of),
    )


def _group(name: str, spec: TensorSpec, count: int) -> LikeParameters:
    return LikeParameters(name_text(name), count, spec.dtype, shape_text(spec), count * spec.nbytes)


def _value(entry: Entry) -> object:
    return entry.digest, entry.spec.dtype, entry.spec.count


def _payloads(manifests: Iterable[Manifest]) -> set[ObjectRef]:
    return {
        ref for manifest in manifests for entry in manifest.all_entries() for ref in entry.source.payloads()
    }


def _storage(entries: Sequence[Entry]) -> tuple[StoredAs, ...]:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.source.update] = counts.get(entry.source.update, 0) + 1
    totals = _totals((entry.source.update, entry.spec.nbytes) for entry in entries)
    return tuple(StoredAs(update, counts[update], nbytes) for update, nbytes in totals)


def _totals(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for name, nbytes in pairs:
        found[name] = found.get(name, 0) + nbytes
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))
