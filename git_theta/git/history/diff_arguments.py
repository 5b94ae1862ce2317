"""The arguments of `git theta diff`: revisions, paths or two versions, told apart as Git does."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from git_theta.errors import UsageError
from git_theta.git.history.changed_models import shard_pathspecs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.revspec import check_revision, is_revision


def names_revision(git: Git, word: str) -> bool:
    """Whether `compared_revisions` understands a word, and its revisions exist."""
    ends = word.replace("...", "..").split("..")
    return len(ends) <= 2 and all(is_revision(git, rev or "HEAD") for rev in ends)


def compared_revisions(git: Git, words: Sequence[str]) -> list[str]:
    """The revisions that a user wants compared, at most two.

    Args:
        git: Git in the repository.
        words: `REV`, `REV REV`, `REV..REV` or `REV...REV`.

    Raises:
        UsageError: There's no such revision, or there are more.
    """
    found: list[str] = []
    for word in words:
        ends = word.replace("...", "..").split("..")
        if len(ends) == 2:
            ends = [rev or "HEAD" for rev in ends]
        for rev in ends:
            check_revision(git, rev)
        found += [git.line("merge-base", *ends), ends[1]] if "..." in word else ends
    if len(found) > 2:
        raise UsageError("more than two revisions", "name one or two: git theta diff OLD NEW")
    return found


def split_arguments(git: Git, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Revisions, and the paths after them.

    Raises:
        UsageError: A word is neither.
    """
    count = 0
    while count < len(words) and names_revision(git, words[count]):
        count += 1
    for word in words[count:]:
        is_known = os.path.lexists(word) or git.run("ls-files", "--", word)
        if not is_known and shard_pathspecs(git, [word], words[:count]) == [word]:
            raise UsageError(
                f"{word!r} is neither a revision nor a path",
                f"to name a path that isn't there any more: git theta diff -- {shlex.quote(word)}",
            )
    return list(words[:count]), list(words[count:])


def name_two_versions(git: Git | None, words: Sequence[str]) -> bool:
    """Whether the words are two files, or `REV:PATH`, rather than revisions and paths.

    Args:
        git: Git in the user's folder; `None` outside of a repository.
        words: The words of the command line before `--`.
    """
    if len(words) != 2 or words[0].startswith("-"):
        return False
    if git is None:
        return True
    if any(names_revision(git, word) for word in words):
        return False
    if any(":" in word and not os.path.exists(word) for word in words):
        return True
    return all(map(os.path.isfile, words)) and not all(
        git.ok("ls-files", "--error-unmatch", "--", f":(literal){word}") for word in words
    )


def version_titles(git: Git, revs: Sequence[str], *, cached: bool) -> tuple[str, str]:
    """The titles of the compared versions: a revision with its current id, `index` or `work tree`.

    Args:
        git: Git in the repository.
        revs: At most two revisions.
        cached: Whether the index is compared rather than the work tree.
    """
    titles = [_with_id(git, rev) for rev in revs]
    if len(titles) == 2:
        return titles[0], titles[1]
    if cached:
        return titles[0] if titles else "HEAD", "index"
    return titles[0] if titles else "index", "work tree"


def _with_id(git: Git, rev: str) -> str:
    short = git.line("rev-parse", "--short", rev)
    return short if rev.startswith(short) else f"{rev} ({short})"
