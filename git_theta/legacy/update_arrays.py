"""The named arrays of an update, which git-theta 0.2 kept in one Git LFS object."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from git_theta.errors import CorruptError, MissingObjectError
from git_theta.legacy.metadata import LegacyError, LegacyParameter
from git_theta.legacy.zarr import ZarrArray, parse_zarr

#: An update has no more arrays than this.
_MAX_ARRAYS = 16

#: The path of a Git LFS object, by its SHA-256.
ObjectPath = Callable[[str], Path]


def read_arrays(parameter: LegacyParameter, object_path: ObjectPath) -> dict[str, ZarrArray]:
    """The arrays in the object of a parameter, by name.

    Raises:
        MissingObjectError: It isn't there.
        CorruptError: It isn't the one that's named.
        LegacyError: It isn't what git-theta 0.2 wrote.
    """
    import msgpack

    path = object_path(parameter.oid)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size != parameter.size:
                raise CorruptError(
                    f"the Git LFS object {parameter.oid} has {size} bytes instead of {parameter.size}", _HINT
                )
            if not size:
                raise LegacyError(f"the Git LFS object {parameter.oid} is empty")
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
                if hashlib.sha256(data).hexdigest() != parameter.oid:
                    raise CorruptError(f"the Git LFS object {parameter.oid} is damaged", _HINT)
                unpacked = msgpack.unpackb(data, max_ext_len=0)
    except FileNotFoundError as error:
        raise MissingObjectError(f"the Git LFS object {parameter.oid} isn't here", _HINT) from error
    except OSError as error:
        raise MissingObjectError(
            f"the Git LFS object {parameter.oid} can't be read: {error.strerror or error}"
        ) from error
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise LegacyError(f"the Git LFS object {parameter.oid} can't be read: {error}") from error
    return {name: parse_zarr(members) for name, members in _checked(parameter.oid, unpacked)}


_HINT = "fetch it again: git lfs fetch --all, or git lfs fetch REMOTE in a clone that has it"


def _checked(oid: str, unpacked: Any) -> list[tuple[str, dict[str, bytes]]]:
    if (
        isinstance(unpacked, dict)
        and len(unpacked) <= _MAX_ARRAYS
        and all(isinstance(name, str) and isinstance(part, dict) for name, part in unpacked.items())
        and all(
            isinstance(key, str) and isinstance(value, bytes)
            for part in unpacked.values()
            for key, value in part.items()
        )
    ):
        return list(unpacked.items())
    raise LegacyError(f"the Git LFS object {oid} doesn't hold arrays as git-theta 0.2 wrote")
