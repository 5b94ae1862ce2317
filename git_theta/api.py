"""The Python API: read checkpoints of any version, without touching the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_theta.checkpoint_file import read_checkpoint
from git_theta.encoding.decode import read_value
from git_theta.errors import UsageError
from git_theta.formats.pytorch.dtypes import TORCH_DTYPES
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.revspec import find_manifest
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import is_manifest, parse_manifest
from git_theta.model.parameter_names import select
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.runtime.mapped import mapped_file
from git_theta.runtime.threads import run_all
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The logical bytes of a parameter, and what they are.
Value = tuple[bytearray, TensorSpec]

#: dtype → name of the `torch.dtype`.
_TORCH = {dtype: name for name, dtype in TORCH_DTYPES.items()}

#: A path as users write it.
Path_ = str | os.PathLike[str]


def manifest(path: Path_, rev: str | None = None) -> Manifest:
    """The manifest of a checkpoint.

    Args:
        path: The file, relative to the current folder or absolute.
        rev: A revision, such as `HEAD~1` or a branch; the index when `None`.

    Raises:
        UsageError: There's no such version, or the file isn't tracked.
        GitError: The path isn't in a repository.
    """
    folder, name = _located(path)
    return find_manifest(Git(folder), f":./{name}" if rev is None else f"{rev}:./{name}")


def load(
    path: Path_, rev: str | None = None, params: Iterable[str] | None = None, framework: str = "numpy"
) -> dict[str, Any]:
    """The parameters of a checkpoint, by name.

    Every value that comes from the store is checked against its digest. Nothing is unpickled. What isn't in
    the store is fetched from the repository's remotes: of all parameters together, and only what these need.

    Args:
        path: The file, relative to the current folder or absolute.
        rev: A revision, such as `HEAD~1` or a branch; the file in the work tree when `None`.
        params: Names, or patterns such as `encoder/*`; only these are fetched and decoded. All when `None`.
        framework: `numpy`: arrays, bf16 and fp8 with the dtypes of `ml_dtypes`; or `torch`: tensors.

    Returns:
        Writable arrays or tensors in the order of their names.

    Raises:
        UsageError: There's no such version, parameter or framework.
        MissingObjectError: An object is neither in the store nor at a remote.
        TransferError: The remote can't be reached.
        CorruptError: A stored value is damaged.
    """
    if framework not in ("numpy", "torch"):
        raise UsageError(f"framework {framework!r} isn't known: numpy or torch")
    make = _numpy if framework == "numpy" else _torch()
    values = _load_work_file(Path(path), params) if rev is None else None
    if values is None:
        values = _load_stored(path, rev, params)
    return {name: make(*value) for name, value in values.items()}


def _located(path: Path_) -> tuple[Path, str]:
    full = Path(os.path.abspath(path))
    folder = full.parent
    while not folder.is_dir():
        folder = folder.parent
    return folder, str(full.relative_to(folder))


def _load_work_file(path: Path, params: Iterable[str] | None) -> dict[str, Value] | None:
    """Arrays from the file itself; `None` if there's only a manifest of it."""
    try:
        with mapped_file(path) as data:
            return None if is_manifest(data) else _copied_values(data, params, str(path))
    except FileNotFoundError as error:
        raise UsageError(
            f"there's no file {path}", "name a revision to read one that was deleted: rev='HEAD'"
        ) from error


def _copied_values(data: memoryview, params: Iterable[str] | None, where: str) -> dict[str, Value]:
    with ThreadPoolExecutor() as pool:
        file = read_checkpoint(data, pool=pool)
    return {
        name: (bytearray(file.value(name)), file.tensors[name].spec)
        for name in select(file.tensors, params, where)
    }


def _load_stored(path: Path_, rev: str | None, params: Iterable[str] | None) -> dict[str, Value]:
    text = Path(path).read_bytes() if rev is None else None
    wanted = parse_manifest(text) if text is not None else manifest(path, rev)
    repository = Repository(Git(_located(path)[0]))
    names = select(wanted.by_name, params, str(path))
    ensure_objects(repository, needed_objects(wanted.by_name[name] for name in names), say=_silently)

    def read(name: str) -> Value:
        return _read_value(wanted, name, repository.store)

    with ThreadPoolExecutor(repository.settings.thread_count) as pool:
        return dict(zip(names, run_all(pool, read, names), strict=True))


def _silently(_text: str) -> None:
    """A library has nothing to say."""


def _read_value(wanted: Manifest, name: str, store: LocalStore) -> Value:
    entry = wanted.by_name[name]
    value = bytearray(entry.spec.nbytes)
    at = 0
    for piece in read_value(entry, store):
        value[at : at + len(piece)] = piece
        at += len(piece)
    return value, entry.spec


def _numpy(value: bytearray, spec: TensorSpec) -> NDArray[Any]:
    import numpy as np

    return np.ndarray(spec.shape, numpy_dtype(spec.dtype), buffer=value)


def _torch() -> Callable[[bytearray, TensorSpec], Any]:
    try:
        import torch
    except ImportError as error:
        raise UsageError("PyTorch isn't installed", "pip install 'git-theta[torch]'") from error

    def tensor(value: bytearray, spec: TensorSpec) -> Any:
        dtype = getattr(torch, _TORCH[spec.dtype], None)
        if dtype is None:
            raise UsageError(f"this PyTorch has no dtype {_TORCH[spec.dtype]}", "pip install -U torch")
        if not value:
            return torch.empty(spec.shape, dtype=dtype)
        return torch.frombuffer(value, dtype=dtype).reshape(spec.shape)

    return tensor
