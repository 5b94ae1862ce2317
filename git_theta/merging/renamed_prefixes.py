"""Find prefixes of names that differ between versions: `module.encoder.weight` and `encoder.weight`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_pairs import pair_by_end
from git_theta.updates.rounding import ARITHMETIC

#: A word of a name with the separator after it.
_WORD = re.compile(r"[^./]*[./]?")

_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A change of the beginning of names.

    Attributes:
        old: The beginning in one version, with the separator at its end; empty where words were put in front.
        new: The beginning in the other version.
    """

    old: str
    new: str

    def renamed(self, name: str) -> str | None:
        """The name in the other version; `None` for a name that begins otherwise."""
        return self.new + name[len(self.old) :] if name.startswith(self.old) else None

    def advice(self) -> str:
        """The option of a merge that renames parameters of theirs so, and when it's right."""
        if not self.new:
            meaning = f"if the names of theirs are those of ours after {self.old}"
        elif not self.old:
            meaning = f"if the names of ours are those of theirs after {self.new}"
        else:
            meaning = f"if {self.old}* of theirs is {self.new}* of ours"
        return f"{meaning}: --rename '{self.old}*={self.new}*'"

    @property
    def is_wrapper(self) -> bool:
        """Whether one version only has more words, as a wrapped model has: `a/module.` and `a/`."""
        return all(one == other for one, other in zip(_words(self.old), _words(self.new), strict=False))


def naming_side(base: Manifest | None, sides: Sequence[Manifest]) -> int:
    """The side whose names a merge has: the first one that changed prefixes, or else ours."""
    changed = (index for index, side in enumerate(sides) if base and changed_prefixes(base, side, base))
    return next(changed, 0)


def changed_prefixes(version: Manifest, reference: Manifest, base: Manifest | None = None) -> list[Prefix]:
    """The prefixes by which names of a version differ from those of a reference.

    A prefix counts if at least two parameters of equal shapes have it, and half of all that begin
    so. It must be that of a wrapper after which names have letters, or some values must be equal. Other names
    with equal ends, such as those of a head that was replaced by another one, stay apart. So do all of a
    prefix by which two parameters of the merge base would be one.

    Args:
        version: A version of a checkpoint.
        reference: The version whose names are wanted.
        base: The merge base; `None` if there's none.
    """
    missing, free = _without_counterpart(version, reference), _without_counterpart(reference, version)
    by_name = {entry.name: entry for entry in free}
    apart = base.by_name if base else {}
    return [
        prefix for prefix in _possible_prefixes(missing, free) if _is_sure(prefix, missing, by_name, apart)
    ]


def likely_prefix(version: Manifest, reference: Manifest) -> Prefix | None:
    """The prefix by which most names of a version could become names of a reference; `None` if there's none.

    Unlike those of `changed_prefixes`, the parameters may well be others.
    """
    missing, free = _without_counterpart(version, reference), _without_counterpart(reference, version)
    return next(iter(_possible_prefixes(missing, free)), None)


def _without_counterpart(version: Manifest, reference: Manifest) -> list[Entry]:
    """The parameters of a version whose names a reference doesn't have."""
    known = reference.by_name
    return [entry for entry in parameter_entries(version) if entry.name not in known]


def _possible_prefixes(missing: Sequence[Entry], free: Sequence[Entry]) -> list[Prefix]:
    """The prefixes by which parameters become others of equal shapes, that of most of them first."""
    pairs = pair_by_end(
        [_words(each.name) for each in missing], [_words(each.name) for each in free], least=1
    )
    found = (_prefix(missing[at], free[other]) for at, other in pairs if _are_alike(missing[at], free[other]))
    return [prefix for prefix, _ in Counter(found).most_common()]


def renamed_parameters(version: Manifest, reference: Manifest, prefixes: Sequence[Prefix]) -> dict[str, str]:
    """Name → name in the reference, of the parameters that prefixes rename; no two have one name then."""
    found: dict[str, str] = {}
    used = set(version.by_name)
    for entry in parameter_entries(version):
        if entry.name in reference.by_name:
            continue
        for prefix in prefixes:
            name = prefix.renamed(entry.name)
            if name in reference.by_name and name not in used:
                found[entry.name] = name
                used.add(name)
                break
    return found


def _is_sure(
    prefix: Prefix, missing: Sequence[Entry], free: Mapping[str, Entry], apart: Mapping[str, Entry]
) -> bool:
    begin_so = [(entry, prefix.renamed(entry.name)) for entry in missing]
    if any(entry.name in apart and name in apart for entry, name in begin_so):
        return False
    named = [(entry, free.get(name)) for entry, name in begin_so if name is not None]
    alike = [(entry, other) for entry, other in named if other and _are_alike(other, entry)]
    equal = any(entry.digest == other.digest for entry, other in alike)
    # Positions and keys like `0` are in most containers, whatever these hold.
    in_words = any(_LETTER.search(entry.name, len(prefix.old)) for entry, _ in alike)
    return len(alike) >= 2 and 2 * len(alike) >= len(named) and ((prefix.is_wrapper and in_words) or equal)


def _are_alike(one: Entry, other: Entry) -> bool:
    """Whether two parameters may be one: with equal shapes, in dtypes that merges bring together."""
    dtypes = {one.spec.dtype, other.spec.dtype}
    return one.spec.shape == other.spec.shape and (len(dtypes) == 1 or dtypes <= set(ARITHMETIC))


def _prefix(one: Entry, other: Entry) -> Prefix:
    """The shortest beginnings after which both names are equal, word by word."""
    ours, theirs = _words(one.name), _words(other.name)
    shared = 0
    while shared < min(len(ours), len(theirs)) and ours[-1 - shared] == theirs[-1 - shared]:
        shared += 1
    return Prefix("".join(ours[: len(ours) - shared]), "".join(theirs[: len(theirs) - shared]))


def _words(name: str) -> list[str]:
    return [word for word in _WORD.findall(name) if word]
