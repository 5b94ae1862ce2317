"""Merge the rest of a checkpoint: everything that isn't a parameter's value, and the places of the values.

A format drafts the new file without values. The layout is then made from the draft as from any other file, so
that splitting the finished file gives the same layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from git_theta import formats
from git_theta.errors import FormatError, PluginError, ThetaError
from git_theta.formats.base import (
    Aligner,
    Alignment,
    ComposeError,
    Composer,
    Creator,
    FileDraft,
    FileVersion,
    Format,
    Prefer,
)
from git_theta.formats.split import OPAQUE, STRETCH, assemble, check_located
from git_theta.model.layout import Layout
from git_theta.model.tensor import TensorSpec

#: Names that a message lists.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Composed:
    """A merged file without values.

    Attributes:
        layout: The places of the wanted parameters and of the stretches, and the bytes around them.
        conflicts: Names of scalars, as `git_theta.formats.scalars` gives them, that two sides changed to
            different values. The layout has the values of the first side.
        stretches: Bytes between tensors that are too long for a layout, by the name of the parameter of dtype
            `U8` that holds them. They're new: the caller must store them.
        names: The wanted name of a parameter → its name in the file; only where they differ.
    """

    layout: Layout
    conflicts: tuple[str, ...]
    stretches: Mapping[str, bytes] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def compose_file(
    name: str,
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer = lambda _name: None,
) -> Composed:
    """Merge everything in a file but the values of its parameters.

    Args:
        name: The format of all versions.
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge, ours first.
        wanted: The parameters of the merged file. Stretches of the sides may be among them: they're left out,
            as the new file has its own.
        prefer: See `git_theta.formats.base.Prefer`.

    Raises:
        ComposeError: The format can't merge files, a parameter has no place, or a version is too large.
    """
    try:
        plugin = None if name == OPAQUE else formats.registry().get(name)
        if not isinstance(plugin, Composer):
            raise ComposeError(f"there's no way to merge files of the format {name!r}", "take one side")
        tensors = _without_stretches(wanted, plugin, sides)
        return _finish(plugin, plugin.compose(base, sides, tensors, prefer), tensors)
    except FormatError as error:
        raise ComposeError(f"the file's structure can't be merged: {error.message}") from error
    except ThetaError:
        raise
    except Exception as error:
        # Versions come from anywhere; an error in one must not stop the merge of other files.
        reason = f"{type(error).__name__}: {error}"
        raise ComposeError(f"the file's structure can't be merged: {reason}") from error


def create_file(name: str, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> Composed:
    """A new file of a format, with nothing but tensors.

    Args:
        name: The format.
        specs: Dtype and shape of each tensor, in the order of the file.
        metadata: Texts for the file; see `git_theta.formats.base.Creator`.

    Raises:
        ComposeError: The format has no new files, or no place for one of the tensors.
    """
    plugin = formats.registry().get(name)
    if not isinstance(plugin, Creator):
        raise ComposeError(f"there's no way to make new files of the format {name!r}")
    try:
        return _finish(plugin, FileDraft(plugin.create(specs, metadata)), specs)
    except UnicodeEncodeError as error:
        # Names of safetensors may have a lone surrogate, and paths bytes that aren't UTF-8.
        raise ComposeError(f"the name {error.object[:80]!r} has no form in UTF-8") from error


def align_files(
    name: str, base: FileVersion | None, sides: Sequence[FileVersion], prefer: Prefer
) -> Alignment:
    """Find the parameters that correspond in several versions; see `git_theta.formats.base.Aligner`.

    Args:
        name: The format of all versions, which is an `Aligner`.
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge, ours first.
        prefer: See `git_theta.formats.base.Prefer`.

    Raises:
        ComposeError: The versions can't be compared.
    """
    plugin = formats.registry().get(name)
    if not isinstance(plugin, Aligner):
        raise ComposeError(f"parameters of files of the format {name!r} correspond by their names")
    try:
        return plugin.align(base, sides, prefer)
    except ThetaError:
        raise
    except Exception as error:
        # As in `compose_file`.
        raise ComposeError(f"the versions can't be compared: {type(error).__name__}: {error}") from error


def is_aligner(name: str) -> bool:
    """Whether parameters of files of a format may correspond though their names differ."""
    try:
        return isinstance(formats.registry().get(name), Aligner)
    except PluginError:
        return False


def _without_stretches(
    wanted: Mapping[str, TensorSpec], plugin: Format, sides: Sequence[FileVersion]
) -> dict[str, TensorSpec]:
    odd = {name for name in wanted if name.startswith(STRETCH)}
    if odd:
        for side in sides:
            odd -= {tensor.name for tensor in plugin.locate(side.skeleton).tensors}
    return {name: spec for name, spec in wanted.items() if name not in odd}


def _finish(plugin: Format, draft: FileDraft, wanted: Mapping[str, TensorSpec]) -> Composed:
    located = plugin.locate(draft.data)
    check_located(located, len(draft.data))
    own = tuple(tensor.name for tensor in located.tensors)
    names = own if draft.names is None else draft.names
    found = {name: tensor.spec for name, tensor in zip(names, located.tensors, strict=True)}
    odd = [name for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
    if odd:
        listed = ", ".join(map(repr, odd[:_SHOWN])) + (", …" if len(odd) > _SHOWN else "")
        raise ComposeError(
            f"the merged structure has no place for parameters, or has others: {listed}",
            "take the file of one side, or the side's choice for all of these parameters",
        )
    parts, final_names = assemble(plugin.name, draft.data, located), set(own)
    stretches = {
        tensor.name: bytes(draft.data[tensor.offset : tensor.offset + tensor.spec.nbytes])
        for tensor in parts.tensors
        if tensor.name not in final_names
    }
    renamed = {name: final for name, final in zip(names, own, strict=True) if name != final}
    return Composed(parts.layout, draft.conflicts, stretches, renamed)
