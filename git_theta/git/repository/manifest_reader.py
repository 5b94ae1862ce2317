"""Manifests by the ids of their blobs, for commands that read many versions of a file."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from types import TracebackType

from git_theta.errors import ManifestError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest

#: The number of manifests that are kept: histories are read from version to version.
_KEPT = 8

#: The approximate number of parsed lines that are kept: versions of a file have most lines in common.
_LINES = 1 << 17

_MARKERS = re.compile(rb"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


class ManifestReader:
    """Reads manifests by the ids of their blobs, through one process, and keeps the last few.

    Args:
        git: Git in the repository.
    """

    def __init__(self, git: Git) -> None:
        self._blobs = Blobs(git.cwd)
        self._kept: dict[str, Manifest] = {}
        self._problems: dict[str, str] = {}
        self._entries: dict[bytes, Entry] = {}

    def __enter__(self) -> ManifestReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blobs.close()

    def get(self, oid: str) -> Manifest | None:
        """The manifest in a blob; `None` if there's no valid one, and then `problem` says why."""
        if oid in self._problems:
            return None
        found = self._kept.pop(oid, None) or self._read(oid)
        if found:
            self._kept[oid] = found
            if len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    def text(self, oid: str, limit: int) -> bytes | None:
        """The bytes of a blob of any kind; `None` if there's none, or if it's larger than a limit."""
        return self._blobs.read(oid, limit)

    def problem(self, oid: str) -> str:
        """The reason why `get` found no manifest in a blob."""
        return self._problems.get(oid, "")

    def _read(self, oid: str) -> Manifest | None:
        text = self._blobs.read(oid, MAX_TEXT_BYTES)
        if text is not None and is_manifest(text):
            try:
                return self._parse(text)
            except ManifestError as error:
                problem = f"the manifest is damaged: {error.message}"
        else:
            problem = "in Git as a whole file" if text is not None else "Git can't read it as a manifest"
        if text is not None and len(text) < MAX_TEXT_BYTES and _MARKERS.search(text[: 1 << 20]):
            problem = "the manifest has conflict markers"
        self._problems[oid] = problem
        return None

    def _parse(self, text: bytes) -> Manifest:
        """Parse a manifest, reading only the lines that no earlier version had."""
        head, gap, body = text.partition(b"\n\n")
        lines = body.split(b"\n")
        last = lines.pop()
        names = [line.partition(b" ")[0] for line in lines]
        if last or any(low >= high for low, high in pairwise(names)):
            return parse_manifest(text)
        fresh = [line for line in lines if line not in self._entries]
        try:
            found = parse_manifest(head + gap + b"".join(line + b"\n" for line in fresh))
        except ManifestError:
            # The error of the whole text has the right number of the line.
            return parse_manifest(text)
        if len(self._entries) > _LINES:
            self._entries = {line: self._entries[line] for line in lines if line in self._entries}
        self._entries.update(zip(fresh, found.entries, strict=True))
        return replace(found, entries=tuple(map(self._entries.__getitem__, lines)))
