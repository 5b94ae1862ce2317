"""Restore a checkpoint from the metadata that git-theta 0.2 kept in Git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from git_theta.errors import ThetaError, full_disk_hint
from git_theta.legacy.flax_writer import write_flax
from git_theta.legacy.metadata import KeyPath, LegacyError
from git_theta.legacy.pytorch_writer import write_pytorch
from git_theta.legacy.safetensors_writer import write_safetensors
from git_theta.legacy.update_arrays import ObjectPath
from git_theta.legacy.values import LegacyValue, MetadataAt, read_values

_Writer = Callable[[Mapping[KeyPath, LegacyValue], BinaryIO], None]

_FLAX = frozenset((".msgpack", ".flax"))
_FLAT = frozenset((".pt", ".pth", ".bin"))


def restore(
    data: bytes,
    object_path: ObjectPath,
    target: Path,
    metadata_at: MetadataAt | None = None,
    name: str = "",
) -> None:
    """Write the checkpoint of a version.

    Its tensors are bit for bit what a checkout by git-theta 0.2 gives, apart from the last bits of a low-rank
    update, which depend on the machine there too.

    Args:
        data: The metadata, which is the file's content in Git.
        object_path: Gives the path of a Git LFS object by its SHA-256.
        target: The file to write. It isn't there if this raises.
        metadata_at: Reads the metadata of the same file at a commit, or raises LookupError if there's none.
            Needed for updates only.
        name: The file's path in the repository, whose ending tells the format, as metadata doesn't:
            safetensors, Flax (nested names, or `.msgpack`), else PyTorch. The target's name, if it's empty.

    Raises:
        LegacyError: The metadata or an object is malformed, or of a kind that isn't known.
        MissingObjectError: A Git LFS object isn't there.
        CorruptError: A Git LFS object isn't the one that's named.
        ThetaError: The file can't be written.
    """
    found = read_values(data, object_path, metadata_at)
    write = _writer(name or target.name, found)
    try:
        with target.open("wb") as file:
            write(found, file)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise ThetaError(f"can't write {target}: {reason}", full_disk_hint(error)) from error
        raise


def _writer(name: str, found: Mapping[KeyPath, LegacyValue]) -> _Writer:
    ending = PurePosixPath(name).suffix.lower()
    nested = any(len(path) > 1 for path in found)
    if ending == ".safetensors":
        return write_safetensors
    if ending in _FLAX or (nested and ending not in _FLAT):
        return write_flax
    if nested:
        raise LegacyError(
            f"{name} has nested names, which checkpoints of PyTorch hadn't in git-theta 0.2",
            "if it's one of Flax, its name must end in .msgpack",
        )
    return write_pytorch
