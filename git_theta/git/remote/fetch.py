"""Fetch: get objects that aren't here from the remotes, for many files at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.parent_command import is_quiet
from git_theta.git.remote.remotes import connected, describe_location, fetch_remotes, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.text import transferred
from git_theta.runtime.progress import progress
from git_theta.store.base import missing_object
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch

#: Why a remote didn't give objects, by their names.
_Troubles = Mapping[str, ThetaError]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched.

    Attributes:
        count: How many objects.
        bytes: How many bytes they are.
        seconds: How long it took.
    """

    count: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return transferred("fetched", self.count, self.bytes, self.seconds)


def needed_objects(entries: Iterable[Entry]) -> dict[str, int | None]:
    """The size of every object that some values need, by name; `None` where no entry says it."""
    found: dict[str, int | None] = {}
    for entry in entries:
        for ref in entry.source.payloads():
            found[ref.oid] = ref.size or found.get(ref.oid)
    return found


def is_here(repository: Repository, manifest: Manifest) -> bool:
    """Whether a file can be written without fetching anything."""
    return all(map(repository.store.has, manifest.oids()))


def _mention(text: str) -> None:
    if not is_quiet():
        note(text)


def ensure_objects(
    repository: Repository, objects: Mapping[str, int | None], say: Callable[[str], object] = _mention
) -> Fetched:
    """Get those of some objects that aren't here, before they're read.

    Without any remote, nothing happens: whoever reads an object can say better what it's needed for.

    Args:
        repository: The repository.
        objects: Their sizes by name, as `needed_objects` and `Manifest.objects` give them.
        say: Told in one line what was fetched, if anything was. Without it the user is, on stderr.

    Raises:
        ThetaError: As for `fetch_objects`.
    """
    if all(map(repository.store.has, objects)) or not fetch_remotes(repository):
        return Fetched()
    done = fetch_objects(repository, objects)
    say(str(done))
    return done


def fetch_objects(repository: Repository, objects: Mapping[str, int | None], remote: str = "") -> Fetched:
    """Get those of some objects that aren't here.

    Args:
        repository: The repository.
        objects: Their sizes by name, as `needed_objects` and `Manifest.objects` give them.
        remote: Where from; else each remote is asked for what is still lacking, the branch's first.

    Raises:
        MissingObjectError: No remote has an object; or several were asked and none gave it, for whatever
            reasons.
        ThetaError: The only remote can't be reached, or an object couldn't be fetched from it.
    """
    store = repository.store
    lacking = [RemoteObject(oid, size) for oid, size in sorted(objects.items()) if not store.has(oid)]
    if not lacking:
        return Fetched()
    began = time.monotonic()
    wanted, troubles = lacking, dict[str, _Troubles]()
    for name in [remote] if remote else fetch_remotes(repository):
        troubles[name] = _fetch_from(repository, name, wanted)
        wanted = [each for each in wanted if not store.has(each.oid)]
        if not wanted:
            size = sum(store.size(each.oid) or 0 for each in lacking)
            return Fetched(len(lacking), size, time.monotonic() - began)
    raise _failure(repository, [each.oid for each in wanted], troubles)


def _fetch_from(repository: Repository, name: str, wanted: Sequence[RemoteObject]) -> _Troubles:
    """Get what a remote has. A failure is no more than a reason: another remote may have everything."""
    sizes = [each.size for each in wanted]
    total = None if None in sizes else sum(size for size in sizes if size)
    try:
        with (
            connected(open_remote(repository, name, "download")) as place,
            progress(f"fetching from {place.url}", total) as advance,
        ):
            return fetch(place, wanted, repository.store, advance).failed
    except ThetaError as error:
        return {each.oid: error for each in wanted}


def _failure(repository: Repository, oids: Sequence[str], troubles: Mapping[str, _Troubles]) -> ThetaError:
    """What to tell the user about objects that no remote gave."""
    what = f"object {oids[0]}" + (f", and {len(oids) - 1:,} more," if len(oids) > 1 else "")
    if not troubles:
        return MissingObjectError(
            f"{what} isn't here, and there's no remote to fetch from", missing_object(oids[0]).hint
        )
    reasons = {name: _reasons(oids, found) for name, found in troubles.items()}
    # What's in the way is worth more words than that something isn't there.
    graver = [one for few in reasons.values() for one in few if not isinstance(one, MissingObjectError)]
    hint = next((one.hint for one in graver if one.hint), "")
    if not graver:
        hint = "whoever has it must send it: git theta push" + _elsewhere(repository, list(troubles))
    if len(reasons) > 1:
        lines = (f"\n  {name}: {_brief(few)}" for name, few in reasons.items())
        return MissingObjectError(f"{what} couldn't be fetched:{''.join(lines)}", hint)
    if graver:
        return graver[0]
    (name,) = reasons
    return MissingObjectError(
        f"{what} isn't at {name}: {describe_location(repository, name, 'download')}", hint
    )


def _elsewhere(repository: Repository, names: Sequence[str]) -> str:
    """What else may help: the objects may be in a place that this clone wasn't told of."""
    settings = repository.git.settings
    for name in names:
        if f"remote.{name}.url" in settings and f"theta.remote.{name}.url" not in settings:
            return f"; or, if its objects are elsewhere: git config theta.remote.{name}.url URL"
    return ""


def _reasons(oids: Sequence[str], troubles: _Troubles) -> list[ThetaError]:
    """The different errors, each once."""
    return list({id(troubles[oid]): troubles[oid] for oid in oids if oid in troubles}.values())


def _brief(reasons: Sequence[ThetaError]) -> str:
    absent = [one for one in reasons if isinstance(one, MissingObjectError)]
    others = [one for one in reasons if one not in absent]
    parts = [f"{len(absent):,} not there"] if absent else []
    if others:
        more = f", and {len(others) - 1:,} more failed" if len(others) > 1 else ""
        parts.append(others[0].message + more)
    return "; ".join(parts)
