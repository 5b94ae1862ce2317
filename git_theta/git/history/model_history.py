"""The versions of a model in history: of its file, or of all its shards, whichever a commit has."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from git_theta.errors import UsageError
from git_theta.git.history.ancestry import ancestry
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.compared_versions import ComparedVersion
from git_theta.git.history.renames import find_rename_source
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.folder_files import folder_files
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.models import model_of_folder
from git_theta.model.manifest import Manifest
from git_theta.sharding.grouping import group_folder
from git_theta.sharding.index_file import MAX_INDEX, indexed_name, is_index_name
from git_theta.sharding.joined import ModelVersion
from git_theta.sharding.numbered import model_name
from git_theta.sharding.parts import ModelParts


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A version of a model, as Git has it.

    Attributes:
        parts: Its files.
        oids: The blob of each file.
    """

    parts: ModelParts
    oids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """Finds and reads the versions of models, also as a `BlameHistory`.

    Attributes:
        git: Git in the repository.
        manifests: Reads manifests.
        trees: The id of the tree of a folder, by commit and folder, as far as `look_up` found it.
        found: The model of a name, by the id of its folder's tree and the name.
    """

    git: Git
    manifests: ManifestReader
    trees: dict[tuple[str, str], str] = field(default_factory=dict)
    found: dict[tuple[str, str], StoredModel | None] = field(default_factory=dict)

    def look_up(self, commits: Iterable[str], name: str) -> None:
        """Find the trees of a model's folder in many commits, of which few differ, at once."""
        folder = os.path.dirname(name)
        if "\n" in folder:  # a request is one line
            return
        asked = [commit for commit in dict.fromkeys(commits) if (commit, folder) not in self.trees]
        specs = "".join(f"{commit}^{{tree}}:{folder}\n" for commit in asked)
        answers = self.git.run("cat-file", "--batch-check=%(objectname)", stdin=os.fsencode(specs))
        for commit, answer in zip(asked, answers.decode(errors="replace").splitlines(), strict=True):
            self.trees[commit, folder] = "" if answer.endswith(" missing") else answer

    def at(self, commit: str, name: str) -> StoredModel | None:
        """The model of a name in a commit; `None` if it isn't there."""
        folder = os.path.dirname(name)
        if "\n" in folder:
            return self._read(commit, name)
        self.look_up([commit], name)
        tree = self.trees[commit, folder]
        if (tree, name) not in self.found:
            self.found[tree, name] = self._read(commit, name) if tree else None
        return self.found[tree, name]

    def _read(self, commit: str, name: str) -> StoredModel | None:
        folder = os.path.dirname(name)
        files = folder_files(self.git, commit, folder)
        models = group_folder(
            [each for each in files if not is_index_name(each)],
            [each for each in files if is_index_name(each)],
            lambda each: self.manifests.text(files[each].oid, MAX_INDEX),
        )
        for model in models:
            parts = model.inside(folder)
            if parts.name == name and parts.files:
                return StoredModel(parts, tuple(files[path].oid for path in model.files))
        return None

    def version(self, stored: StoredModel) -> ModelVersion | None:
        """The manifests of a version; `None` if it isn't a whole model, and then `problem` says why."""
        if stored.parts.problem:
            return None
        found = [self.manifests.get(oid) for oid in stored.oids]
        version = ModelVersion(stored.parts, tuple(filter(None, found)))
        try:
            return version if None not in found and version.manifest else None
        except UsageError:
            return None

    def problem(self, stored: StoredModel) -> str:
        """The reason why `version` found no model."""
        if stored.parts.problem:
            return stored.parts.problem
        problems = [
            f"{path}: {self.manifests.problem(oid)}"
            for path, oid in zip(stored.parts.files, stored.oids, strict=True)
            if self.manifests.get(oid) is None
        ]
        return problems[0] if problems else "its shards aren't of one model"

    def commits(self, tip: str, path: str) -> list[CommitInfo]:
        """See `BlameHistory.commits`."""
        return ancestry(self.git, tip, model_pathspecs(self.git, tip, path))

    def versions(self, commits: Sequence[CommitInfo], path: str) -> Mapping[str, Hashable]:
        """See `BlameHistory.versions`."""
        self.look_up((commit.oid for commit in commits), path)
        found = ((commit.oid, self.at(commit.oid, path)) for commit in commits)
        return {oid: stored for oid, stored in found if stored}

    def read(self, key: Hashable) -> Manifest | None:
        """See `BlameHistory.read`."""
        version = self.version(key) if isinstance(key, StoredModel) else None
        return version.manifest if version else None

    def reason(self, key: Hashable) -> str:
        """See `BlameHistory.reason`."""
        return self.problem(key) if isinstance(key, StoredModel) else ""

    def renamed(self, parent: str, commit: str, path: str) -> tuple[str, Hashable] | None:
        """See `BlameHistory.renamed`."""
        stored = self.at(commit, path)
        name = self.source(parent, commit, stored) if stored else None
        return (name, self.at(parent, name)) if name else None

    def source(self, parent: str, commit: str, stored: StoredModel) -> str | None:
        """The name that a model had in a parent of the commit that renamed it; `None` if it's new there."""
        for path in stored.parts.files:
            found = find_rename_source(self.git, self.manifests, parent, commit, path)
            if found:
                models = ComparedVersion(self.git, parent).models(os.path.dirname(found[0])).models
                return next((each.name for each in models.values() if found[0] in each.files), None)
        return None


def model_at_path(git: Git, tip: str, path: str) -> str | None:
    """The name of the model that a path stands for, if it has several files now, or had in the past.

    Args:
        git: Git in the repository.
        tip: The id of the commit at which history begins.
        path: A path from the top: of an index, of a folder, or the one that the model has as one file.

    Raises:
        UsageError: The path is that of a folder with several models, or with none.
    """
    version = ComparedVersion(git, tip)
    for model in version.models(os.path.dirname(path)).models.values():
        if model.is_sharded and path in (model.name, model.index):
            return model.name
    parts = model_of_folder(git, tip, path)
    if parts:
        return parts.name
    name = path
    if is_index_name(path):
        folder, slash, own = path.rpartition("/")
        name = f"{folder}{slash}{indexed_name(own)}"
    was_sharded = git.line("rev-list", "-1", tip, "--", *_numbered(name))
    return name if was_sharded else None


def model_pathspecs(git: Git, tip: str, name: str) -> list[str]:
    """Pathspecs of all files that a model may have had: any in its folder, if its shards aren't numbered."""
    folder = os.path.dirname(name)
    model = ComparedVersion(git, tip).models(folder).models.get(name)
    if model and any(path != name and model_name(path) != name for path in model.files):
        return [f":(top,glob){_quoted(folder)}/*" if folder else ":(top,glob)*"]
    specs = [f":(top,literal){name}", *_numbered(name)]
    return [*specs, *([f":(top,literal){model.index}"] if model and model.index else [])]


def _numbered(name: str) -> Iterator[str]:
    """Pathspecs of the numbered shards of a model: the number stands before any of the suffixes."""
    folder, slash, own = name.rpartition("/")
    dots = [match.start() for match in re.finditer(r"\.", own)] + [len(own)]
    for dot in dots:
        yield f":(top,glob){_quoted(folder + slash + own[:dot])}[-_.]*[-_.]of[-_.]*{_quoted(own[dot:])}"


def _quoted(text: str) -> str:
    return re.sub(r"([*?\[\\])", r"\\\1", text)
