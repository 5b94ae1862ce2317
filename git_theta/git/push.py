"""Push: send the objects that pushed commits need, before Git sends the commits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from git_theta.errors import GitError, MissingObjectError
from git_theta.git.command import Git
from git_theta.git.credentials import knowing
from git_theta.git.history import Version, objects_of, since
from git_theta.git.pointers import REF, Draft, draft, publish
from git_theta.git.remotes import opened, remote_of
from git_theta.git.repository import Repository
from git_theta.git.tell import note
from git_theta.progress import progress
from git_theta.store.lfs.web_settings import same_server
from git_theta.store.remote import Remote, TransferError, Wanted
from git_theta.store.transfer import Transferred, push

_ZERO = "0"


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """What a push does to one ref.

    Attributes:
        new: The object that it will point to; empty if it's deleted.
        old: What it points to now at the remote; empty if it isn't there.
        ref: Its full name at the remote.
    """

    new: str
    old: str
    ref: str = ""


def parse_updates(lines: Iterable[str]) -> list[RefUpdate]:
    """The updates that Git tells a pre-push hook: local ref, its object, remote ref, its object."""
    fields = [line.split() for line in lines]
    return [
        RefUpdate(new if new.strip(_ZERO) else "", old if old.strip(_ZERO) else "", ref)
        for _, new, ref, old in (four for four in fields if len(four) == 4)
    ]


def push_updates(
    repository: Repository, name: str, url: str, updates: Sequence[RefUpdate]
) -> Transferred | None:
    """Send what the remote lacks of the objects that a push needs; `None` if it needs none.

    Args:
        repository: The repository.
        name: The remote's name, or its URL again if it has none.
        url: Where Git pushes to.
        updates: What the push does.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or refuses.
    """
    new = [update.new for update in updates if update.new]
    # What someone else pushed meanwhile may not be here.
    old = [update.old for update in updates if update.old and repository.git.ok("cat-file", "-e", update.old)]
    known = [f"--remotes={name}"] if name != url else []
    versions = since(repository.git, new, [*old, *known])
    if not versions:
        return None
    refs = [update.ref for update in updates if update.new]
    with opened(
        remote_of(
            repository, _one_of(repository.git, name, url), "upload", refs[0] if len(refs) == 1 else None
        )
    ) as remote:
        return send(repository, remote, url, versions.values())


def send(repository: Repository, remote: Remote, url: str, versions: Iterable[Version]) -> Transferred | None:
    """Send what a remote lacks of the objects of some manifests; `None` if they have none.

    Args:
        repository: The repository.
        remote: Where the objects go.
        url: Where Git pushes to. If the objects go to a Git LFS server, pointers to them go there.
        versions: The manifests.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or an object couldn't be sent.
    """
    objects = objects_of(versions)
    if not objects:
        return None
    store = repository.store
    sizes = {oid: store.size(oid) for oid in sorted(objects)}
    here = [Wanted(oid, size) for oid, size in sizes.items() if size is not None]
    elsewhere = [Wanted(oid, objects[oid]) for oid, size in sizes.items() if size is None]
    absent = _absent(remote, elsewhere)
    if absent:
        raise MissingObjectError(
            f"{len(absent)} of {len(objects)} objects that the push needs are neither here nor at "
            f"{remote.url}, for example {absent[0]}",
            "fetch them from where they are: git theta fetch --all",
        )
    wanted = remote.pointers and repository.settings.pointers
    sized = {each.oid: each.size for each in (*here, *elsewhere) if each.size}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_early_draft, repository.git, url, sized) if wanted else None
        with progress(f"sending to {remote.url}", sum(each.size or 0 for each in here)) as advance:
            done = push(remote, here, store, advance)
    if done.failed:
        oid, reason = next(iter(done.failed.items()))
        raise TransferError(
            f"{len(done.failed)} of {len(here)} objects couldn't be sent to {remote.url}, for example {oid}: "
            f"{reason.message}",
            reason.hint or "what was sent stays there; try again",
        )
    if first:
        try:
            publish(_admitted(repository.git, url, remote), url, sized, first.result())
        except GitError as error:
            note(
                f"{remote.url} doesn't take {REF}, so its garbage collection may remove objects "
                f"(to be silent: git config theta.pointers false): {error.message}"
            )
    return done


def _early_draft(git: Git, url: str, objects: Mapping[str, int]) -> Draft | None:
    """A draft made while objects are sent, if that's possible without asking the user anything."""
    if not url.startswith(("http://", "https://")):
        return None
    env = os.environ if git.env is None else git.env
    try:
        return draft(Git(git.cwd, {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""}), url, objects)
    except GitError:
        return None


def _admitted(git: Git, url: str, remote: Remote) -> Git:
    """Git that uses what the user has already been asked for, if it's for the same server."""
    if remote.credential and same_server(url, remote.url):
        return knowing(git, url, remote.credential)
    return git


def _one_of(git: Git, name: str, url: str) -> str:
    """What to send objects to: the URL if the remote has several, which Git pushes to one after another."""
    urls = git.values(f"remote.{name}.pushurl") or git.values(f"remote.{name}.url")
    return url if len(urls) > 1 and not git.config(f"theta.remote.{name}.url") else name


def _absent(remote: Remote, wanted: Sequence[Wanted]) -> list[str]:
    """Those that the remote doesn't have either, as after a clone that fetched only what it needed."""
    found: set[str] = set()
    for start in range(0, len(wanted), remote.batch):
        found.update(remote.receives(wanted[start : start + remote.batch]))
    return [each.oid for each in wanted if each.oid not in found]
