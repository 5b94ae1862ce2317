"""Git LFS objects of git-theta 0.2: the named arrays of one update."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from git_theta.errors import CorruptError, MissingObjectError
from git_theta.legacy.metadata import LegacyError, LegacyParameter
from git_theta.legacy.zarr import ZarrArray, parse

#: Arrays of an update.
_MAX_ARRAYS = 16

#: Gives the path of a Git LFS object.
Get = Callable[[str], Path]


def read(stored: LegacyParameter, get: Get) -> dict[str, ZarrArray]:
    """The arrays in the object of a parameter, by name.

    Raises:
        MissingObjectError: It isn't there.
        CorruptError: It isn't the one that's named.
        LegacyError: It isn't what git-theta 0.2 wrote.
    """
    import msgpack

    path = get(stored.oid)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size != stored.size:
                raise CorruptError(
                    f"the Git LFS object {stored.oid} has {size} bytes instead of {stored.size}", _HINT
                )
            if not size:
                raise LegacyError(f"the Git LFS object {stored.oid} is empty")
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
                if hashlib.sha256(data).hexdigest() != stored.oid:
                    raise CorruptError(f"the Git LFS object {stored.oid} is damaged", _HINT)
                unpacked = msgpack.unpackb(data, max_ext_len=0)
    except FileNotFoundError as error:
        raise MissingObjectError(f"the Git LFS object {stored.oid} isn't here", _HINT) from error
    except OSError as error:
        raise MissingObjectError(
            f"the Git LFS object {stored.oid} can't be read: {error.strerror or error}"
        ) from error
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise LegacyError(f"the Git LFS object {stored.oid} can't be read: {error}") from error
    return {name: parse(members) for name, members in _checked(stored.oid, unpacked)}


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
