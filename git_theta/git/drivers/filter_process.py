"""The long-running filter: it answers Git's requests about all the files of one command."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from git_theta.encoding.decode import require_objects
from git_theta.encoding.readable import missing_values
from git_theta.errors import GitError, MissingObjectError, ThetaError, join_hints
from git_theta.git.drivers.delayed_files import DelayedFile, DelayedFiles
from git_theta.git.drivers.diff_reader import DiffReader
from git_theta.git.drivers.filter_protocol import FilterAnswers, FilterRequest
from git_theta.git.drivers.git_watch import GitWatch
from git_theta.git.plumbing.notices import explain
from git_theta.git.plumbing.pktline import PacketContent, PacketWriter
from git_theta.git.plumbing.rebase_todo import rebase_runs_commands
from git_theta.git.plumbing.sigint import interrupts_raised
from git_theta.git.plumbing.unmerged import unmerged_paths
from git_theta.git.plumbing.work_file import drain
from git_theta.git.repository.conversions import as_stored
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import file_pieces, manifest_to_smudge, smudge
from git_theta.model.manifest import Entry, Manifest
from git_theta.runtime.early_end import INTERRUPTED, end_early
from git_theta.runtime.progress import progress

if TYPE_CHECKING:
    from git_theta.git.worktree.clean_filter import CleanFilter
    from git_theta.git.worktree.pending_files import PendingFile

#: The message after an interruption that left manifests in the work tree.
UNFINISHED = "git-theta: interrupted; run `git theta checkout` to write the files that still hold a manifest"


class FilterProcess:
    """Answers Git's requests about the files of one command.

    Args:
        repository: The repository, with Git at the top of its work tree.
        writer: Packets to Git.
    """

    def __init__(self, repository: Repository, writer: PacketWriter) -> None:
        self._began = time.time_ns()
        self._repository = repository
        self._settings = repository.settings
        self._known_files = KnownFiles(repository)
        self._opened = ExitStack()
        self._answers = FilterAnswers(writer, self._answer_begins)
        self._watch = GitWatch(1, self._git_died)
        self._finishing = False
        self._pool = ThreadPoolExecutor(self._settings.thread_count)
        self._delayed = DelayedFiles(repository.store, self._decode, self._pool)
        self._pending: dict[str, PendingFile] = {}
        self._diff_reader = DiffReader(repository.git)
        self._reminded = False
        self._fetch_error: ThetaError | None = None

    def serve(self, requests: Iterable[tuple[FilterRequest, PacketContent]]) -> None:
        """Answer requests until there are no more; ends this process if Git dies meanwhile.

        Raises:
            GitError: Git closed the pipe in the middle of a request.
        """
        self._watch.start()
        try:
            for request, content in requests:
                self._watch.owed = True
                self._answer(request, content)
        except BrokenPipeError:
            self._git_died()
        finally:
            self._delayed.close()
            self._pool.shutdown()
            self._opened.close()
            self._known_files.close()

    def finish(self) -> None:
        """Write the files that Git was given manifests of, and note those that it leaves in conflict.

        To be called once Git has closed the pipe: it doesn't write any more then.
        """
        self._finishing = True
        pending = list(self._pending.values())
        if pending:
            store = self._repository.store
            try:
                self._fetch([entry for item in pending for entry in missing_values(item.manifest, store)])
            except ThetaError as error:
                explain(None, error)
            from git_theta.git.worktree.materialise import explain_failed, materialise

            with progress("writing checkpoints", sum(file.manifest.size for file in pending)) as advance:
                failed = materialise(self._repository, self._known_files, pending, self._began, advance)
            explain_failed(failed)
            self._known_files.close()
        if (self._repository.git_dir / "theta" / "conflicts").is_dir():
            from git_theta.git.plumbing.parent_command import git_process
            from git_theta.git.repository.conflict_records import note_files_left

            with suppress(OSError):
                note_files_left(self._repository, git_process())

    def _answer_begins(self) -> None:
        self._watch.owed = False

    def _git_died(self) -> None:
        if self._finishing:
            # As Ctrl-C, which leaves time to renew the index for the files that are written.
            os.kill(os.getpid(), signal.SIGINT)
        else:
            end_early(INTERRUPTED, UNFINISHED if self._pending else "")

    @cached_property
    def _clean_filter(self) -> CleanFilter:
        """The clean filter. Checking out doesn't need it, and Git waits for everything that is imported."""
        from git_theta.git.worktree.clean_filter import CleanFilter

        clean_filter = CleanFilter(self._repository, self._known_files)
        self._opened.callback(clean_filter.close)
        return clean_filter

    def _answer(self, request: FilterRequest, content: PacketContent) -> None:
        if request.command == "clean":
            self._clean(request, content)
        elif request.command == "smudge":
            self._smudge(request, content)
        elif request.command == "list_available_blobs":
            self._list_available()
        else:
            raise GitError(f"git asks for {request.command!r}, which isn't known")

    def _clean(self, request: FilterRequest, content: PacketContent) -> None:
        try:
            blob = self._clean_filter.clean(request.path, content)
        except Exception as error:
            self._refuse(request, content, error)
        else:
            self._answers.content([blob])
            self._note_manifest(request.path, blob)
            self._remind()

    def _note_manifest(self, path: str, blob: bytes) -> None:
        """Have `finish` write the model if a manifest stands in its place."""
        from git_theta.git.worktree.pending_files import manifest_text

        text = manifest_text(self._repository.git.path(path))
        if text is not None and not self._settings.lazy:
            from git_theta.git.worktree.left_manifests import file_to_write

            found = file_to_write(self._repository, path, text, blob)
            if found:
                self._pending[path] = found

    def _smudge(self, request: FilterRequest, content: PacketContent) -> None:
        try:
            if request.path in self._delayed:
                _discard(content)
                self._smudge_delayed(request)
            else:
                self._smudge_content(request, content)
        except Exception as error:
            # Whatever fails here, perhaps in a plugin, concerns this file only.
            self._refuse(request, content, error)

    def _smudge_content(self, request: FilterRequest, content: PacketContent) -> None:
        store = self._repository.store
        data = drain(content, None, store.temporary_file)
        assert data is not None  # noqa: S101
        data = as_stored(data)
        manifest = None if self._is_for_our_diff(request) else manifest_to_smudge(data, request.path)
        if manifest is None:
            self._answers.content([data])
            return
        if self._settings.lazy and missing_values(manifest, store, store.keeps):
            self._answers.content([data])
            return
        lacking = missing_values(manifest, store)
        if lacking and self._may_delay(request):
            large = self._is_large(request, manifest)
            self._delay(DelayedFile(request, manifest, written_later=large, lacking=lacking))
        else:
            self._fetch(lacking)
            self._smudge_stored(request, manifest)

    def _smudge_stored(self, request: FilterRequest, manifest: Manifest) -> None:
        """Answer with a file whose objects should all be here."""
        # A missing object is an error now, while Git can still fail, and not after it has finished.
        require_objects(manifest, self._repository.store)
        if self._is_large(request, manifest):
            self._write_later(request, manifest)
        elif self._may_delay(request):
            self._delay(DelayedFile(request, manifest))
        else:
            self._give_file(self._decode(manifest))

    def _may_delay(self, request: FilterRequest) -> bool:
        """Whether Git can ask for the file again.

        For `git checkout -m -- FILE`, Git offers to, but frees the entry of the unmerged file first, and
        crashes. Where it names a tree, it doesn't take the file from an index with conflicts.
        """
        return request.can_delay and (bool(request.treeish) or request.path not in self._unmerged)

    @cached_property
    def _unmerged(self) -> frozenset[str]:
        return unmerged_paths(self._repository.git)

    def _delay(self, file: DelayedFile) -> None:
        self._delayed.add(file)
        self._answers.delayed()

    def _list_available(self) -> None:
        try:
            self._fetch(self._delayed.take_lacking())
        except ThetaError as error:
            # Git gets the error when it asks for a file again.
            self._fetch_error = error
        self._delayed.decode_ahead()
        self._answers.available(self._delayed.available())

    def _smudge_delayed(self, request: FilterRequest) -> None:
        file = self._delayed.take(request.path)
        if file.written_later:
            require_objects(file.manifest, self._repository.store)
            self._write_later(file.request, file.manifest)
            return
        handle = file.content.result() if file.content else self._decode(file.manifest)
        self._delayed.decode_ahead()
        self._give_file(handle)

    def _is_for_our_diff(self, request: FilterRequest) -> bool:
        """Whether Git wants the file only to hand it to our diff driver, which reads the manifest itself.

        Git names the blob and nothing else then. Other commands name no more: in any doubt the answer is no.
        """
        if request.can_delay or request.treeish or not request.blob:
            return False
        return self._diff_reader.is_our_driver(request.path)

    def _is_large(self, request: FilterRequest, manifest: Manifest) -> bool:
        """Whether the file is written after Git has finished, which needs its blob's id.

        Other programs' hooks and the commands of `git rebase --exec` run before that, and must see the file.
        """
        return (
            request.can_delay
            and bool(request.blob)
            and manifest.size >= self._settings.materialise_threshold
            and not rebase_runs_commands(self._repository.git_dir)
            and not self._hooks_wait(request)
        )

    def _hooks_wait(self, request: FilterRequest) -> bool:
        # Not kept: Git may have checked out a hook since, in a folder of the work tree.
        from git_theta.git.install.waiting_hooks import others_wait

        return others_wait(self._repository, self._command, request.treeish)

    @cached_property
    def _command(self) -> str:
        from git_theta.git.plumbing.parent_command import git_command

        return git_command()

    def _write_later(self, request: FilterRequest, manifest: Manifest) -> None:
        """Answer with the manifest; `finish` writes the file."""
        from git_theta.git.worktree.pending_files import PendingFile

        if not self._pending:
            # Git still removes old files and writes its index: time enough to load what `finish` needs.
            self._pool.submit(_load_for_finish)
        text = manifest.to_bytes()
        self._pending[request.path] = PendingFile(request.path, manifest, text, request.blob)
        self._answers.content([text])

    def _fetch(self, lacking: Sequence[Entry]) -> None:
        if lacking:
            from git_theta.git.remote.fetch import ensure_values

            with interrupts_raised():
                ensure_values(self._repository, lacking)

    def _decode(self, manifest: Manifest) -> int:
        """Write a file; returns its descriptor."""
        handle = self._repository.store.temporary_file()
        try:
            smudge(self._repository, self._known_files, manifest, handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _give_file(self, handle: int) -> None:
        try:
            self._answers.content(file_pieces(handle))
        finally:
            os.close(handle)

    def _remind(self) -> None:
        """Warn, once, if a push wouldn't send objects."""
        if not self._reminded:
            from git_theta.git.install.push_check import remind_of_push_problem

            self._reminded = True
            with suppress(ThetaError, OSError):
                remind_of_push_problem(self._repository)

    def _refuse(self, request: FilterRequest, content: PacketContent, error: Exception) -> None:
        _discard(content)
        if isinstance(error, MissingObjectError) and self._fetch_error:
            # The reason why an object is missing helps more.
            error = self._fetch_error
        if isinstance(error, MissingObjectError) and request.command == "smudge":
            from git_theta.git.history.author import last_author

            author = last_author(self._repository.git, request.path, request.treeish or "HEAD")
            changed = f"{request.path} was last changed by {author}" if author else ""
            error = MissingObjectError(error.message, join_hints(error.hint, changed))
        explain(request.path, error)
        self._answers.error()


def _discard(content: PacketContent) -> None:
    """Read the rest of a file's content, so that the next request can be read."""
    for _ in content:
        pass


def _load_for_finish() -> None:
    import numpy  # noqa: F401

    import git_theta.git.worktree.materialise
    import git_theta.smudge  # noqa: F401
