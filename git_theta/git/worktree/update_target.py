"""A tracked file in the work tree that is stored as given updates of its previous version."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from git_theta.checkpoint_file import fingerprint, read_checkpoint
from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.worktree.previous_version import PreviousVersion
from git_theta.git.worktree.stage import NewVersion, index_line, stage, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.manifest_text import is_manifest
from git_theta.model.sizes import added_payloads, payload_bytes
from git_theta.runtime.progress import progress
from git_theta.sideload.draft import Draft, store_all


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The result of storing updates.

    Attributes:
        changed: Number of parameters that changed.
        size: Their bytes.
        stored: Bytes of the payloads that are new.
        written: Whether the file in the work tree was replaced.
    """

    changed: int
    size: int
    stored: int
    written: bool


def combined_results(results: Sequence[UpdateResult]) -> UpdateResult:
    """The result for several files as one."""
    return UpdateResult(
        sum(each.changed for each in results),
        sum(each.size for each in results),
        sum(each.stored for each in results),
        any(each.written for each in results),
    )


@dataclass(frozen=True, slots=True)
class UpdateTarget:
    """The file, open for reading.

    Attributes:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: The file, from there.
        previous: The version that updates apply to.
        file: The file.
        current: The manifest of the file's content, without sources; exactly `previous.manifest` if the
            content is the same, or the file holds that manifest.
    """

    workspace: Workspace
    path: str
    previous: PreviousVersion
    file: WorkFile
    current: Manifest

    @property
    def is_changed(self) -> bool:
        """Whether the file's content differs from the previous version."""
        return self.current is not self.previous.manifest

    def store_drafts(
        self, names: Iterable[str], make: Callable[[str, memoryview], Draft | None]
    ) -> dict[str, Entry]:
        """Store updates for some parameters of the file.

        Args:
            names: The parameters; those that the file lacks are left out.
            make: Makes the update of a parameter, given its name and its bytes in the file; `None` for none.

        Returns:
            The new entries, by name.
        """
        repository = self.workspace.repository
        store, threads = repository.store, repository.settings.thread_count
        with ThreadPoolExecutor(threads) as pool:
            checkpoint = read_checkpoint(self.file.data, store.temporary_file, pool, self.file.neighbours)
        there = [name for name in names if name in checkpoint.tensors]
        return store_all(lambda name: make(name, checkpoint.value(name)), there, store, threads)

    def clean(self, sources: Mapping[str, Source]) -> Manifest:
        """Store the file as `git add` does, except for values that have a source already.

        Args:
            sources: Digest of a value → its source.
        """
        with progress(f"adding {self.path}", len(self.file.data)) as advance:
            cleaner = self.workspace.cleaners.cleaner(self.path, advance, self.file.neighbours)

            def known(digests: Iterable[str]) -> dict[str, Source]:
                wanted = set(digests)
                return {**cleaner.known(wanted), **{key: sources[key] for key in wanted & sources.keys()}}

            return replace(cleaner, known=known).clean(self.file.data, [self.previous.manifest]).manifest

    def clean_apart(self, sources: Mapping[str, Source], earlier: Sequence[Manifest]) -> Manifest:
        """Store the file as if only some values had been stored before.

        So the manifest needs no object that an exact version, which is only staged, was stored in.

        Args:
            sources: Digest of a value → its source.
            earlier: Versions and models whose objects are kept anyway.
        """
        with progress(f"adding {self.path}", len(self.file.data)) as advance:
            cleaner = self.workspace.cleaners.cleaner(self.path, advance, self.file.neighbours)

            def known(digests: Iterable[str]) -> dict[str, Source]:
                return {key: sources[key] for key in sources.keys() & set(digests)}

            apart = replace(cleaner, known=known, candidates=tuple, search=None)
            return apart.clean(self.file.data, earlier).manifest

    def stage(self, manifest: Manifest) -> UpdateResult:
        """Stage the manifest of the file's content; the file stays as it is.

        Raises:
            ThetaError: The file was written to meanwhile, or the index is locked.
        """
        self.check_unchanged()
        repository, known_files = self.workspace.repository, self.workspace.known_files
        stage(repository, known_files, self.path, self.previous.mode, manifest, self.file.status)
        return self.result(manifest, written=False)

    @property
    def has_manifest(self) -> bool:
        """Whether the file is still the manifest of the previous version."""
        return is_manifest(self.file.data)

    def new_version(self, manifest: Manifest, advance: Callable[[int], object]) -> NewVersion:
        """The version that replaces the file.

        Args:
            manifest: Its manifest.
            advance: Called with the number of bytes of each finished parameter.
        """
        before = index_line(self.path, self.previous.mode, self.previous.oid)
        return NewVersion(self.path, self.previous.mode, manifest, before, self.check_unchanged, advance)

    def write_and_stage(self, manifest: Manifest) -> UpdateResult:
        """Replace the file by the version that a manifest stands for, and stage that.

        Raises:
            ThetaError: The file was written to meanwhile or can't be written, or the index is locked.
        """
        return write_and_stage_all([(self, manifest)])

    def check_unchanged(self) -> None:
        """Check that the file is the one that was opened, as it was then.

        Raises:
            ThetaError: It isn't.
        """
        with work_file(self.workspace.repository.git.path(self.path)) as now:
            same = now and self.file.unchanged() and now.status.st_ino == self.file.status.st_ino
        if not same:
            raise ThetaError(f"{self.path} was written to meanwhile", "try again when it's quiet")

    def result(self, manifest: Manifest, *, written: bool) -> UpdateResult:
        """The number and size of the parameters that a new version of the file changes."""
        before = self.previous.manifest
        old = before.by_name
        changed = [e for e in manifest.entries if e.name not in old or old[e.name].digest != e.digest]
        stored = payload_bytes(added_payloads(before, manifest), self.workspace.repository.store.size)
        return UpdateResult(len(changed), sum(entry.spec.nbytes for entry in changed), stored, written)


