"""Models of the work tree whose files are open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.errors import ThetaError, UsageError, full_disk_hint
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.worktree.model_paths import model_paths
from git_theta.git.worktree.previous_version import previous_version
from git_theta.git.worktree.update_target import UpdateTarget, update_target
from git_theta.git.worktree.workspace import Workspace
from git_theta.lossy.model import has_overlaps, write_nearly
from git_theta.lossy.parameter import may_be_lossy
from git_theta.model.manifest import Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A checkpoint file of the work tree.

    Attributes:
        target: The file, and the version that is staged or committed.
        checkpoint: The file taken apart.
    """

    target: UpdateTarget
    checkpoint: CheckpointFile


@dataclass(frozen=True, slots=True)
class ExactValue:
    """The value of parameters, as it's in the file.

    Attributes:
        names: The parameters that have it.
        spec: Dtype and shape.
        data: The logical bytes.
        digest: The value's digest.
    """

    names: tuple[str, ...]
    spec: TensorSpec
    data: memoryview
    digest: str


@dataclass(frozen=True)
class OpenModel:
    """A model in the work tree: one file, or all shards.

    Attributes:
        name: Its path, as in the lineage.
        files: Its files.
        is_sharded: Whether it has several files, or other names than its own.
    """

    name: str
    files: tuple[OpenFile, ...]
    is_sharded: bool

    @cached_property
    def current(self) -> Manifest:
        """The parameters of all files, as they're in the work tree, without sources."""
        return merged([file.target.current for file in self.files])

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(len(file.checkpoint.data) for file in self.files)

    def values(self, keeps: Callable[[str], bool]) -> dict[str, ExactValue]:
        """Digest → value, of each value that may be stored nearly.

        Args:
            keeps: Tells whether a parameter must stay exact, by its name.
        """
        found: dict[str, ExactValue] = {}
        exact: set[str] = set()
        for file in self.files:
            tensors, is_entangled = file.checkpoint.tensors, has_overlaps(file.checkpoint)
            for entry in file.target.current.entries:
                name, key, tensor = entry.name, entry.digest, tensors.get(entry.name)
                first = found.get(key)
                if (
                    is_entangled
                    or keeps(name)
                    or not may_be_lossy(name, entry.spec)
                    or tensor is None
                    or tensor.spec != entry.spec
                    or (first and first.spec.dtype != entry.spec.dtype)
                ):
                    exact.add(key)
                elif first:
                    found[key] = replace(first, names=(*first.names, name))
                else:
                    found[key] = ExactValue((name,), entry.spec, file.checkpoint.value(name), key)
        return {key: value for key, value in found.items() if key not in exact}

    def write(self, values: Mapping[str, Callable[[], memoryview]], folder: Path, threads: int) -> Path:
        """Write the model's files with other values into an empty folder; the file, or the folder of shards.

        Raises:
            ThetaError: They can't be written.
        """
        for file in self.files:
            name = (file.target.path if self.is_sharded else self.name).rpartition("/")[2]
            try:
                with open(folder / name, "xb+") as handle:
                    write_nearly(file.checkpoint, values, handle.fileno(), threads)
            except OSError as error:
                raise ThetaError(
                    f"no copy of {self.name} can be written: {error.strerror or error}", full_disk_hint(error)
                ) from error
        return folder if self.is_sharded else next(folder.iterdir())


def merged(manifests: Sequence[Manifest]) -> Manifest:
    """The parameters of several files as those of one."""
    entries = (entry for manifest in manifests for entry in manifest.entries)
    return replace(manifests[0], entries=tuple(sorted(entries, key=lambda entry: sort_key(entry.name))))


def open_models(
    workspace: Workspace, tree: LineageTree, paths: Sequence[str], stack: ExitStack
) -> list[OpenModel]:
    """Open models, each once.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        tree: The index.
        paths: Checkpoints, indices of shards or folders of models, from the top. A shard stands for its
            model.
        stack: Closes the files.

    Raises:
        UsageError: A model isn't tracked, has no version that is staged or committed, isn't whole, or isn't
            in the work tree.
    """
    owners = {file: parts for parts in tree.models.values() for file in parts.files}
    found: dict[str, OpenModel] = {}
    for path in paths:
        files = model_paths(workspace.repository.git, path)
        parts = owners.get(files[0])
        if parts and parts.problem:
            raise UsageError(parts.problem, "add the whole model")
        name = parts.name if parts else path
        if name not in found:
            own = tuple(_opened(workspace, file, stack) for file in (parts.files if parts else files))
            found[name] = OpenModel(name, own, parts.is_sharded if parts else False)
    return list(found.values())


def _opened(workspace: Workspace, path: str, stack: ExitStack) -> OpenFile:
    repository = workspace.repository
    previous = previous_version(repository.git, path)
    target = stack.enter_context(update_target(workspace, path, previous))
    if target.has_manifest:
        raise UsageError(f"{path} is still a manifest", "write the file first: git theta checkout")
    with ThreadPoolExecutor(repository.settings.thread_count) as pool:
        data, neighbours = target.file.data, target.file.neighbours
        checkpoint = read_checkpoint(data, repository.store.temporary_file, pool, neighbours)
    if checkpoint.opaque:
        raise UsageError(f"{path} is in a format whose parameters git-theta doesn't know")
    return OpenFile(target, checkpoint)
