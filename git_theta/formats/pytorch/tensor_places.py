"""Places of tensors in several versions of a tree, and one name for all tensors at a place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping


class TensorPlaces:
    """Places at which versions have tensors. Versions are numbered."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}
        self._found: dict[int, dict[str, int]] = defaultdict(dict)
        self._hidden: dict[int, set[str]] = defaultdict(set)

    def place(self, *parts: Hashable) -> int:
        """The number of a place, equal for equal parts, such as the number of its parent and a key."""
        return self._places.setdefault(parts, len(self._places) + 1)

    def put(self, place: int, version: int, name: str) -> None:
        """Note the place of a version's tensor; the first place of a tensor counts."""
        self._found[version].setdefault(name, place)

    def hide(self, version: int, names: Iterable[str]) -> None:
        """Leave out tensors of a version, which have no name in the merge."""
        self._hidden[version].update(names)

    def names(self, tensors: Mapping[int, Iterable[str]]) -> dict[int, dict[str, str]]:
        """The names in the merge: those of the first version that has a tensor there, made unique.

        Args:
            tensors: Version → names of its tensors; earlier versions give the names.

        Returns:
            Version → name of a tensor → its name in the merge.
        """
        chosen: dict[int, str] = {}
        taken: set[str] = set()
        counts: Counter[str] = Counter()
        found: dict[int, dict[str, str]] = {}
        for version, own in tensors.items():
            found[version] = {}
            for name in own:
                if name in self._hidden[version]:
                    continue
                place = self._found[version].get(name)
                if place is None:
                    place = self.place("elsewhere", name)
                if place not in chosen:
                    chosen[place] = _unique(name, taken, counts)
                found[version][name] = chosen[place]
        return found


def _unique(name: str, taken: set[str], counts: Counter[str]) -> str:
    """The name, with a free number appended if it's taken."""
    unique = name
    counts[name] += 1
    while unique in taken:
        counts[name] += 1
        unique = f"{name}#{counts[name]}"
    taken.add(unique)
    return unique
