"""Parameters of a model that are moved between versions of a parent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.cascade.parents import ParentVersions
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.manifest import Entry, Manifest
from git_theta.updates.rounding import ARITHMETIC

#: Relations whose models have parameters of their own, and none of the parent's.
_ADAPTER = "adapter"

#: The relation of models that have a part of each parent's change, and not all of it.
_MERGE = "merge"

#: Relations whose models mean the same as their parent in other numbers: none of them may stay as it was.
_COPIES = frozenset(("quantized",))

#: Names that a message lists.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Move:
    """A parameter of a model, and the versions of a parent's parameter between which it's moved.

    Attributes:
        entry: The parameter.
        old: The old version of the parent's.
        new: The new version of the parent's, of the same shape, as all are.
    """

    entry: Entry
    old: Entry
    new: Entry

    @property
    def is_change(self) -> bool:
        """Whether the parent's versions differ."""
        return _content(self.old) != _content(self.new)

    @property
    def is_between_dtypes(self) -> bool:
        """Whether the parent's versions differ, and not all three have one dtype."""
        return self.is_change and len({each.spec.dtype for each in (self.entry, self.old, self.new)}) > 1


def moved_parameters(
    files: Iterable[Manifest], parents: Sequence[ParentVersions], model: str, relation: str
) -> dict[str, Move]:
    """Name → move, of each parameter that a model shares with the first parent that has it.

    Args:
        files: The manifests of the model's files.
        parents: The parents that have changed.
        model: The model's path for messages.
        relation: The kind of derivation.

    Raises:
        ThetaError: The model is a merge; it has none of its parents' parameters, and isn't an adapter; or it
            has them in a form that can't be added to.
    """
    hint = "record its command: git theta run"
    if relation == _MERGE:
        raise ThetaError(f"nobody knows in which shares {model} was merged", hint)
    moves: dict[str, Move] = {}
    left: list[str] = []
    mine = {entry.name: entry for manifest in files for entry in parameter_entries(manifest)}
    for parent in parents:
        old, new = _by_name(parent.old), _by_name(parent.new)
        for name in old:
            before, after, entry = old[name], new.get(name), mine.get(name)
            if name in moves:
                continue
            if entry and after and entry.spec.shape == before.spec.shape == after.spec.shape:
                moves[name] = Move(entry, before, after)
            elif after is None or _content(before) != _content(after):
                left.append(name)
    if relation == _ADAPTER and not moves:
        return {}
    if not moves:
        raise ThetaError(f"{model} has no parameters in common with {parents[0].name}", hint)
    if relation in _COPIES and left:
        raise ThetaError(f"{model} has {shown(left)} in another form than {parents[0].name}", hint)
    for name, move in moves.items():
        dtypes = {each.spec.dtype for each in (move.entry, move.old, move.new)}
        if move.is_change and len(dtypes) > 1 and not dtypes <= set(ARITHMETIC):
            raise ThetaError(f"{name} of {model} is in another form than that of {parents[0].name}", hint)
    return moves


def _by_name(manifests: Iterable[Manifest]) -> dict[str, Entry]:
    return {entry.name: entry for manifest in manifests for entry in parameter_entries(manifest)}


def _content(entry: Entry) -> object:
    return entry.spec, entry.digest


def shown(names: Sequence[str]) -> str:
    """Some of many names, for a message."""
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
