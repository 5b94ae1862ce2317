"""Write the checkpoint that git-theta 0.2's metadata stands for."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from git_theta.errors import ThetaError
from git_theta.legacy import flax_writer as flax
from git_theta.legacy import metadata
from git_theta.legacy import pytorch_writer as pytorch
from git_theta.legacy import safetensors_writer as safetensors
from git_theta.legacy.metadata import LegacyError
from git_theta.legacy.update_arrays import Get
from git_theta.legacy.values import Earlier, Value, values

Writer = Callable[[Mapping[metadata.Path, Value], BinaryIO], None]

_FLAX = frozenset((".msgpack", ".flax"))
_FLAT = frozenset((".pt", ".pth", ".bin"))


def restore(data: bytes, get: Get, target: Path, earlier: Earlier | None = None, name: str = "") -> None:
    """Write the checkpoint of a version.

    Its tensors are bit for bit what a checkout by git-theta 0.2 gives, apart from the last bits of a low-rank
    update, which depend on the machine there too.

    Args:
        data: The metadata, which is the file's content in Git.
        get: Gives the path of a Git LFS object by its SHA-256.
        target: The file to write. It isn't there if this raises.
        earlier: Gives the metadata of the same file at a commit, or raises LookupError if that isn't there.
            Needed for updates only.
        name: The file's path in the repository, whose end tells the format, as metadata doesn't: safetensors,
            Flax (nested names, or `.msgpack`), else PyTorch. The target's, if it's empty.

    Raises:
        LegacyError: Something is malformed or of a kind that isn't known.
        MissingObjectError: A Git LFS object isn't there.
        CorruptError: A Git LFS object isn't the one that's named.
        ThetaError: The file can't be written.
    """
    found = values(data, get, earlier)
    write = _writer(name or target.name, found)
    try:
        with target.open("wb") as file:
            write(found, file)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            hint = "free some disk space and try again" if error.errno == errno.ENOSPC else ""
            reason = error.strerror or str(error)
            raise ThetaError(f"can't write {target}: {reason}", hint) from error
        raise


def _writer(name: str, found: Mapping[metadata.Path, Value]) -> Writer:
    ending = PurePosixPath(name).suffix.lower()
    nested = any(len(path) > 1 for path in found)
    if ending == ".safetensors":
        return safetensors.write
    if ending in _FLAX or (nested and ending not in _FLAT):
        return flax.write
    if nested:
        raise LegacyError(
            f"{name} has nested names, which checkpoints of PyTorch hadn't in git-theta 0.2",
            "if it's one of Flax, its name must end in .msgpack",
        )
    return pytorch.write
