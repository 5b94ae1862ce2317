"""Merges of formats whose files aren't written anew: one side's file is the result, as it has all changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

from git_theta.formats.base import ComposeError, FileDraft, FileVersion, Format, Prefer
from git_theta.formats.split import uncovered
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec

#: Names that a message lists.
_SHOWN = 3

#: Everything in a version of a file that isn't a parameter's value, by name.
Facts = Mapping[str, Hashable]


def compose_one_sided(
    plugin: Format,
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer,
    facts: Callable[[FileVersion], Facts],
) -> FileDraft:
    """The file of a side that has all changes; see `git_theta.formats.base.Composer`.

    Args:
        plugin: The format.
        base: The common ancestor; `None` if there's none.
        sides: The versions to merge.
        wanted: The parameters of the new file.
        prefer: Chooses a side for a name in conflict.
        facts: Gives everything in a version besides parameters' values.

    Raises:
        ComposeError: There's no such side.
        FormatError: A version is damaged.
    """
    rule = ThreeWay(prefer)
    fitting = [index for index, side in enumerate(sides) if _specs(plugin, side) == wanted]
    chosen = _complete_side(rule, facts(base) if base else {}, [facts(side) for side in sides], fitting)
    return FileDraft(sides[chosen].skeleton, rule.conflicts)


def rest_digest(plugin: Format, data: memoryview) -> bytes:
    """A digest of all bytes of a file that aren't tensors', with their places.

    Raises:
        FormatError: The file is damaged.
    """
    digest = hashlib.sha256()
    for start, end in uncovered(plugin.locate(data), len(data)):
        digest.update(start.to_bytes(8, "little") + end.to_bytes(8, "little"))
        digest.update(data[start:end])
    return digest.digest()


def _specs(plugin: Format, version: FileVersion) -> dict[str, TensorSpec]:
    return {tensor.name: tensor.spec for tensor in plugin.locate(version.skeleton).tensors}


def _complete_side(rule: ThreeWay, base: Facts, sides: Sequence[Facts], fitting: Collection[int]) -> int:
    """The index of a side that has all changes of all sides.

    Args:
        rule: Chooses between values, and remembers conflicts.
        base: The facts of the common ancestor.
        sides: Those of the sides, ours first.
        fitting: Indices of the sides that have the wanted parameters.

    Raises:
        ComposeError: There's no such side.
    """
    wanted: dict[str, Hashable] = {}
    for name in merged_order(*sides, base):
        values = [side.get(name) for side in sides]
        wanted[name] = values[rule.choose(name, base.get(name), values)]
    odd: dict[str, None] = {}
    for index, side in enumerate(sides):
        lacking = [name for name, value in wanted.items() if side.get(name) != value]
        if index in fitting and not lacking:
            return index
        odd |= dict.fromkeys(lacking)
    if not fitting:
        raise ComposeError("no side has all merged parameters, and files of this format aren't written anew")
    listed = ", ".join(map(repr, list(odd)[:_SHOWN])) + (", …" if len(odd) > _SHOWN else "")
    raise ComposeError(f"changes of both sides can't be joined in a file of this format: {listed}")
