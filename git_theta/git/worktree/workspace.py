"""The parts that commands on the work tree are composed of."""

from __future__ import annotations

from types import TracebackType

from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.known_files import KnownFiles


class Workspace:
    """A repository, the files that are known in it, and how its files are stored.

    A command makes one, hands its parts to the functions that need them, and closes it. It may be used again
    after that.

    Args:
        repository: The repository, with Git at the top of its work tree.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.known_files = KnownFiles(repository)
        self.cleaners = Cleaners(repository, self.known_files)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the cache and end helper processes."""
        self.known_files.close()
        self.cleaners.close()
