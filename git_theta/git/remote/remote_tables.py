"""Tables of alternative sources at remotes: fetched, merged with that of this repository, and pushed."""

from __future__ import annotations

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import fetch_remotes, git_url_of
from git_theta.git.remote.single_ref import fetch_tip, push_commit
from git_theta.git.repository.new_source_table import merged_entries, write_table
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import REF, move_ref, read_table

#: The most attempts while others change the table at the same time.
_TRIES = 5


def fetch_tables(repository: Repository, remote: str = "") -> bool:
    """Take the alternative sources that remotes have; returns whether any are new here.

    A remote that can't be reached, or has none, is left out. The user isn't asked for a password.

    Args:
        repository: The repository.
        remote: Name of the remote; when empty, all in turn, and repositories whose objects Git reads, too.
    """
    names = [remote] if remote else fetch_remotes(repository)
    urls = [git_url_of(repository, name, "download") for name in names]
    if not remote:
        urls += (str(folder.parent) for folder in repository.store.neighbours)
    git, changed = repository.git.silent(), False
    for url in dict.fromkeys(urls):
        try:
            tip = table_tip(git, url)
            changed |= bool(tip) and merge_table(repository, tip)
        except GitError:
            continue
    if changed:
        repository.store.alternatives.forget()
    return changed


def table_tip(git: Git, url: str) -> str:
    """Id of the commit of a remote's table, fetched if necessary; empty without a table.

    Raises:
        GitError: The remote can't be reached.
    """
    return fetch_tip(git, url, REF)


def merge_table(repository: Repository, theirs: str) -> bool:
    """Merge the table of a commit with that of this repository; returns whether that one changed.

    Raises:
        GitError: The commit can't be read.
        ThetaError: The store can't be written.
    """
    git, store = repository.git, repository.store
    for _ in range(_TRIES):
        ours = read_table(git)
        if ours.commit and git.ok("merge-base", "--is-ancestor", theirs, ours.commit):
            return False
        table = read_table(git, theirs)
        merged = merged_entries(ours.entries, table.entries, store.has)
        if merged == table.entries and not table.problem:
            new = theirs
        else:
            parents = [parent for parent in (ours.commit, theirs) if parent]
            new = write_table(repository, merged.values(), parents, "Merge alternative sources")
        if move_ref(git, new, ours.commit):
            return merged != ours.entries
    raise GitError(f"{REF} changes all the time", "try again when other commands have finished")


def push_table(repository: Repository, git: Git, url: str) -> None:
    """Push this repository's table, merged with the remote's.

    Args:
        repository: The repository. The remote has the objects of its table already.
        git: Git in the repository, with the credential for the URL.
        url: URL of the remote.

    Raises:
        GitError: The remote can't be reached, or refuses.
    """
    for attempt in range(_TRIES):
        tip = table_tip(git, url)
        if tip:
            merge_table(repository, tip)
        ours = read_table(repository.git).commit
        if not ours or ours == tip:
            return
        try:
            push_commit(git, url, ours, REF)
            return
        except GitError:
            # If somebody else was faster, theirs must be merged first.
            if attempt == _TRIES - 1 or table_tip(git, url) == tip:
                raise
