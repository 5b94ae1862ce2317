"""Fetch: download the objects of many files that aren't here, from one remote after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from git_theta.encoding.readable import (
    lacking_objects,
    lacking_values,
    missing_values,
    other_objects,
    own_objects,
)
from git_theta.errors import MissingObjectError, ThetaError, join_hints
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.parent_command import is_quiet
from git_theta.git.remote.remote_tables import fetch_tables
from git_theta.git.remote.remotes import (
    connected,
    describe_location,
    fetch_remotes,
    foreign_place,
    git_url_of,
    open_remote,
)
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.text import transferred
from git_theta.runtime.progress import progress
from git_theta.store.base import missing_object
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch

#: Errors of objects that a remote didn't give, by name.
_Errors = Mapping[str, ThetaError]


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a fetch.

    Attributes:
        count: Number of fetched objects.
        bytes: Their size in bytes.
        seconds: Duration.
        places: URLs of the places that aren't on the host of their remote, as users see them.
    """

    count: int = 0
    bytes: int = 0
    seconds: float = 0.0
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"from {', '.join(self.places)}" if self.places else ""
        return transferred("fetched", self.count, self.bytes, self.seconds, place)


def is_here(repository: Repository, manifest: Manifest) -> bool:
    """Whether a checkpoint can be written from the objects that are here, without those of any remote."""
    return not missing_values(manifest, repository.store, repository.store.keeps)


def _mention(text: str) -> None:
    if not is_quiet():
        note(text)


def ensure_values(
    repository: Repository, entries: Iterable[Entry], say: Callable[[str], object] = _mention
) -> Fetched:
    """Fetch the objects without which some values can't be read, before they are read.

    Without any remote, nothing happens: the reader of an object gives a better error for a missing one.

    Args:
        repository: The repository.
        entries: Entries of the values.
        say: Called with one line if anything was fetched. The default tells the user on stderr.

    Raises:
        ThetaError: As for `fetch_values`.
    """
    lacking = lacking_values(entries, repository.store)
    if not lacking:
        return Fetched()
    if not fetch_remotes(repository):
        if repository.store.neighbours:
            fetch_tables(repository)
        return Fetched()
    done = fetch_values(repository, lacking)
    if done.count:
        say(str(done))
    return done


def fetch_values(
    repository: Repository, entries: Iterable[Entry], remote: str = "", keep: bool = False
) -> Fetched:
    """Fetch the objects without which some values can't be read; errors as for `fetch_objects`.

    If no remote has them, the remotes may have alternative sources of the values, and the objects of these.

    Args:
        repository: The repository.
        entries: Entries of the values.
        remote: Name of the remote; see `fetch_objects`.
        keep: See `fetch_objects`.
    """
    store, wanted = repository.store, list(entries)
    has = store.keeps if keep else store.has
    tried = lacking_objects(wanted, store, has)
    try:
        return fetch_objects(repository, tried, remote, keep)
    except MissingObjectError as error:
        fetch_tables(repository, remote)
        for objects_of in (other_objects, own_objects):
            left = lacking_values(wanted, store, has)
            objects = objects_of(left, store, has)
            done = Fetched()
            if not objects.keys() <= tried.keys():
                with suppress(MissingObjectError):
                    done = fetch_objects(repository, objects, remote, keep)
            if not lacking_values(left, store, has):
                return done
        raise error


def fetch_objects(
    repository: Repository, objects: Mapping[str, int | None], remote: str = "", keep: bool = False
) -> Fetched:
    """Fetch those of some objects that aren't here.

    Args:
        repository: The repository.
        objects: Sizes in bytes by name; `None` for an unknown size.
        remote: Name of the remote. Without, each remote is asked for the objects that are still missing, that
            of the branch first.
        keep: Whether the objects are to stay when repositories on this machine that have them are gone. They
            are linked or copied from there then, and count as fetched.

    Raises:
        MissingObjectError: No remote has an object, or several were asked and none could give it.
        ThetaError: The only remote can't be reached, or an object couldn't be fetched from it.
    """
    store = repository.store.alone if keep else repository.store
    lacking = [RemoteObject(oid, size) for oid, size in sorted(objects.items()) if not store.has(oid)]
    if not lacking:
        return Fetched()
    began = time.monotonic()
    wanted, errors, places = lacking, dict[str, _Errors](), list[str]()
    if keep and not remote:
        wanted = _take_from_neighbours(repository, lacking)
    for name in [remote] if remote else fetch_remotes(repository):
        if not wanted:
            break
        errors[name], place = _fetch_from(repository, name, wanted, store)
        count = len(wanted)
        wanted = [each for each in wanted if not store.has(each.oid)]
        if place and len(wanted) < count:
            places.append(place)
    if wanted:
        raise _failure(repository, [each.oid for each in wanted], errors)
    size = sum(store.size(each.oid) or 0 for each in lacking)
    return Fetched(len(lacking), size, time.monotonic() - began, tuple(places))


