"""Find the parameters that correspond in the versions of a file, where their names say too little."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import ThetaError
from git_theta.formats.compose import align_files, is_aligner
from git_theta.merging.file_version import ReadVersion, with_contents
from git_theta.merging.manifest_parts import parameter_entries, structure_entries
from git_theta.merging.outcome import Conflict, content_key, side_name
from git_theta.merging.preference import Preference
from git_theta.merging.renamed_prefixes import Prefix, changed_prefixes, naming_side, renamed_parameters
from git_theta.merging.renames import Rename, names_like, new_names
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key

#: Names that keys of several types or several places may have: `1`, `a/b`, `a/b#2`.
_AMBIGUOUS = re.compile(r"[/#]|\A(?:[-+.\d]+(?:e[-+]?\d+)?|-?inf|nan|True|False|None)\Z")


@dataclass(frozen=True, slots=True)
class AlignedVersions:
    """Versions of a file whose parameters correspond if their names are equal.

    Attributes:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first.
        file_names: For each side, name in the merge → name in the side's file; only where they differ.
        conflicts: Parts of the file whose parameters can't be told apart, and that several sides changed.
        unclear: Names in the merge of the parameters in these parts.
        notes: Names that differ between the versions, in words.
        renamed: Indices of sides whose parameters have the names of ours because the user says so.
    """

    base: Manifest | None
    sides: tuple[Manifest, ...]
    file_names: tuple[Mapping[str, str], ...]
    conflicts: tuple[Conflict, ...] = ()
    unclear: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    renamed: frozenset[int] = frozenset()


def align_versions(
    base: Manifest | None,
    sides: Sequence[Manifest],
    rules: MergeRules,
    version: ReadVersion,
    fetch: Callable[[Iterable[Entry]], object],
) -> AlignedVersions:
    """Give the parameters that correspond one name; the sides' own names are kept as far as possible.

    The files' structures are read only if names leave a doubt. Renames of the rules give theirs the names of
    ours. Where prefixes differ, the names are those of the side that changed them, or ours.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first.
        rules: The rules for this file.
        version: Reads a version's layout and stretches.
        fetch: Called with entries that are needed, to bring their objects to the store.

    Raises:
        UsageError: Renames give two parameters one name.
    """
    return _with_one_prefix(_with_renames(_by_keys(base, sides, rules, version, fetch), rules.renames))


def _by_keys(
    base: Manifest | None,
    sides: Sequence[Manifest],
    rules: MergeRules,
    version: ReadVersion,
    fetch: Callable[[Iterable[Entry]], object],
) -> AlignedVersions:
    """The versions aligned by the keys in their files; see `align_versions`."""
    same = AlignedVersions(base, tuple(sides), ({},) * len(sides))
    versions = [each for each in (base, *sides) if each]
    if len({each.format for each in versions}) > 1 or not is_aligner(sides[0].format):
        return same
    if not _is_doubtful(versions):
        return same
    fetch(entry for each in versions for entry in structure_entries(each))
    try:
        old = with_contents(base, version) if base else None
        new = [with_contents(side, version) for side in sides]
        found = align_files(sides[0].format, old, new, Preference(rules))
    except ThetaError:
        # The names are all that's known then. Damage is reported where the values are read.
        return same
    views = tuple(map(_renamed, sides, found.sides))
    unclear = {
        name for view in views for name in view.by_name for part in found.unclear if _is_in(name, part)
    }
    return AlignedVersions(
        _renamed(base, found.base) if base else None,
        views,
        tuple({new: old for old, new in names.items() if old != new} for names in found.sides),
        tuple(Conflict(name, reason) for name, reason in found.unclear.items()),
        frozenset(unclear),
    )


def _with_renames(aligned: AlignedVersions, renames: Sequence[Rename]) -> AlignedVersions:
    """The versions with the names of ours, where the user says which parameters are renamed."""
    if not renames:
        return aligned
    ours, *others = ([entry.name for entry in parameter_entries(view)] for view in aligned.sides)
    found = [new_names(names, ours, renames) for names in others]
    before = [entry.name for entry in parameter_entries(aligned.base)]
    for names in found:
        of_base = names_like(before, ours, names)
        if of_base:
            break
    else:
        of_base = {}
    said = [
        f"names of {side_name(index)} that --rename replaced: {len(names):,}"
        for index, names in enumerate(found, 1)
        if names
    ]
    renamed = frozenset(index for index, names in enumerate(found, 1) if names)
    return replace(_with_new_names(aligned, of_base, [{}, *found], said), renamed=renamed)


def _with_one_prefix(aligned: AlignedVersions) -> AlignedVersions:
    """The versions with the names of one side, where their prefixes differ."""
    at = naming_side(aligned.base, aligned.sides)
    reference = aligned.sides[at]
    said, found = [], []
    for index, view in enumerate(aligned.sides):
        prefixes = changed_prefixes(view, reference, aligned.base) if index != at else []
        said += [_in_words(prefix, side_name(index), side_name(at)) for prefix in prefixes]
        found.append(renamed_parameters(view, reference, prefixes))
    of_base: Mapping[str, str] = {}
    if aligned.base:
        prefixes = changed_prefixes(aligned.base, reference, aligned.base)
        said = said or [_in_words(prefix, "the base", side_name(at)) for prefix in prefixes]
        of_base = renamed_parameters(aligned.base, reference, prefixes)
    return _with_new_names(aligned, of_base, found, said)


def _with_new_names(
    aligned: AlignedVersions,
    of_base: Mapping[str, str],
    of_sides: Sequence[Mapping[str, str]],
    said: Sequence[str],
) -> AlignedVersions:
    """The versions under further names, each given as name so far → new name, and with further notes."""
    if not said and not of_base and not any(of_sides):
        return aligned
    file_names = []
    for new, names in zip(of_sides, aligned.file_names, strict=True):
        own = {new.get(name, name): name_in_file for name, name_in_file in names.items()}
        own |= {name: names.get(before, before) for before, name in new.items()}
        file_names.append({name: name_in_file for name, name_in_file in own.items() if name != name_in_file})
    return replace(
        aligned,
        base=_with_names(aligned.base, of_base) if aligned.base else None,
        sides=tuple(map(_with_names, aligned.sides, of_sides)),
        file_names=tuple(file_names),
        notes=(*aligned.notes, *said),
    )


def _in_words(prefix: Prefix, version: str, reference: str) -> str:
    return f"names differ by a prefix: {prefix.old}* of {version} is {prefix.new}* of {reference}"


def _with_names(manifest: Manifest, names: Mapping[str, str]) -> Manifest:
    """A version with some parameters under other names, in the order of a manifest."""
    if not names:
        return manifest
    entries = (replace(entry, name=names.get(entry.name, entry.name)) for entry in manifest.entries)
    return replace(manifest, entries=tuple(sorted(entries, key=lambda entry: sort_key(entry.name))))


def _is_doubtful(versions: Sequence[Manifest]) -> bool:
    """Whether equal names may be those of parameters that don't correspond."""
    if not any(_AMBIGUOUS.search(entry.name) for version in versions for entry in parameter_entries(version)):
        return False
    first, *others = versions
    return len(set(map(_structure, versions))) > 1 or any(_has_moved(first, other) for other in others)


def _structure(version: Manifest) -> Hashable:
    return tuple((entry.name, content_key(entry)) for entry in structure_entries(version))


def _has_moved(one: Manifest, other: Manifest) -> bool:
    """Whether a value that has changed is elsewhere in the other version."""
    after = other.by_name
    changed = {
        content_key(entry): entry.name
        for entry in parameter_entries(one)
        if content_key(after.get(entry.name)) != content_key(entry)
    }
    return any(changed.get(content_key(entry), entry.name) != entry.name for entry in other.entries)


def _renamed(manifest: Manifest, names: Mapping[str, str]) -> Manifest:
    """A version with the parameters that have a name, under that."""
    structure = {entry.name for entry in structure_entries(manifest)}
    entries = (
        entry if entry.name in structure else replace(entry, name=names[entry.name])
        for entry in manifest.entries
        if entry.name in structure or entry.name in names
    )
    return replace(manifest, entries=tuple(entries))


def _is_in(name: str, part: str) -> bool:
    return part == "." or name == part or name.startswith(f"{part}/")
