"""Delayed files: Git is told to ask for them again, and meanwhile they're fetched and decoded.

Git asks for all files of a checkout first, and then, again and again, which delayed files it can have. So
objects are fetched for all files at once, and some files are decoded while Git writes others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from git_theta.encoding.readable import missing_values
from git_theta.git.drivers.filter_protocol import FilterRequest
from git_theta.model.manifest import Entry, Manifest

if TYPE_CHECKING:
    from git_theta.store.local import LocalStore

#: So many delayed files are decoded, or being decoded, before Git asks for them.
_MAX_DECODED = 16


class DelayedFile:
    """A delayed file, on its way from a manifest to its content.

    Its objects are fetched, if any are missing. Then a large file waits to be answered with its manifest; any
    other file waits for a thread, is decoded, and waits for Git.

    Args:
        request: Git's first request for the file.
        manifest: The manifest that Git sent.
        written_later: Whether Git gets the manifest, and the file is written after Git has finished.
        lacking: Entries of values whose objects are yet to be fetched.

    Attributes:
        content: The decoded file's descriptor, from the time that a thread is asked for it.
    """

    def __init__(
        self,
        request: FilterRequest,
        manifest: Manifest,
        *,
        written_later: bool = False,
        lacking: Sequence[Entry] = (),
    ) -> None:
        self.request = request
        self.manifest = manifest
        self.written_later = written_later
        self.lacking = lacking
        self.content: Future[int] | None = None

    @property
    def can_be_decoded(self) -> bool:
        """Whether a thread can begin with the file."""
        return not self.written_later and not self.lacking and self.content is None


class DelayedFiles:
    """The delayed files of one git command.

    Args:
        store: Objects that are here.
        decode: Writes the file of a manifest; returns its descriptor. Threads of the pool call it.
        pool: Threads.
    """

    def __init__(
        self, store: LocalStore, decode: Callable[[Manifest], int], pool: ThreadPoolExecutor
    ) -> None:
        self._store = store
        self._decode = decode
        self._pool = pool
        self._files: dict[str, DelayedFile] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def add(self, file: DelayedFile) -> None:
        """Delay a file."""
        self._files[file.request.path] = file

    def take(self, path: str) -> DelayedFile:
        """The file at a path, which Git asks for again."""
        return self._files.pop(path)

    def take_lacking(self) -> list[Entry]:
        """Entries of values whose objects files lack; they count as fetched from now on."""
        lacking: list[Entry] = []
        for file in self._files.values():
            lacking += file.lacking
            file.lacking = ()
        return lacking

    def decode_ahead(self) -> None:
        """Have threads begin with the next files."""
        free = _MAX_DECODED - len(list(self._contents()))
        waiting = [file for file in self._files.values() if file.can_be_decoded]
        for file in waiting[: max(0, free)]:
            file.content = self._pool.submit(self._decode, file.manifest)

    def available(self) -> list[str]:
        """Wait until Git can have at least one file, and return the paths of all that it can have.

        Git ends at the first failure, so files that can't be written come after all others. Without a path,
        no file is left.
        """
        good, bad = self._finished()
        while not good and (busy := [content for content in self._contents() if not content.done()]):
            wait(busy, return_when=FIRST_COMPLETED)
            good, bad = self._finished()
        return good or bad

    def close(self) -> None:
        """Give up the files that Git hasn't asked for."""
        for content in self._contents():
            if not content.cancel() and not content.exception():
                os.close(content.result())
        self._files.clear()

    def _contents(self) -> Iterator[Future[int]]:
        return (file.content for file in self._files.values() if file.content)

    def _finished(self) -> tuple[list[str], list[str]]:
        """Paths of files that Git can have now, and of those that it can't have."""
        outcomes = {path: self._succeeds(file) for path, file in self._files.items()}
        return (
            [path for path, outcome in outcomes.items() if outcome is True],
            [path for path, outcome in outcomes.items() if outcome is False],
        )

    def _succeeds(self, file: DelayedFile) -> bool | None:
        """Whether Git can have a file; `None` if that isn't known yet."""
        if file.written_later:
            return not missing_values(file.manifest, self._store)
        if file.content is None or not file.content.done():
            return None
        return file.content.exception() is None
