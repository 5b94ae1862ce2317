"""Models to combine by the names that users write: a file, a folder of shards, or REV:PATH."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from git_theta.combine.files import open_file, open_folder, parts_at, read_settings
from git_theta.combine.model import Model
from git_theta.combine.shards import joined
from git_theta.encoding.budget import check_values
from git_theta.encoding.decode import read_value
from git_theta.encoding.update_providers import require_updates
from git_theta.errors import GitError, UsageError
from git_theta.formats.base import FileVersion
from git_theta.formats.split import OPAQUE
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository
from git_theta.merging.file_version import stored_version
from git_theta.merging.manifest_parts import structure_entries
from git_theta.merging.settings_versions import Settings, most_bytes, parsed_settings
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.manifest_text import parse_if_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Pieces

#: The name of a model on the Hugging Face Hub, `owner/name`; a revision may follow.
_HUB = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w.-]+)?")


class ModelFiles:
    """Opens models, each once. A repository is only needed for what is in one.

    Args:
        git: Git in the user's folder.
        stack: Keeps files open.
        say: Called with messages about transfers.
    """

    def __init__(self, git: Git, stack: ExitStack, say: Callable[[str], None] | None = None) -> None:
        self._git = git
        self._stack = stack
        self._say = say
        self._opened: dict[str, Model] = {}
        self._repository = cache(lambda: Repository(git))

    @property
    def threads(self) -> int:
        """Parameters to work on at once, as the settings say."""
        try:
            return self._repository().settings.thread_count
        except GitError:
            from git_theta.runtime.threads import default_threads

            return default_threads()

    def model(self, name: str) -> Model:
        """The model of a name: a path relative to the user's folder, or REV:PATH.

        Raises:
            UsageError: There's no such model, or it isn't in a format that has parameters.
            GitError: REV:PATH outside of a repository.
        """
        found = self._opened.get(name)
        if found is None:
            found = self._opened[name] = self._open(name)
        return found

    def side_value(self, path: str, name: str) -> tuple[TensorSpec, Input]:
        """Dtype, shape and bytes of a parameter of a side file, as `ReadSideFile`."""
        model = self.model(path)
        entry = model.manifest.by_name.get(name)
        if entry is None:
            raise UsageError(
                f"{path} has no parameter {name!r}", "it needs those of the model, by the same names"
            )
        return entry.spec, lambda _nbytes: model.read(entry)

    def _open(self, name: str) -> Model:
        path = Path(self._git.path(name))
        if path.is_dir():
            return open_folder(path, name, self._file)
        if ":" in name and not os.path.lexists(path):
            return self._version(name)
        try:
            parts = parts_at(path, name)
        except UsageError as error:
            raise error if error.hint else UsageError(error.message, _hint(name)) from error
        if not parts.is_sharded:
            return self._file(path, name)
        folder = name.rpartition("/")[0]
        return joined(
            name,
            [self._file(Path(each), os.path.join(folder, os.path.basename(each))) for each in parts.files],
        )

    def _file(self, path: Path, name: str) -> Model:
        with work_file(str(path)) as file:
            manifest = parse_if_manifest(file.data) if file else None
        if manifest is not None:
            # In the work tree of a lazy clone, a manifest stands for its file.
            return self._stored(manifest, name, lambda beside: read_settings(path.parent / beside))
        return open_file(path, name, self.threads, self._stack)

    def _version(self, name: str) -> Model:
        model = find_model(self._repository().git, name)
        rev = name.partition(":")[0]
        files = zip(model.parts.files, model.manifests, strict=True)
        if not model.parts.is_sharded:
            file = model.parts.files[0]
            place = name if name.endswith(os.path.basename(file)) else f"{rev}:{file}"
            settings = partial(self._committed_settings, place)
            return self._stored(model.manifests[0], name, settings)
        shards = ((f"{rev}:{path}", manifest) for path, manifest in files)
        return joined(
            name,
            [
                self._stored(manifest, shard, partial(self._committed_settings, shard))
                for shard, manifest in shards
            ],
        )

    def _committed_settings(self, name: str, beside: str) -> Settings:
        """The settings in a file of a revision, beside another one of it."""
        rev, _, path = name.partition(":")
        folder, slash, _ = path.rpartition("/")
        with Blobs(self._git.cwd) as blobs:
            text = blobs.read(f"{rev}:{folder}{slash}{beside}", most_bytes(beside))
        return parsed_settings(beside, text)

    def _stored(self, manifest: Manifest, name: str, settings: Callable[[str], Settings]) -> Model:
        if manifest.format == OPAQUE:
            raise UsageError(f"{name} isn't a checkpoint of a format that has parameters")
        require_updates(manifest)
        return replace(stored_model(self._repository(), manifest, name, self._say), settings=settings)


def _hint(name: str) -> str:
    """Advice about a name that is neither a file nor a version."""
    if "+" in name:
        return "an adapter isn't applied on the way: git theta add --update-data applies one"
    if _HUB.fullmatch(name):
        return "a version in Git is written as REV:PATH; a model of a hub must be downloaded first"
    return "a version in Git is written as REV:PATH"


def stored_model(
    repository: Repository, manifest: Manifest, name: str, say: Callable[[str], None] | None = None
) -> Model:
    """A model whose values are in a repository, or can be fetched.

    Args:
        repository: The repository.
        manifest: The model's manifest.
        name: Name for messages.
        say: Called with messages about transfers; `None` to print them.
    """
    store = repository.store
    own = {entry.digest: entry for entry in manifest.entries}

    def fetch(entries: Iterable[Entry]) -> None:
        ensure_values(repository, entries) if say is None else ensure_values(repository, entries, say=say)

    def version() -> FileVersion:
        fetch(structure_entries(manifest))
        return stored_version(manifest, store)

    def read(entry: Entry) -> Pieces:
        return read_value(own[entry.digest], store)

    def prepare(entries: Iterable[Entry]) -> int:
        wanted = [own[entry.digest] for entry in entries]
        fetch(wanted)
        return check_values(wanted, store).memory

    return Model(name, manifest, version, read, prepare)
