"""The formats that files in an archive may have."""

from __future__ import annotations

from functools import cache

from git_theta.formats.base import Format

#: The largest number of bytes that these formats' magic bytes need.
HEAD = 16


@cache
def member_formats() -> tuple[Format, ...]:
    """The formats, in the order in which they're tried."""
    from git_theta.formats.gguf.plugin import Gguf
    from git_theta.formats.hdf5.plugin import Hdf5
    from git_theta.formats.numpy.npy import Npy
    from git_theta.formats.numpy.npz import Npz
    from git_theta.formats.pickle.plugin import Pickle
    from git_theta.formats.pytorch.legacy import PyTorchLegacy
    from git_theta.formats.pytorch.zipped import PyTorchZip
    from git_theta.formats.safetensors.plugin import Safetensors

    return PyTorchZip(), PyTorchLegacy(), Safetensors(), Npy(), Npz(), Pickle(), Gguf(), Hdf5()


def may_be_checkpoint(head: bytes) -> bool:
    """Whether a file that begins with these bytes may be of one of the formats.

    Args:
        head: The first `HEAD` bytes; fewer of a shorter file.
    """
    return (
        head.startswith((b"PK\x03\x04", b"\x93NUMPY", b"GGUF", b"\x89HDF", b"L"))
        or (head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"))
        or head[8:9] == b"{"
    )