def write_and_stage_all(versions: Sequence[tuple[UpdateTarget, Manifest]]) -> UpdateResult:
    """Replace files of one work tree by new versions, and stage these: all or none.

    Args:
        versions: Each file with the manifest of its new version, at least one.

    Raises:
        ThetaError: A file was written to meanwhile or can't be written, or the index is locked.
    """
    changes = [new != target.previous.manifest for target, new in versions]
    to_write = [
        (target, new)
        for (target, new), is_new in zip(versions, changes, strict=True)
        if is_new or target.has_manifest
    ]
    if to_write:
        workspace = to_write[0][0].workspace
        title = f"writing {to_write[0][0].path}" if len(to_write) == 1 else f"writing {len(to_write)} files"
        with progress(title, sum(new.size for _, new in to_write)) as advance:
            files = [target.new_version(new, advance) for target, new in to_write]
            write_and_stage(workspace.repository, workspace.known_files, files)
    results = [
        target.result(new, written=is_new) for (target, new), is_new in zip(versions, changes, strict=True)
    ]
    return combined_results(results)


@contextmanager
def update_target(workspace: Workspace, path: str, previous: PreviousVersion) -> Iterator[UpdateTarget]:
    """Open the file at a path of the work tree.

    Raises:
        UsageError: There's no such file, or it holds another manifest than the previous version's.
    """
    with work_file(workspace.repository.git.path(path)) as file:
        if file is None:
            raise UsageError(
                f"{path} isn't a file in the work tree", f"get it back: git checkout -- {shlex.quote(path)}"
            )
        yield UpdateTarget(
            workspace, path, previous, file, _content(workspace, path, file, previous.manifest)
        )


def _content(workspace: Workspace, path: str, file: WorkFile, previous: Manifest) -> Manifest:
    """The manifest of a file's content; exactly `previous` if it's the same."""
    if is_manifest(file.data):
        if bytes(file.data) == previous.to_bytes():
            return previous
        raise UsageError(f"{path} holds a manifest", "write the file first: git theta checkout")
    threads, store = workspace.repository.settings.thread_count, workspace.repository.store
    now = workspace.known_files.manifest(file) or fingerprint(
        file.data, threads, store.temporary_file, (previous,), store, file.neighbours
    )
    same = (now.size, _values(now)) == (previous.size, _values(previous))
    return previous if same else now


def _values(manifest: Manifest) -> list[tuple[object, ...]]:
    return [(entry.name, entry.spec, entry.digest) for entry in manifest.all_entries()]
