"""Bases of lossy values: earlier versions of a model, and the models that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from git_theta.encoding.candidates import NewParameter, match_parameters, usable_bases
from git_theta.encoding.decode import decode_verified, read_value
from git_theta.encoding.readable import readable
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.lossy.open_models import ExactValue, OpenModel, merged
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.revspec import find_manifest
from git_theta.git.worktree.previous_version import earlier_versions
from git_theta.lineage.graph import Graph
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import joined
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import Base


@dataclass(frozen=True, slots=True)
class StoredBase:
    """A value that is stored.

    Attributes:
        entry: The parameter that has it.
        base: The value.
    """

    entry: Entry
    base: Base


@dataclass(frozen=True, slots=True)
class PlannedBase:
    """A value that a parent gets, which is about to be stored nearly, too.

    Attributes:
        model: The parent's path.
        name: The parent's parameter.
        base: The value.
    """

    model: str
    name: str
    base: Base


#: A value that changes may start from.
LossyBase = StoredBase | PlannedBase


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model whose values are decided, and not stored yet.

    Attributes:
        current: Its parameters, as they're in the work tree.
        value: Gives the bytes that a parameter gets, by its name.
    """

    current: Manifest
    value: Callable[[str], memoryview]


@dataclass(frozen=True, slots=True)
class ModelBases:
    """The versions and models that a model's values may start from.

    Attributes:
        stored: Parameters of versions that are stored.
        planned: Parents that are stored in the same command, by their paths.
    """

    stored: Sequence[Manifest]
    planned: Mapping[str, PlannedModel]

    def has(self, key: str) -> bool:
        """Whether a version has exactly the value of a digest, so that it costs nothing."""
        return any(entry.digest == key for manifest in self.stored for entry in manifest.entries)

    def of(self, value: ExactValue, repository: Repository) -> Iterator[LossyBase]:
        """The values of the same dtype and shape that a parameter may start from."""
        wanted = [NewParameter(name, value.spec) for name in value.names]
        for manifest in self.stored:
            for entry in _matching(wanted, manifest):
                for link in _links(entry, repository):
                    yield StoredBase(link, Base(value.spec, partial(_stored, link, repository.store)))
        for model, parent in self.planned.items():
            for entry in _matching(wanted, parent.current):
                read = partial(_pieces, parent.value, entry.name)
                yield PlannedBase(model, entry.name, Base(value.spec, read))


def model_bases(
    repository: Repository,
    model: OpenModel,
    graph: Graph,
    tree: LineageTree,
    planned: Mapping[str, PlannedModel],
    rev: str,
) -> ModelBases:
    """The versions and models that a model's values may start from.

    These are the version that is staged, the newest committed one that differs, and the parents; or the
    version of a commit alone.

    Args:
        repository: The repository, with Git at the top of the work tree.
        model: The model.
        graph: The lineage of the index.
        tree: The index.
        planned: Models that are stored in the same command, and whose values are decided.
        rev: A revision, or `REV:PATH`, whose version is taken; empty for none.

    Raises:
        UsageError: The revision has no such file.
    """
    if rev:
        names = [rev] if ":" in rev else [f"{rev}:{file.target.path}" for file in model.files]
        return ModelBases([merged([find_manifest(repository.git, name) for name in names])], {})
    parents = graph.parents(model.name) if model.name in graph.models else ()
    before = [manifest for manifest in _versions(repository, model) if not _is_same(manifest, model.current)]
    others = [merged(tree.manifests(name)) for name in parents if name in tree.models and name not in planned]
    return ModelBases([*before[:2], *others], {name: planned[name] for name in parents if name in planned})


def fetch_bases(repository: Repository, bases: ModelBases, names: Iterable[str]) -> None:
    """Fetch the values of parameters, by their names, from versions whose objects aren't here."""
    wanted = set(names)
    ensure_values(
        repository, [entry for each in bases.stored for entry in each.entries if entry.name in wanted]
    )


def _versions(repository: Repository, model: OpenModel) -> Iterator[Manifest]:
    """The version that is staged, and committed ones, the newest first."""
    yield merged([file.target.previous.manifest for file in model.files])
    if len(model.files) == 1:
        yield from earlier_versions(repository, model.files[0].target.path)
    elif repository.git.ok("rev-parse", "-q", "--verify", "HEAD"):
        with LineageTree(repository, "HEAD") as tree:
            if model.name in tree.models:
                yield merged(tree.manifests(model.name))


def _is_same(one: Manifest, other: Manifest) -> bool:
    first, second = ({entry.name: entry.digest for entry in each.entries} for each in (one, other))
    return first == second


def _matching(wanted: Sequence[NewParameter], manifest: Manifest) -> list[Entry]:
    found = match_parameters(wanted, manifest, _never).values()
    return [entry for entry in found if entry.spec == wanted[0].spec]


def _never(_spec: TensorSpec, _base: TensorSpec) -> bool:
    return False


def _links(entry: Entry, repository: Repository) -> Iterator[Entry]:
    """The parameter's value, or those that it stands on, as far as another update may stand on them."""
    store, nbytes = repository.store, entry.spec.nbytes
    entry = readable(entry, store) or entry
    for source, at_limit in usable_bases(entry.source, nbytes, repository.settings.depth, store.size):
        if source == entry.source and not at_limit:
            yield entry
        elif not at_limit:
            value = joined(decode_verified(source, store, nbytes), nbytes, store.temporary_file)
            yield replace(entry, digest=digest(value), source=source)


def _stored(entry: Entry, store: LocalStore, _nbytes: int) -> Iterator[memoryview]:
    return read_value(entry, store)


def _pieces(value: Callable[[str], memoryview], name: str, _nbytes: int) -> Iterator[memoryview]:
    yield value(name)
