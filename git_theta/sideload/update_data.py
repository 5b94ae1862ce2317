"""Update data: a file of named tensors, in any format that checkpoints have.

The tensors for a parameter are named after it: `NAME/R` and `NAME/C`, `NAME/ia3`, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.errors import UsageError
from git_theta.formats.neighbours import neighbours_of
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.mapped import mapped_file
from git_theta.sideload.given_update import FromData, GivenUpdate
from git_theta.sideload.names import Names
from git_theta.updates.array import Array


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a checkpoint file, by name.

    Raises:
        UsageError: There's no such file, or it isn't a checkpoint.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"the update data {path} isn't a regular file")
    try:
        with mapped_file(path) as data:
            return _arrays(path, read_checkpoint(data, neighbours=neighbours_of(str(path))))
    except OSError as error:
        raise UsageError(f"the update data {path} can't be read: {error.strerror}") from error


def _arrays(path: Path, file: CheckpointFile) -> dict[str, Array]:
    if file.opaque:
        raise UsageError(
            f"the update data {path} isn't a checkpoint that git-theta can read",
            file.note or "write it with safetensors.numpy.save_file or torch.save",
        )
    return {name: Array(name, tensor.spec, file.value(name)) for name, tensor in file.tensors.items()}


def read_steps(
    path: Path, update: FromData, specs: Mapping[str, TensorSpec]
) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates that a file gives, by the parameter's name.

    Args:
        path: The file.
        update: The kind of update that its tensors are for.
        specs: Dtypes and shapes of the checkpoint's parameters.

    Raises:
        UsageError: The file can't be read, or a tensor is lacking, unknown or given twice.
    """
    groups = _grouped(read_tensors(path), update, Names(specs))
    if not groups:
        raise UsageError(f"the update data {path} has no tensors")
    for name, group in groups.items():
        lacking = [f"{name}/{part}" for part in update.parts if part not in group]
        if lacking:
            raise UsageError(f"the update data lacks {', '.join(map(repr, lacking))}")
    return {name: (GivenUpdate(update, group),) for name, group in groups.items()}


def _grouped(tensors: Mapping[str, Array], update: FromData, names: Names) -> dict[str, dict[str, Array]]:
    """The tensors by parameter and part."""
    groups: dict[str, dict[str, Array]] = {}
    for name, array in tensors.items():
        owner, _, part = (name, "", "") if tuple(update.parts) == ("",) else name.rpartition("/")
        if not owner or part not in update.parts:
            raise UsageError(
                f"the update data has {name!r}, which a {update.name} update doesn't know",
                f"each parameter needs {', '.join(f'NAME/{part}' for part in update.parts)}",
            )
        target = names.get(owner)
        if part in groups.setdefault(target, {}):
            raise UsageError(f"the update data has parameter {target!r} twice")
        groups[target][part] = array
    return groups
