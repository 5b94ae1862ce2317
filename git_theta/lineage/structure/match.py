"""Which modules of two models correspond: by structure (types and shapes), helped by values and names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from git_theta.lineage.structure.module_tree import ModelModule, ModuleTree
from git_theta.model.name_pairs import pair_by_end

#: Parts at the ends of names that are compared, at most.
_COMPARED: Final = 24

_SEPARATOR: Final = re.compile(r"[./]")


#: Gives what modules have to have in common.
_KeyOf = Callable[[ModelModule], Hashable]


@dataclass(frozen=True)
class StructureMatch:
    """Modules of two models that correspond.

    Attributes:
        old: The modules of one model.
        new: The modules of the other one.
        pairs: Index of a module in `old` → index of the module in `new` that has the same type and shapes.
        reshaped: The same for modules of one name, but of different types or shapes.
    """

    old: ModuleTree
    new: ModuleTree
    pairs: Mapping[int, int]
    reshaped: Mapping[int, int]

    @cached_property
    def equal(self) -> Mapping[int, int]:
        """Pairs that have the same values, too."""
        olds, news = self.old.modules, self.new.modules
        return {a: b for a, b in self.pairs.items() if olds[a].content == news[b].content}

    @property
    def changed(self) -> tuple[int, ...]:
        """Modules of `new` whose structure is as before, but not their values."""
        return tuple(sorted(b for a, b in self.pairs.items() if a not in self.equal))

    @property
    def moved(self) -> Mapping[int, int]:
        """Pairs of modules that have another name now."""
        olds, news = self.old.modules, self.new.modules
        return {a: b for a, b in self.pairs.items() if olds[a].name != news[b].name}

    @property
    def removed(self) -> tuple[int, ...]:
        """Modules of `old` that correspond to none of `new`."""
        return tuple(
            at for at in range(len(self.old.modules)) if at not in self.pairs and at not in self.reshaped
        )

    @property
    def added(self) -> tuple[int, ...]:
        """Modules of `new` that correspond to none of `old`."""
        found = {*self.pairs.values(), *self.reshaped.values()}
        return tuple(at for at in range(len(self.new.modules)) if at not in found)


def match_modules(old: ModuleTree, new: ModuleTree) -> StructureMatch:
    """Pair the modules of two models; in time nearly proportional to the characters of their names.

    Pairs are made in this order: the same name and values; values that each model has once; the same name and
    structure; the same values; the same name; the same structure, of several the longest common end of their
    names, and then the order of layers. The result is the same in both directions.
    """
    matching = _Matching(old.modules, new.modules)
    matching.pair_unique(lambda module: (module.name, module.signature, module.content))
    matching.pair_unique(_values)
    matching.pair_unique(lambda module: (module.name, module.signature))
    matching.pair_alike(_values)
    known = set(matching.pairs)
    matching.pair_unique(lambda module: module.name)
    reshaped = {a: b for a, b in matching.pairs.items() if a not in known}
    matching.pair_alike(lambda module: module.signature, least=1)
    matching.pair_in_order(lambda module: module.signature)
    pairs = {a: b for a, b in matching.pairs.items() if a not in reshaped}
    return StructureMatch(old, new, pairs, reshaped)


def _values(module: ModelModule) -> Hashable:
    return module.signature, module.content


class _Matching:
    """Pairs so far, and modules without one.

    Attributes:
        pairs: Index in the old model → index in the new one.
        left: Indices of modules without a pair, of the old and of the new model, ascending.

    Args:
        old: The modules of one model.
        new: The modules of the other one.
    """

    def __init__(self, old: Sequence[ModelModule], new: Sequence[ModelModule]) -> None:
        self._sides = old, new
        self.pairs: dict[int, int] = {}
        self.left = list(range(len(old))), list(range(len(new)))

    def pair_unique(self, key: _KeyOf) -> None:
        """Pair modules with a key that no other module of their models has, paired already or not."""
        counts = [Counter(map(key, side)) for side in self._sides]
        for value, (olds, news) in self._groups(key).items():
            if counts[0][value] == counts[1][value] == 1:
                self.pairs.update(zip(olds, news, strict=False))
        self._drop_paired()

    def pair_alike(self, key: _KeyOf, least: int = 0) -> None:
        """Pair modules with the same key, those whose names end alike first.

        Args:
            key: The key of a module.
            least: The number of parts that the names must have in common at their ends.
        """
        for olds, news in self._groups(key).values():
            before = [_parts(self._sides[0][at].name) for at in olds]
            after = [_parts(self._sides[1][at].name) for at in news]
            self.pairs.update((olds[a], news[b]) for a, b in pair_by_end(before, after, least))
        self._drop_paired()

    def pair_in_order(self, key: _KeyOf) -> None:
        """Pair modules with the same key in the order of layers."""
        for olds, news in self._groups(key).values():
            self.pairs.update(zip(olds, news, strict=False))
        self._drop_paired()

    def _groups(self, key: _KeyOf) -> dict[Hashable, tuple[list[int], list[int]]]:
        """Key → modules without a pair that have it, if both models have some."""
        found: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for number, (side, left) in enumerate(zip(self._sides, self.left, strict=True)):
            for at in left:
                found[key(side[at])][number].append(at)
        return {value: group for value, group in found.items() if all(group)}

    def _drop_paired(self) -> None:
        olds, news = self.left
        used = set(self.pairs.values())
        self.left = [at for at in olds if at not in self.pairs], [at for at in news if at not in used]


def _parts(name: str) -> list[str]:
    """The last parts of a name."""
    return _SEPARATOR.split(name)[-_COMPARED:]
