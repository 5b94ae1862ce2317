"""One repository: its folders, its settings, its store and its cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from git_theta import settings
from git_theta.errors import GitError
from git_theta.git.plumbing.alternates import alternates
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.remote_folders import RemoteFolders
from git_theta.git.repository.source_table import load_sources, may_have_table
from git_theta.model.manifest import Source
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.cache import Cache
from git_theta.store.local import LocalStore


@dataclass(frozen=True)
class Repository:
    """The repository of a folder.

    Attributes:
        git: Git, run in that folder. Its environment variables may name another repository.
    """

    git: Git

    @cached_property
    def _paths(self) -> tuple[Path, Path, Path, Path]:
        questions = (("--git-common-dir",), ("--git-dir",), ("--git-path", "index"), ("--git-path", "hooks"))
        lines = self.git.line("rev-parse", *chain(*questions)).split("\n")
        if len(lines) != len(questions):
            # The name of a folder has a line break.
            lines = [self.git.line("rev-parse", *question) for question in questions]
        common, own, index, hooks = (self.git.folder / line for line in lines)
        return common.resolve(), own.resolve(), index.resolve(), hooks

    @property
    def common_dir(self) -> Path:
        """Git's folder that all work trees share."""
        return self._paths[0]

    @property
    def git_dir(self) -> Path:
        """Git's folder of this work tree."""
        return self._paths[1]

    @property
    def index(self) -> Path:
        """The index file; `GIT_INDEX_FILE` may name another than the default."""
        return self._paths[2]

    @property
    def hooks_dir(self) -> Path:
        """The folder where Git looks for hooks; `core.hooksPath` may name another than the default."""
        return self._paths[3]

    @property
    def has_own_hooks(self) -> bool:
        """Whether Git looks for hooks in the repository's own folder."""
        return self.hooks_dir.resolve() == (self.common_dir / "hooks").resolve()

    @cached_property
    def root(self) -> Path:
        """The top of the work tree.

        Raises:
            GitError: The repository is bare.
        """
        question = ("rev-parse", "--is-inside-work-tree")
        try:
            inside, _, top = self.git.line(*question, "--show-toplevel").partition("\n")
        except GitError:
            # Without a work tree, the second question is an error; so are both outside of a repository.
            inside, top = self.git.line(*question), ""
        if inside != "true" or not top:
            raise GitError("this needs a work tree, and the repository has none here")
        return Path(top)

    def at_top(self) -> Repository:
        """The same repository with Git at the top of the work tree, where paths of files start.

        Raises:
            GitError: The repository is bare.
        """
        return Repository(Git(self.root, self.git.env))

    @cached_property
    def settings(self) -> settings.Settings:
        """The settings of git-theta, from Git's configuration and the environment."""
        return settings.from_config(self.git.settings, os.environ)

    @cached_property
    def store(self) -> LocalStore:
        """The store of the repository's objects."""
        return LocalStore(
            self.common_dir / "theta",
            tuple(self._neighbours()),
            limits=self.settings.limits,
            alternatives=AlternativeSources(self._may_have_table, self._load_sources),
        )

    def _may_have_table(self) -> bool:
        return may_have_table(self.common_dir)

    def _load_sources(self) -> Mapping[str, Source]:
        return load_sources(self.git)

    @cached_property
    def remote_folders(self) -> RemoteFolders:
        """The folders of remotes that are on this machine."""
        return RemoteFolders(self.git, self.git_dir, self.common_dir)

    def _neighbours(self) -> Iterator[Path]:
        """The stores of repositories whose objects Git reads, too, and of remotes on this machine."""
        for objects in alternates(self.common_dir / "objects", os.environ):
            if (objects.parent / "theta" / "objects").is_dir():
                yield objects.parent / "theta"
        for path in self.remote_folders:
            for folder in (path / ".git" / "theta", path / "theta"):
                if (folder / "objects").is_dir() and folder != self.common_dir / "theta":
                    yield folder

    def cache(self) -> Cache:
        """The repository's cache, opened. To be closed by the caller."""
        return Cache(self.common_dir / "theta" / "cache.sqlite")


def current_repository() -> Repository | None:
    """The repository of the current folder; `None` outside of one."""
    repository = Repository(Git())
    with suppress(GitError):
        _ = repository.common_dir
        return repository
    return None
