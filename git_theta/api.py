"""The Python API: read checkpoints of any version, without touching the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.combine.files import parts_at, read_index
from git_theta.encoding.budget import affordable_threads, check_values
from git_theta.encoding.many_values import read_values
from git_theta.encoding.update_providers import require_updates_of
from git_theta.errors import UsageError
from git_theta.formats.neighbours import neighbours_of
from git_theta.formats.pytorch.dtypes import TORCH_DTYPES
from git_theta.formats.split import STRETCH
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.manifest_text import parse_if_manifest
from git_theta.model.parameter_names import select
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.runtime.mapped import mapped_file
from git_theta.runtime.threads import run_groups
from git_theta.sharding.index_file import check_index, parse_index
from git_theta.sharding.joined import ModelVersion
from git_theta.updates.base import Pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The logical bytes of a parameter, its dtype and shape.
Value = tuple[bytearray, TensorSpec]

#: dtype → name of the `torch.dtype`.
_TORCH = {dtype: name for name, dtype in TORCH_DTYPES.items()}

#: A path as users write it.
Path_ = str | os.PathLike[str]


def manifest(path: Path_, rev: str | None = None) -> Manifest:
    """The manifest of a checkpoint, or of a model of several shards.

    That of several shards has the parameters of all of them, but describes no file.

    Args:
        path: The file, relative to the current folder or absolute; or, for a model of several shards, their
            index or their folder, or the path that the model would have as one file.
        rev: A revision, such as `HEAD~1` or a branch; the index when `None`.

    Raises:
        UsageError: There's no such version, or the file isn't tracked.
        GitError: The path isn't in a repository.
    """
    return _version(path, rev).manifest


def load(
    path: Path_, rev: str | None = None, params: Iterable[str] | None = None, framework: str = "numpy"
) -> dict[str, Any]:
    """The parameters of a checkpoint, by name.

    Every value that comes from the store is checked against its digest. Nothing is unpickled. Objects of the
    chosen parameters that aren't in the store are fetched from the repository's remotes, all at once.

    Args:
        path: The file, relative to the current folder or absolute; or, for the parameters of all shards of a
            model, their index, such as `model.safetensors.index.json`, or their folder, or the path that the
            model would have as one file.
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
        files = _opened_files(path, rev, stack)
        owners = _owners(files, path)
        chosen = select(owners, params, str(path))
        values = _values(path, [(owners[name].content, name) for name in chosen])
        return {name: make(*values[name]) for name in chosen}


@dataclass(frozen=True, slots=True, eq=False)
class _OpenedFile:
    """A checkpoint file whose values can be read.

    Attributes:
        path: The file.
        content: The manifest of a version in the store, or the file in the work tree, taken apart.
    """

    path: Path_
    content: Manifest | CheckpointFile

    @property
    def names(self) -> Collection[str]:
        """Names of the parameters."""
        return self.content.by_name if isinstance(self.content, Manifest) else self.content.tensors


def _opened_files(path: Path_, rev: str | None, stack: ExitStack) -> list[_OpenedFile]:
    """The files of a model: those in the work tree, kept open by the stack; or versions from the store."""
    if rev is None:
        try:
            parts = parts_at(Path(path), str(path))
        except UsageError as error:
            raise error if error.hint else _no_file(path) from error
        files = [_OpenedFile(each, _work_file(each, stack)) for each in parts.files]
        if parts.index:
            places = {name: os.path.basename(file.path) for name, file in _owners(files, path).items()}
            index = os.path.basename(parts.index)
            check_index(parse_index(read_index(Path(parts.index)), index), places, index)
        return files
    version = _version(path, rev)
    return [_OpenedFile(*pair) for pair in zip(version.parts.files, version.manifests, strict=True)]


def _version(path: Path_, rev: str | None) -> ModelVersion:
    """A version of a model: of a revision, or else of the index."""
    folder, name = located(path)
    return find_model(Git(folder), f":./{name}" if rev is None else f"{rev}:./{name}")


def _work_file(path: Path_, stack: ExitStack) -> Manifest | CheckpointFile:
    """A file in the work tree, or the manifest that stands in its place."""
    try:
        data = stack.enter_context(mapped_file(path))
    except FileNotFoundError as error:
        raise _no_file(path) from error
    found = parse_if_manifest(data)
    if found is not None:
        return found
    with ThreadPoolExecutor() as pool:
        return read_checkpoint(data, pool=pool, neighbours=neighbours_of(os.fspath(path)))


def _owners(files: Sequence[_OpenedFile], path: Path_) -> dict[str, _OpenedFile]:
    """The file that has each parameter, by name.

    Raises:
        UsageError: Two files have the same parameter.
    """
    owners: dict[str, _OpenedFile] = {}
    for file in files:
        for name in file.names:
            if len(files) > 1 and name.startswith(STRETCH):
                continue
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


def _values(path: Path_, wanted: Iterable[tuple[Manifest | CheckpointFile, str]]) -> dict[str, Value]:
    """The values of parameters, given the file and the name of each; objects are fetched for all at once."""
    values: dict[str, Value] = {}
    entries: list[Entry] = []
    for content, name in wanted:
        if isinstance(content, Manifest):
            require_updates_of(content.by_name[name], content)
            entries.append(content.by_name[name])
        else:
            values[name] = bytearray(content.value(name)), content.tensors[name].spec
    return {**values, **_stored_values(path, entries)} if entries else values


def _stored_values(path: Path_, entries: Sequence[Entry]) -> dict[str, Value]:
    repository = Repository(Git(located(path)[0]))
    store = repository.store
    ensure_values(repository, entries, say=_silently)
    threads = affordable_threads(repository.settings.thread_count, check_values(entries, store).memory, store)

    def values_of(group: Sequence[Entry]) -> list[Value]:
        return [*map(_value, group, read_values(group, store))]

    with ThreadPoolExecutor(threads) as pool:
        groups = run_groups(pool, values_of, entries, lambda entry: entry.spec.nbytes)
    return dict(zip((entry.name for entry in entries), chain.from_iterable(groups), strict=True))


def _silently(_text: str) -> None:
    """Report nothing: a library has no place for progress."""


def _value(entry: Entry, pieces: Pieces) -> Value:
    value = bytearray(entry.spec.nbytes)
    end = 0
    for piece in pieces:
        start, end = end, end + len(piece)
        value[start:end] = piece
    return value, entry.spec


def _array(value: bytearray, spec: TensorSpec) -> NDArray[Any]:
    import numpy as np

    # A packed value is an array of the bytes of its rows.
    words = spec.as_bytes
    return np.ndarray(words.shape, numpy_dtype(words.dtype), buffer=value)


def _torch_maker() -> Callable[[bytearray, TensorSpec], Any]:
    try:
        import torch
    except ImportError as error:
        raise UsageError("PyTorch isn't installed", "pip install 'git-theta[torch]'") from error

    def tensor(value: bytearray, spec: TensorSpec) -> Any:
        spec = spec.as_bytes
        dtype = getattr(torch, _TORCH[spec.dtype], None)
        if dtype is None:
            raise UsageError(f"this PyTorch has no dtype {_TORCH[spec.dtype]}", "pip install -U torch")
        if not value:
            return torch.empty(spec.shape, dtype=dtype)
        return torch.frombuffer(value, dtype=dtype).reshape(spec.shape)

    return tensor
