"""Push: send the objects that pushed commits need, before Git sends the commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.errors import MissingObjectError
from git_theta.git.history import Version, since
from git_theta.git.remotes import opened, remote_of
from git_theta.git.repository import Repository
from git_theta.progress import progress
from git_theta.store.remote import Remote, TransferError, Wanted
from git_theta.store.transfer import Transferred, push

_ZERO = "0"


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """What a push does to one ref.

    Attributes:
        new: The object that it will point to; empty if it's deleted.
        old: What it points to now at the remote; empty if it isn't there.
    """

    new: str
    old: str


def parse_updates(lines: Iterable[str]) -> list[RefUpdate]:
    """The updates that Git tells a pre-push hook: local ref, its object, remote ref, its object."""
    fields = [line.split() for line in lines]
    return [RefUpdate(four[1].strip(_ZERO) and four[1], four[3].strip(_ZERO) and four[3])
            for four in fields if len(four) == 4]  # fmt: skip


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
    with opened(remote_of(repository, name, "upload")) as remote:
        return send(repository, remote, versions.values())


def send(repository: Repository, remote: Remote, versions: Iterable[Version]) -> Transferred | None:
    """Send what a remote lacks of the objects of some manifests; `None` if they have none.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or an object couldn't be sent.
    """
    oids = {oid for version in versions if version.manifest for oid in version.manifest.oids()}
    if not oids:
        return None
    store = repository.store
    here = [Wanted(oid, size) for oid in sorted(oids) if (size := store.size(oid)) is not None]
    elsewhere = [Wanted(oid, None) for oid in sorted(oids - {wanted.oid for wanted in here})]
    absent = _absent(remote, elsewhere)
    if absent:
        raise MissingObjectError(
            f"{len(absent)} of {len(oids)} objects that the push needs are neither here nor at {remote.url}, "
            f"for example {absent[0]}",
            "fetch them from where they are: git theta fetch --all",
        )
    with progress(f"sending to {remote.url}", sum(wanted.size or 0 for wanted in here)) as advance:
        done = push(remote, here, store, advance)
    if done.failed:
        oid, reason = next(iter(done.failed.items()))
        raise TransferError(
            f"{len(done.failed)} of {len(here)} objects couldn't be sent to {remote.url}, for example {oid}: "
            f"{reason.message}",
            reason.hint or "what was sent stays there; try again",
        )
    return done


def _absent(remote: Remote, wanted: Sequence[Wanted]) -> list[str]:
    """Those that the remote doesn't have either, as after a clone that fetched only what it needed."""
    found: set[str] = set()
    for start in range(0, len(wanted), remote.batch):
        found.update(remote.receives(wanted[start : start + remote.batch]))
    return [each.oid for each in wanted if each.oid not in found]