def _take_from_neighbours(repository: Repository, wanted: Sequence[RemoteObject]) -> list[RemoteObject]:
    """Link or copy objects from repositories on this machine; returns the objects that none has."""
    store, left = repository.store, []
    total = sum(store.size(each.oid) or 0 for each in wanted)
    with progress("taking objects from this machine", total) as advance:
        for each in wanted:
            if store.take(each.oid):
                advance(store.size(each.oid) or 0)
            else:
                left.append(each)
    return left


def _fetch_from(
    repository: Repository, name: str, wanted: Sequence[RemoteObject], store: LocalStore
) -> tuple[_Errors, str]:
    """Fetch the objects that a remote has.

    Returns:
        Errors, as another remote may have everything; and the place if it isn't on the remote's own host.
    """
    sizes = [each.size for each in wanted]
    total = None if None in sizes else sum(size for size in sizes if size)
    try:
        with (
            connected(open_remote(repository, name, "download")) as place,
            progress(f"fetching from {place.url}", total) as advance,
        ):
            failed = fetch(place, wanted, store, advance).failed
            return failed, foreign_place(place, git_url_of(repository, name, "download"), "download")
    except ThetaError as error:
        return {each.oid: error for each in wanted}, ""


def _failure(repository: Repository, oids: Sequence[str], errors: Mapping[str, _Errors]) -> ThetaError:
    """The error for objects that no remote gave."""
    subject = f"object {oids[0]}" + (f", and {len(oids) - 1:,} more," if len(oids) > 1 else "")
    if not errors:
        return MissingObjectError(
            f"{subject} isn't here, and there's no remote to fetch from", missing_object(oids[0]).hint
        )
    reasons = {name: _reasons(oids, found) for name, found in errors.items()}
    # An obstacle is more worth telling than a missing object.
    obstacles = [one for few in reasons.values() for one in few if not isinstance(one, MissingObjectError)]
    hint = next((one.hint for one in obstacles if one.hint), "")
    if not obstacles:
        hint = join_hints("whoever has it must send it: git theta push", _elsewhere(repository, list(errors)))
    if len(reasons) > 1:
        lines = [f"  {name}: {_brief(few)}" for name, few in reasons.items()]
        return MissingObjectError(f"{subject} couldn't be fetched:", hint, lines)
    if obstacles:
        return obstacles[0]
    (name,) = reasons
    return MissingObjectError(
        f"{subject} isn't at {name}: {describe_location(repository, name, 'download')}", hint
    )


def _elsewhere(repository: Repository, names: Sequence[str]) -> str:
    """A further hint: the objects may be in a place that this clone has no setting for."""
    settings = repository.git.settings
    for name in names:
        if f"remote.{name}.url" in settings and f"theta.remote.{name}.url" not in settings:
            return f"or, if its objects are elsewhere: git config theta.remote.{name}.url URL"
    return ""


def _reasons(oids: Sequence[str], errors: _Errors) -> list[ThetaError]:
    """The different errors of some objects, each once."""
    return list({id(errors[oid]): errors[oid] for oid in oids if oid in errors}.values())


def _brief(reasons: Sequence[ThetaError]) -> str:
    absent = [one for one in reasons if isinstance(one, MissingObjectError)]
    others = [one for one in reasons if one not in absent]
    parts = [f"{len(absent):,} not there"] if absent else []
    if others:
        more = f", and {len(others) - 1:,} more failed" if len(others) > 1 else ""
        parts.append(others[0].message + more)
    return "; ".join(parts)
