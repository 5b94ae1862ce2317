"""The check that the patterns of a merge rule match something, before anything is merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from git_theta.errors import FormatError, ThetaError, UsageError
from git_theta.formats.scalars import scalars
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import LAYOUT
from git_theta.merging.renames import Rename, unused_renames
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, valid_manifest
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

_EVERY = "*"


def check_matches(rules: Sequence[MergeRule], versions: Sequence[Manifest], store: LocalStore) -> None:
    """Check that each pattern of rules matches a parameter or another value, and that each rename is of use.

    Args:
        rules: The rules.
        versions: Versions of the checkpoints that are merged.
        store: Has their layouts.

    Raises:
        UsageError: A pattern matches nothing; the hint has the closest names.
    """
    missing = unmatched(rules, versions, store)
    if missing:
        names = {entry.name for manifest in versions for entry in parameter_entries(manifest)}
        raise unknown_parameter(missing[:1], names, "what is merged")
    for rename, reason in unused(rules, versions).items():
        raise UsageError(f"--rename {rename}: {reason}")


def unmatched(rules: Iterable[MergeRule], versions: Sequence[Manifest], store: LocalStore) -> list[str]:
    """The patterns of rules that match nothing in any version of a checkpoint."""
    globs = dict.fromkeys(glob for rule in rules for glob in rule.parameters if glob != _EVERY)
    names = {entry.name for manifest in versions for entry in parameter_entries(manifest)}
    missing = _not_matching(globs, names)
    # Values that aren't tensors are in the files' headers and pickles, which take time to read.
    return _not_matching(missing, {LAYOUT, *_scalar_names(versions, store)}) if missing else []


def unused(rules: Iterable[MergeRule], versions: Sequence[Manifest]) -> dict[Rename, str]:
    """The renames of rules that give no parameter of any version a name that there is, with reasons."""
    renames = dict.fromkeys(rename for rule in rules for rename in rule.renames)
    models = [[entry.name for entry in parameter_entries(version)] for version in versions]
    return unused_renames(renames, models) if renames else {}


def tracked_manifests(repository: Repository) -> Iterator[Manifest]:
    """The manifests in the index of all files that aren't in conflict."""
    listed = repository.git.run("ls-files", "-s", "-z", "--", ":/").split(b"\0")
    oids = dict.fromkeys(record.split(None, 2)[1].decode() for record in listed if record)
    with Blobs(repository.git.cwd) as blobs:
        for oid in oids:
            manifest = valid_manifest(blobs.read(oid, MAX_TEXT_BYTES) or b"")
            if manifest:
                yield manifest


def _not_matching(globs: Iterable[str], names: Iterable[str]) -> list[str]:
    known = list(names)
    return [glob for glob in globs if not any(matches(name, (glob,)) for name in known)]


def _scalar_names(versions: Sequence[Manifest], store: LocalStore) -> Iterator[str]:
    smudger = Smudger(store)
    for manifest in versions:
        try:
            yield from scalars(manifest.format, partial(smudger.skeleton, manifest)) or ()
        except (FormatError, ThetaError):
            continue
