"""The Python API: read checkpoints of any version, without touching the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.combine.files import shard_names
from git_theta.encoding.budget import affordable_threads, check_values
from git_theta.encoding.decode import read_value
from git_theta.encoding.update_providers import require_updates_of
from git_theta.errors import UsageError
from git_theta.formats.pytorch.dtypes import TORCH_DTYPES
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.revspec import SHARDS_INDEX, find_manifest, find_version
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.manifest_text import parse_if_manifest
from git_theta.model.parameter_names import select
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.runtime.mapped import mapped_file
from git_theta.runtime.threads import run_all
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The logical bytes of a parameter, its dtype and shape.
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
    folder, name = located(path)
    return find_manifest(Git(folder), f":./{name}" if rev is None else f"{rev}:./{name}")


def load(
    path: Path_, rev: str | None = None, params: Iterable[str] | None = None, framework: str = "numpy"
) -> dict[str, Any]:
    """The parameters of a checkpoint, by name.

    Every value that comes from the store is checked against its digest. Nothing is unpickled. Objects of the
    chosen parameters that aren't in the store are fetched from the repository's remotes, all at once.

    Args:
        path: The file, relative to the current folder or absolute; or the index of a model's shards, such as
            `model.safetensors.index.json`, for the parameters of all of them.
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
        PluginError: An update of a parameter isn't installed; the message names its package.
    """
    if framework not in ("numpy", "torch"):
        raise UsageError(f"framework {framework!r} isn't known: numpy or torch")
    make = _array if framework == "numpy" else _torch_maker()
    with ExitStack() as stack:
        files = [_opened(each, rev, stack) for each in _files(path, rev)]
        owners = _owners(files, path)
        chosen = select(owners, params, str(path))
        parts = [(file, [name for name in chosen if owners[name] is file]) for file in files]
        values = {name: value for file, names in parts for name, value in file.values(names).items()}
        return {name: make(*values[name]) for name in chosen}


@dataclass(frozen=True, slots=True, eq=False)
class _OpenedFile:
    """A checkpoint file whose values can be read.

    Attributes:
        path: The file.
        names: Names of its parameters.
        values: Reads the values of parameters, given their names.
    """

    path: Path_
    names: Collection[str]
    values: Callable[[Sequence[str]], dict[str, Value]]


def _files(path: Path_, rev: str | None) -> list[Path_]:
    """The checkpoint files of a model: the file itself, or those that the index of its shards lists."""
    if not os.fspath(path).endswith(SHARDS_INDEX):
        return [path]
    if rev is None:
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError as error:
            raise _no_file(path) from error
    else:
        folder, name = located(path)
        data = find_version(Git(folder), f"{rev}:./{name}")
    return [Path(path).parent / name for name in shard_names(data, str(path))]


def _opened(path: Path_, rev: str | None, stack: ExitStack) -> _OpenedFile:
    """The file in the work tree, kept open by the stack; or a version of it from the store."""
    found = manifest(path, rev) if rev is not None else None
    if found is None:
        try:
            data = stack.enter_context(mapped_file(path))
        except FileNotFoundError as error:
            raise _no_file(path) from error
        found = parse_if_manifest(data)
    if found is not None:
        return _OpenedFile(path, found.by_name, partial(_stored_values, found, path))
    with ThreadPoolExecutor() as pool:
        file = read_checkpoint(data, pool=pool)
    return _OpenedFile(path, file.tensors, partial(_file_values, file))


def _owners(files: Sequence[_OpenedFile], path: Path_) -> dict[str, _OpenedFile]:
    """The file that has each parameter, by name.

    Raises:
        UsageError: Two files have the same parameter.
    """
    owners: dict[str, _OpenedFile] = {}
    for file in files:
        for name in file.names:
            if name in owners:
                raise UsageError(
                    f"{path}: parameter {name!r} is in {owners[name].path} and in {file.path}",
                    "name one of them",
                )
            owners[name] = file
    return owners


def _no_file(path: Path_) -> UsageError:
    return UsageError(f"there's no file {path}", "name a revision to read one that was deleted: rev='HEAD'")


def located(path: Path_) -> tuple[Path, str]:
    """The deepest folder of a path that exists, and the rest of the path."""
    full = Path(os.path.abspath(path))
    folder = full.parent
    while not folder.is_dir():
        folder = folder.parent
    return folder, str(full.relative_to(folder))


def _file_values(file: CheckpointFile, names: Sequence[str]) -> dict[str, Value]:
    return {name: (bytearray(file.value(name)), file.tensors[name].spec) for name in names}


def _stored_values(wanted: Manifest, path: Path_, names: Sequence[str]) -> dict[str, Value]:
    repository = Repository(Git(located(path)[0]))
    entries = [wanted.by_name[name] for name in names]
    for entry in entries:
        require_updates_of(entry, wanted)
    ensure_objects(repository, needed_objects(entries), say=_silently)
    memory = check_values(entries, repository.store).memory
    threads = affordable_threads(repository.settings.thread_count, memory, repository.store)
    with ThreadPoolExecutor(threads) as pool:
        values = run_all(pool, lambda entry: _stored_value(entry, repository.store), entries)
    return dict(zip(names, values, strict=True))


def _silently(_text: str) -> None:
    """Report nothing: a library has no place for progress."""


def _stored_value(entry: Entry, store: LocalStore) -> Value:
    value = bytearray(entry.spec.nbytes)
    end = 0
    for piece in read_value(entry, store):
        start, end = end, end + len(piece)
        value[start:end] = piece
    return value, entry.spec


def _array(value: bytearray, spec: TensorSpec) -> NDArray[Any]:
    import numpy as np

    return np.ndarray(spec.shape, numpy_dtype(spec.dtype), buffer=value)


def _torch_maker() -> Callable[[bytearray, TensorSpec], Any]:
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
