"""Update providers: the packages whose updates a manifest needs, recorded in its header.

A manifest of built-in updates has no such record. For each other update there's a header key, such as
`update-scaled git-theta-scaled 0.1`, so that whoever lacks the package learns what to install.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from git_theta import updates
from git_theta.entry_points import Origin
from git_theta.errors import PluginError
from git_theta.model.manifest import Entry, Manifest

_PREFIX = "update-"

#: Names of Python packages and versions. Other text is ignored, as anyone may write a manifest.
_RECORD = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) ([0-9A-Za-z][0-9A-Za-z.!+_-]*)")


def with_providers(manifest: Manifest, earlier: Iterable[Manifest] = ()) -> Manifest:
    """The manifest with a record for each update of a package that it uses, and no other records.

    A record has the newest version of the package among the installed one and those of earlier manifests. If
    packages differ, the installed one counts, and else that of the first manifest.

    Args:
        manifest: A manifest whose entries come from the earlier ones, or were made here.
        earlier: Manifests with records.
    """
    used = _external_updates(manifest)
    if not used and not any(key.startswith(_PREFIX) for key, _ in manifest.extra):
        return manifest
    records = [_records(one) for one in (manifest, *earlier)]
    header = {key: value for key, value in manifest.extra if not key.startswith(_PREFIX)}
    for name in used:
        known = [record[name] for record in records if name in record]
        installed = _installed(name)
        if installed:
            known.insert(0, installed)
        same_package = (origin for origin in known if origin.distribution == known[0].distribution)
        newest = max(same_package, key=_version_key, default=None)
        if newest and _RECORD.fullmatch(str(newest)):
            header[_PREFIX + name] = str(newest)
    return replace(manifest, extra=tuple(sorted(header.items())))


def require_updates(manifest: Manifest) -> None:
    """Check that the recorded updates that a manifest uses are installed.

    Raises:
        PluginError: An update isn't; the message names the package that has it.
    """
    records = _records(manifest)
    if records:
        _require(_external_updates(manifest), records)


def require_updates_of(entry: Entry, manifest: Manifest) -> None:
    """Check that the recorded updates of one parameter are installed.

    Args:
        entry: The parameter, an entry of the manifest.
        manifest: The manifest with the records.

    Raises:
        PluginError: An update isn't; the message names the parameter and the package that has the update.
    """
    records = _records(manifest)
    if records:
        names = (one.update for one in entry.source.sources())
        _require(names, records, f"parameter {entry.name!r} ")


def _require(names: Iterable[str], records: Mapping[str, Origin], subject: str = "") -> None:
    for name in names:
        if name in records and not updates.registry().is_offered(name):
            origin = records[name]
            raise PluginError(
                f"{subject}needs the update {name!r} of {origin}",
                f"if you trust that package, install it: pip install {origin.distribution}",
            )


def _records(manifest: Manifest) -> dict[str, Origin]:
    """The recorded package of each update."""
    found = {}
    for key, value in manifest.extra:
        match = _RECORD.fullmatch(value)
        if key.startswith(_PREFIX) and match:
            found[key.removeprefix(_PREFIX)] = Origin(match[1], match[2])
    return found


def _external_updates(manifest: Manifest) -> list[str]:
    """Names of the updates in a manifest that aren't built in, sorted."""
    names = {one.update for entry in manifest.all_entries() for one in entry.source.sources()}
    return sorted(name for name in names if not updates.registry().is_builtin(name))


def _installed(name: str) -> Origin | None:
    try:
        return updates.registry().origin(name)
    except PluginError:
        return None


def _version_key(origin: Origin) -> tuple[int, ...]:
    """The numbers in a version: enough to tell the newer of two releases."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", origin.version))
