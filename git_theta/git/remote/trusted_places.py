"""Places of objects that the repository itself names: anybody who can push may have written them.

The user is asked once about each host or bucket that isn't the remote's own.
"""

from __future__ import annotations

from contextlib import suppress

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.tty import confirm
from git_theta.git.repository.repository import Repository
from git_theta.store.places import is_own_place, place_of
from git_theta.store.urls import without_password

#: The Git setting with places that tracked files may name; it may have several values.
TRUSTED = "theta.trustedPlace"

#: The Git setting with places that the user refused.
REFUSED = "theta.refusedPlace"


def require_trusted(repository: Repository, url: str, git_url: str, file: str) -> None:
    """Check that objects may be sent to or fetched from a place that a tracked file names.

    On a terminal, the user is asked about a new place; the answer is kept in Git's settings.

    Args:
        repository: The repository.
        url: URL of the place.
        git_url: URL that Git itself pushes to or fetches from.
        file: The tracked file.

    Raises:
        UsageError: The place isn't trusted, or its URL isn't valid.
    """
    if is_own_place(url, git_url):
        return
    try:
        place = place_of(url)
    except ValueError as error:
        raise UsageError(f"{file} names {without_password(url)}, which isn't a valid URL") from error
    if is_trusted(repository, place):
        return
    if place not in _places(repository, REFUSED):
        answer = confirm(f"{file} of this repository names {place} as the place of objects. Use it?")
        if answer is not None:
            key = TRUSTED if answer else REFUSED
            with suppress(GitError):
                repository.git.run("config", "--local", "--add", key, place)
        if answer:
            return
    raise UsageError(
        f"{file} names {place} as the place of objects, which isn't the host of the remote",
        f"if you trust it: {trust_command(place)}",
    )


def is_trusted(repository: Repository, place: str) -> bool:
    """Whether the user has said that tracked files may name a place."""
    return place in _places(repository, TRUSTED)


def trust_command(place: str) -> str:
    """The command that lets tracked files name a place."""
    return f"git config --add {TRUSTED} {place}"


def _places(repository: Repository, key: str) -> set[str]:
    # The settings that were read at first don't have the answers that were given since.
    if not repository.git.ok("config", "--get", key):
        return set()
    found = set()
    for value in repository.git.line("config", "--get-all", key).split("\n"):
        with suppress(ValueError):
            found.add(place_of(value.strip()))
    return found
