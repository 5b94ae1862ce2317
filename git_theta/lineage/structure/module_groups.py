"""Changes of modules, with those of a whole container as one: `encoder.layer.12.*` was added."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from git_theta.lineage.structure.match import StructureMatch
from git_theta.lineage.structure.module_graph import ModuleContainer
from git_theta.lineage.structure.module_tree import ModelModule, ModuleTree


class ModuleChange(Enum):
    """Kinds of changes of a module; the values are those of the JSON form."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    RESHAPED = "reshaped"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Changes of one kind of a module, or of all modules of a container.

    Attributes:
        kind: The kind.
        names: The name; of what moved, the old and the new one. Names of containers end with `*`.
        olds: The modules before; empty if they were added.
        news: The modules after, in the same order; empty if they were removed.
    """

    kind: ModuleChange
    names: tuple[str, ...]
    olds: tuple[ModelModule, ...]
    news: tuple[ModelModule, ...]

    @property
    def modules(self) -> tuple[ModelModule, ...]:
        """The modules after; of those removed, before."""
        return self.news or self.olds

    @property
    def changed_values(self) -> int:
        """The number of modules with other values than before."""
        return sum(old.content != new.content for old, new in zip(self.olds, self.news, strict=False))


def module_groups(match: StructureMatch) -> Iterator[ModuleGroup]:
    """The changes between two models: removed, added, moved, reshaped and changed modules, in this order."""
    before = {b: a for pairs in (match.pairs, match.reshaped) for a, b in pairs.items()}
    moved = {b: match.old.modules[a].name for a, b in match.moved.items()}
    for name, found in _collapsed(match.old, match.removed):
        yield ModuleGroup(ModuleChange.REMOVED, (name,), _modules(match.old, found), ())
    for name, found in _collapsed(match.new, match.added):
        yield ModuleGroup(ModuleChange.ADDED, (name,), (), _modules(match.new, found))
    unmoved = [at for at in match.changed if at not in moved]
    for kind, groups in (
        (ModuleChange.MOVED, _moves(match.old, match.new, moved)),
        (ModuleChange.RESHAPED, (((match.new.modules[at].name,), [at]) for at in match.reshaped.values())),
        (ModuleChange.CHANGED, (((name,), found) for name, found in _collapsed(match.new, unmoved))),
    ):
        for names, found in groups:
            olds = _modules(match.old, [before[at] for at in found])
            yield ModuleGroup(kind, names, olds, _modules(match.new, found))


def _modules(tree: ModuleTree, indices: Sequence[int]) -> tuple[ModelModule, ...]:
    return tuple(tree.modules[at] for at in indices)


def _collapsed(tree: ModuleTree, wanted: Collection[int]) -> Iterator[tuple[str, Sequence[int]]]:
    """Name and indices of wanted modules; those of a container together if all of its modules are wanted."""
    marked = set(wanted)
    counts = [0, *accumulate(at in marked for at in range(len(tree.modules)))]

    def is_whole(container: ModuleContainer) -> bool:
        return counts[container.end] - counts[container.start] == container.end - container.start

    for found in _largest(tree.root, is_whole):
        if isinstance(found, ModuleContainer):
            yield f"{found.name}*", range(found.start, found.end)
        elif found in marked:
            yield tree.modules[found].name, [found]


def _moves(
    old: ModuleTree, new: ModuleTree, old_names: Mapping[int, str]
) -> Iterator[tuple[tuple[str, str], Sequence[int]]]:
    """Old and new name, and indices, of moved modules; those of a container that moved as a whole together.

    Args:
        old: The old model.
        new: The new model.
        old_names: Index of a moved module → its old name.
    """
    names = sorted(f"{module.name}." for module in old.modules)

    def old_start(container: ModuleContainer) -> str | None:
        """The old name of a container, with a separator; `None` unless it had exactly these modules."""
        found = None
        for at in range(container.start, container.end):
            start = _old_start(old_names.get(at), new.modules[at].name, container.name)
            if start is None or start != (found if found is not None else start):
                return None
            found = start
        same = found is not None and _beginning_with(names, found) == container.end - container.start
        return found if same else None

    for found in _largest(new.root, lambda container: old_start(container) is not None):
        if isinstance(found, ModuleContainer):
            yield (f"{old_start(found)}*", f"{found.name}*"), range(found.start, found.end)
        elif found in old_names:
            yield (old_names[found], new.modules[found].name), [found]


def _beginning_with(names: Sequence[str], start: str) -> int:
    """How many of sorted names have this beginning."""
    end = bisect_right(names, start, key=lambda name: name[: len(start)])
    return end - bisect_left(names, start)


def _old_start(old: str | None, new: str, start: str) -> str | None:
    """The beginning of an old name whose rest is that of the new name; `None` if the rest is another one.

    Args:
        old: The old name; `None` if there's none.
        new: The new name.
        start: The beginning of the new name, with a separator at its end unless it's empty.
    """
    if old is None:
        return None
    # A container may have parameters of its own: the module's name lacks the separator then.
    rest = f"{new}."[len(start) :] if start else f"{new}."
    if not f"{old}.".endswith(rest):
        return None
    found = f"{old}."[: len(old) + 1 - len(rest)]
    return found if not found or found[-1] in "./" else None


def _largest(
    container: ModuleContainer, fits: Callable[[ModuleContainer], bool]
) -> Iterator[ModuleContainer | int]:
    """The largest containers that fit, of several modules each; and the indices of all other modules."""
    if container.end - container.start > 1 and fits(container):
        yield container
        return
    at = container.start
    for inner in container.inner:
        yield from range(at, inner.start)
        yield from _largest(inner, fits)
        at = inner.end
    yield from range(at, container.end)
