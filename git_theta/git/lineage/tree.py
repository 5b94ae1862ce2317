"""A version of the repository as lineage reads it: its models, its records, and other small files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType

from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.git.lineage.fact_cache import FactCache
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.revspec import check_revision
from git_theta.lineage.facts import ModelFacts, model_facts
from git_theta.lineage.record import FOLDER, MAX_RECORD, model_of
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_if_manifest
from git_theta.sharding.grouping import group_files
from git_theta.sharding.index_file import MAX_INDEX, is_index_name
from git_theta.sharding.parts import ModelParts
from git_theta.small_file import read_small_file

#: Models whose manifests are kept, those that were asked for last: a parent is read for each child.
_KEPT = 16

#: The minimum size of a manifest, in bytes.
_MIN_BYTES = 150


class LineageTree:
    """The files of the index, or of a revision. Records of the index's version are those of the work tree.

    A context manager: the end writes the cache and ends helper processes.

    Args:
        repository: The repository.
        rev: The revision; `None` for the index.

    Raises:
        UsageError: There's no such revision.
    """

    def __init__(self, repository: Repository, rev: str | None = None) -> None:
        if rev is not None:
            check_revision(repository.git, rev)
        self.repository = repository
        self.rev = rev
        self._kept: dict[tuple[str, ...], tuple[Manifest, ...]] = {}
        self._stack = ExitStack()
        self._blobs = self._stack.enter_context(Blobs(repository.git.cwd))
        self.cache = FactCache(repository.common_dir / "theta")
        self._stack.callback(self.cache.close)

    def __enter__(self) -> LineageTree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def files(self) -> Mapping[str, str]:
        """Path → id of the blob, of every regular file."""
        return {path: oid for path, oid, _ in self._listing}

    @cached_property
    def _listing(self) -> list[tuple[str, str, int | None]]:
        git = self.repository.git
        found: list[tuple[str, str, int | None]] = []
        if self.rev is None:
            for record in git.records("ls-files", "-s", "-z", "--full-name", "--", ":/"):
                head, _, name = record.partition(b"\t")
                mode, oid, stage = head.decode().split(" ")
                if stage == "0" and mode.startswith("100"):
                    found.append((os.fsdecode(name), oid, None))
            return found
        for record in git.records("ls-tree", "-r", "-l", "-z", "--full-tree", self.rev):
            head, _, name = record.partition(b"\t")
            mode, kind, oid, size = head.decode().split()
            if kind == "blob" and mode.startswith("100"):
                found.append((os.fsdecode(name), oid, int(size) if size.isdigit() else None))
        return found

    @cached_property
    def _manifests(self) -> dict[str, str]:
        """Path → id of the blob, of every manifest."""
        if self.rev is None:
            listing = self.repository.git.run(
                "ls-files", "-s", "-z", "--full-name", "--", ":(attr:filter=theta,top)"
            )
            found = {}
            for record in filter(None, listing.split(b"\0")):
                head, _, name = record.partition(b"\t")
                mode, oid, stage = head.decode().split(" ")
                if stage == "0" and mode.startswith("100"):
                    found[os.fsdecode(name)] = oid
            return {path: oid for path, oid in found.items() if self._is_manifest(oid)}
        return {
            path: oid
            for path, oid, size in self._listing
            if size is not None and _MIN_BYTES <= size <= MAX_TEXT_BYTES and self._is_manifest(oid)
        }

    def _is_manifest(self, oid: str) -> bool:
        if self.cache.facts((oid,)) is not None:
            return True
        return is_manifest(self._blobs.read(oid, MAX_TEXT_BYTES) or b"")

    @cached_property
    def models(self) -> Mapping[str, ModelParts]:
        """Name → files, of every model."""
        names = [path for path in self.files if is_index_name(path)]
        parts = group_files(self._manifests, names, lambda path: self.read(path, MAX_INDEX))
        return {each.name: each for each in parts if each.files}

    def blobs_of(self, model: str) -> tuple[str, ...]:
        """Ids of the blobs of a model's manifests."""
        return tuple(self._manifests[path] for path in self.models[model].files)

    def manifests(self, model: str) -> tuple[Manifest, ...]:
        """The manifests of a model's files.

        Raises:
            ManifestError: A manifest is damaged.
            UsageError: A file isn't a manifest.
        """
        return self.manifests_of(self.blobs_of(model))

    def texts(self, model: str) -> Iterator[bytes]:
        """The texts of a model's manifests."""
        for oid in self.blobs_of(model):
            yield self._blobs.read(oid, MAX_TEXT_BYTES) or b""

    def manifests_of(self, blobs: tuple[str, ...]) -> tuple[Manifest, ...]:
        """The manifests in blobs, given their ids; see `manifests`."""
        found = self._kept.pop(blobs, None) or tuple(map(self._manifest, blobs))
        self._kept[blobs] = found
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def _manifest(self, oid: str) -> Manifest:
        manifest = parse_if_manifest(self._blobs.read(oid, MAX_TEXT_BYTES) or b"")
        if manifest is None:
            raise UsageError(f"blob {oid} isn't a manifest")
        return manifest

    def facts(self, model: str) -> ModelFacts:
        """Facts about a model; see `manifests` for errors."""
        return self.facts_of(self.blobs_of(model))

    def facts_of(self, blobs: tuple[str, ...]) -> ModelFacts:
        """Facts about the model whose manifests are in blobs, given their ids; see `manifests` for errors."""
        found = self.cache.facts(blobs)
        if found is None:
            found = model_facts(self.manifests_of(blobs))
            self.cache.remember_facts(blobs, found)
        return found

    def facts_or_none(self, model: str) -> ModelFacts | None:
        """Facts about a model; `None` if its files can't be read."""
        with suppress(ThetaError):
            return self.facts(model)
        return None

    def read(self, path: str, limit: int) -> bytes | None:
        """The bytes of a file that isn't a model; `None` if it's not there, or larger than a limit."""
        return self._blobs.read(f"{self.rev or ''}:{path}", limit)

    def records(self) -> Iterator[tuple[str, str]]:
        """Every record: the path of its model, and its own path.

        Raises:
            UsageError: The folder of records is a link.
        """
        for path in self._record_paths():
            model = model_of(path)
            if model is not None:
                yield model, path

    def record(self, path: str) -> bytes | None:
        """The text of a record, given its own path; `None` if there's none.

        Raises:
            UsageError: It's larger than any record, or not a regular file.
        """
        if self._top is None:
            return self._blobs.read(f"{self.rev or ''}:{path}", MAX_RECORD)
        place = self._top / path
        if not os.path.lexists(place):
            return None
        folders = list(place.parents)[: path.count("/")]
        if any(each.is_symlink() for each in (place, *folders)):
            raise UsageError(f"{path} is a link, and records are regular files", "replace it by its content")
        return read_small_file(place, MAX_RECORD)

    @cached_property
    def _top(self) -> Path | None:
        """The work tree whose records count."""
        if self.rev is not None:
            return None
        with suppress(GitError):
            return self.repository.root
        return None

    def _record_paths(self) -> list[str]:
        if self._top is None:
            return sorted(path for path in self.files if path.startswith(FOLDER))
        found = []
        start = self._top / FOLDER
        if start.is_symlink() or (self._top / ".theta").is_symlink():
            raise UsageError(f"{FOLDER.rstrip('/')} is a link, and records are read from a folder only")
        for folder, _, names in os.walk(start):
            found += [os.path.relpath(os.path.join(folder, name), self._top) for name in names]
        return sorted(found)
