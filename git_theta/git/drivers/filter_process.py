"""The long-running filter's conversation with Git, about all the files of one command."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from git_theta.encoding.decode import require_objects
from git_theta.errors import GitError, MissingObjectError, ThetaError
from git_theta.git.drivers.diff_reader import DiffDriver
from git_theta.git.drivers.filter_protocol import Request
from git_theta.git.plumbing.notices import explain
from git_theta.git.plumbing.pktline import Content, Writer
from git_theta.git.plumbing.sigint import interruptible
from git_theta.git.plumbing.work_file import drain
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.clean_filter import CleanFilter
from git_theta.git.worktree.smudge_filter import copy_file, manifest_to_smudge, smudge
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Manifest
from git_theta.runtime.progress import progress

if TYPE_CHECKING:
    from git_theta.git.worktree.materialise import Pending

#: Delayed files that are decoded, or being decoded, before Git asks for them.
_AHEAD = 16

_ASK_AGAIN = "status=delayed"


class Process:
    """Answers Git's requests about the files of one command.

    Args:
        repository: The repository; the current folder is the top of the work tree.
        writer: Packets to Git.
    """

    def __init__(self, repository: Repository, writer: Writer) -> None:
        self._repository = repository
        self._workspace = Workspace(repository)
        self._clean_filter = CleanFilter(repository, self._workspace.known_files, self._workspace.cleaners)
        self._settings = repository.settings
        self._writer = writer
        self._pending: dict[str, Pending] = {}
        self._delayed: dict[str, Manifest] = {}
        self._awaiting: dict[str, tuple[Request, Manifest]] = {}
        self._absent: dict[str, int | None] = {}
        self._ready: dict[str, Future[int]] = {}
        self._pool = ThreadPoolExecutor(self._settings.thread_count)
        self._diff_driver = DiffDriver(repository.git)
        self._reminded = False
        self._trouble: ThetaError | None = None

    def serve(self, requests: Iterable[tuple[Request, Content]]) -> None:
        """Answer requests until there are no more.

        Raises:
            GitError: Git broke off in the middle of something.
        """
        try:
            for request, content in requests:
                self._answer(request, content)
        finally:
            self._drop_delayed()
            self._pool.shutdown()
            self._clean_filter.close()
            self._workspace.close()

    def finish(self) -> None:
        """Materialise: to be called once Git has closed the pipe."""
        pending = list(self._pending.values())
        if pending:
            from git_theta.git.worktree.materialise import materialise, tell_failed

            with progress("writing checkpoints", sum(item.manifest.size for item in pending)) as advance:
                failed = materialise(self._repository, self._workspace.known_files, pending, advance)
            tell_failed(failed)
            self._workspace.close()

    def _answer(self, request: Request, content: Content) -> None:
        if request.command == "clean":
            self._clean(request, content)
        elif request.command == "smudge":
            self._smudge(request, content)
        elif request.command == "list_available_blobs":
            self._list_available()
        else:
            raise GitError(f"git asks for {request.command!r}, which isn't known")

    def _clean(self, request: Request, content: Content) -> None:
        try:
            blob = self._clean_filter.clean(request.path, content)
        except (ThetaError, OSError) as error:
            for _ in content:
                pass
            self._refuse(request, error)
            return
        self._give(blob)
        self._remind()

    def _smudge(self, request: Request, content: Content) -> None:
        if any(request.path in held for held in (self._ready, self._delayed, self._awaiting)):
            for _ in content:
                pass
            self._give_delayed(request)
            return
        try:
            data = drain(content, None, self._repository.store.temporary_file)
            assert data is not None  # noqa: S101
            manifest = None if self._is_for_the_driver(request) else manifest_to_smudge(data, request.path)
            if manifest is None:
                self._give(data)
                return
            store = self._repository.store
            absent = {oid: size for oid, size in manifest.objects().items() if not store.has(oid)}
            if absent and self._settings.lazy:
                self._give(data)
                return
            if absent and request.can_delay:
                # What's lacking is fetched for all files at once, when Git has asked for each of them.
                self._absent |= absent
                self._awaiting[request.path] = (request, manifest)
                self._writer.lines(_ASK_AGAIN)
                return
            self._fetch(absent)
            # Git is told now, while it can still fail, and not after it has finished.
            require_objects(manifest, store)
            if self._is_large(request, manifest):
                self._put_off(request, manifest)
            elif request.can_delay:
                self._delayed[request.path] = manifest
                self._writer.lines(_ASK_AGAIN)
            else:
                self._give_file(self._decode(manifest))
        except (ThetaError, OSError) as error:
            for _ in content:
                pass
            self._refuse(request, error)

    def _remind(self) -> None:
        """Say, once, that a push won't send objects if so."""
        if not self._reminded:
            from git_theta.git.install.push_check import remind

            self._reminded = True
            with suppress(ThetaError, OSError):
                remind(self._repository)

    def _is_for_the_driver(self, request: Request) -> bool:
        """Whether Git wants the file only to hand it to our diff driver, which needs no more than this.

        Git says a blob and nothing else then. Other commands say no more, so in any doubt the answer is no.
        """
        if request.can_delay or request.treeish or not request.blob:
            return False
        return self._diff_driver.reads(request.path)

    def _is_large(self, request: Request, manifest: Manifest) -> bool:
        return (
            request.can_delay and bool(request.blob) and manifest.size >= self._settings.materialise_threshold
        )

    def _put_off(self, request: Request, manifest: Manifest) -> None:
        """Answer with the manifest; the file is written at the end."""
        from git_theta.git.worktree.materialise import Pending

        if not self._pending:
            # Git still removes the old file and writes its index: time enough to load what comes then.
            self._pool.submit(_load)
        text = manifest.to_bytes()
        self._pending[request.path] = Pending(request.path, manifest, text, request.blob)
        self._give(text)

    def _fetch(self, objects: Mapping[str, int | None]) -> None:
        if objects:
            from git_theta.git.remote.fetch import ensure_objects

            with interruptible():
                ensure_objects(self._repository, objects)

    def _fetch_absent(self) -> None:
        """Get what the delayed files lack; Git is told of a failure when it asks for a file again."""
        absent, self._absent = self._absent, {}
        try:
            self._fetch(absent)
        except ThetaError as error:
            self._trouble = error
        for path, (request, manifest) in list(self._awaiting.items()):
            if not self._is_large(request, manifest):
                self._delayed[path] = manifest
                del self._awaiting[path]

    def _list_available(self) -> None:
        self._fetch_absent()
        self._look_ahead()
        good, bad = self._finished()
        while not good and (busy := [future for future in self._ready.values() if not future.done()]):
            wait(busy, return_when=FIRST_COMPLETED)
            good, bad = self._finished()
        # Git ends at the first failure, so files that can't be written come after all others.
        self._writer.lines(*(f"pathname={path}" for path in good or bad))
        self._writer.lines("status=success")

    def _finished(self) -> tuple[list[str], list[str]]:
        """Delayed files that Git can have now, and those that it can't have."""
        store = self._repository.store
        done = {path: future.exception() is None for path, future in self._ready.items() if future.done()}
        for path, (_, manifest) in self._awaiting.items():
            done[path] = all(store.has(oid) for oid in manifest.objects())
        good = [path for path, fine in done.items() if fine]
        return good, [path for path in done if path not in good]

    def _look_ahead(self) -> None:
        for path in list(self._delayed)[: max(0, _AHEAD - len(self._ready))]:
            self._ready[path] = self._pool.submit(self._decode, self._delayed.pop(path))

    def _give_delayed(self, request: Request) -> None:
        try:
            if request.path in self._awaiting:
                first, manifest = self._awaiting.pop(request.path)
                require_objects(manifest, self._repository.store)
                self._put_off(first, manifest)
                return
            if request.path in self._delayed:
                handle = self._decode(self._delayed.pop(request.path))
            else:
                handle = self._ready.pop(request.path).result()
            self._look_ahead()
            self._give_file(handle)
        except (ThetaError, OSError) as error:
            self._refuse(request, error)

    def _decode(self, manifest: Manifest) -> int:
        handle = self._repository.store.temporary_file()
        try:
            smudge(self._repository, self._workspace.known_files, manifest, handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _drop_delayed(self) -> None:
        for future in self._ready.values():
            if not future.cancel() and not future.exception():
                os.close(future.result())
        self._ready.clear()

    def _give(self, data: bytes | memoryview) -> None:
        self._writer.lines("status=success")
        self._writer.data(data)
        self._writer.flush()
        self._writer.flush()

    def _give_file(self, handle: int) -> None:
        try:
            self._writer.lines("status=success")
            copy_file(handle, self._writer.data)
            self._writer.flush()
            self._writer.flush()
        finally:
            os.close(handle)

    def _refuse(self, request: Request, error: Exception) -> None:
        if isinstance(error, MissingObjectError) and self._trouble:
            # Why it's missing says more.
            error = self._trouble
        if isinstance(error, MissingObjectError) and request.command == "smudge":
            from git_theta.git.history.author import last_author

            author = last_author(self._repository.git, request.path, request.treeish or "HEAD")
            hint = f"{error.hint}; {request.path} was last changed by {author}" if author else error.hint
            error = MissingObjectError(error.message, hint)
        explain(request.path, error if isinstance(error, ThetaError) else ThetaError(str(error)))
        self._writer.lines("status=error")


def _load() -> None:
    import numpy  # noqa: F401

    import git_theta.git.worktree.materialise
    import git_theta.smudge  # noqa: F401
