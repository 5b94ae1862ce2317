"""Merge the trees of several versions into one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from git_theta.formats.base import ComposeError, FileVersion, Prefer
from git_theta.formats.pickle.nodes import Dict, Global, Object
from git_theta.formats.pickle.tree import is_listed_dict
from git_theta.formats.pytorch import children
from git_theta.formats.pytorch.alignment import BASE, TreeAlignment, identity_of
from git_theta.formats.pytorch.fingerprints import Fingerprints
from git_theta.formats.pytorch.slots import Slots
from git_theta.formats.pytorch.tree import named_nodes
from git_theta.formats.pytorch.version_tree import Spot, VersionTree, tensor_in
from git_theta.formats.pytorch.views import is_subclass
from git_theta.formats.threeway import ThreeWay, merged_order
from git_theta.model.tensor import TensorSpec
from git_theta.model.three_way import trivial_merge

#: Steps through the trees.
_MAX_STEPS = 4_000_000

#: Stands for a node that the merged tree doesn't have.
_ABSENT: Any = object()

_SETS = frozenset(("set", "frozenset"))


def merge_trees(
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    tree_of: Callable[[FileVersion], VersionTree],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer,
) -> TreeMerge:
    """The merge of the trees of several versions of a file.

    Args:
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge.
        tree_of: Reads the tree of a version.
        wanted: The tensors of the merged tree, by their names in the merge.
        prefer: See `git_theta.formats.base.Prefer`.

    Raises:
        ComposeError: The sides' bytes are in different orders, or their trees are too deep or too large.
        FormatError: A version is damaged.
    """
    trees = [tree_of(side) for side in sides]
    if len({tree.big_endian for tree in trees}) > 1:
        raise ComposeError("the sides were written on machines of different byte orders")
    return TreeMerge(tree_of(base) if base else None, trees, wanted, prefer)


class TreeMerge:
    """Merge trees by the rule that a node which only one side changed is as on that side.

    Below, `spots` are the nodes at one place of the trees, of those sides that have one there, ours first.

    Args:
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge.
        wanted: The tensors of the merged tree, by their names in the merge.
        prefer: See `git_theta.formats.base.Prefer`.
    """

    def __init__(
        self,
        base: VersionTree | None,
        sides: Sequence[VersionTree],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> None:
        self._places = TreeAlignment(base, sides, prefer)
        names = self._places.alignment()
        self._base = base.renamed(names.base) if base else None
        self._sides = [side.renamed(of_side) for side, of_side in zip(sides, names.sides, strict=True)]
        self._wanted = wanted
        self._prints = Fingerprints()
        self._merged: dict[tuple[int, ...], Any] = {}
        self._steps = 0
        self.rule = ThreeWay(prefer)
        self.slots = Slots(self._sides)
        self._names: dict[int, list[str]] = defaultdict(list)

    def root(self) -> Any:
        """The merged tree, in which byte strings are `bytes` and storages have the keys of `slots`.

        Raises:
            ComposeError: The merged tree is empty, or the trees are too large.
            FormatError: A tensor is described wrongly.
        """
        base = Spot(BASE, "", self._base.root) if self._base else None
        spots = [Spot(index, "", side.root) for index, side in enumerate(self._sides)]
        # The fingerprints have limits of depth and size, which hold for every step below.
        self._value(base)
        for spot in spots:
            self._value(spot)
        merged = self._node(base, spots)
        if merged is _ABSENT:
            raise ComposeError("nothing would be left of the file")
        self.slots.check()
        return merged

    def names(self, root: Any) -> tuple[str, ...]:
        """The names in the merge of a merged tree's tensors, in the order in which a reader meets them."""
        left = {node: iter(names) for node, names in self._names.items()}
        found = (next(left.get(id(node), iter(())), None) for _, node, _ in named_nodes(root))
        return tuple(name for name in found if name is not None)

    def _source(self, spot: Spot) -> VersionTree:
        return self._base if self._base and spot.side == BASE else self._sides[spot.side]

    def _value(self, spot: Spot | None) -> int | None:
        """The number of a tree, `None` where there's none."""
        return self._prints.of(self._source(spot), spot.node) if spot else None

    def _has_tensors(self, spot: Spot) -> bool:
        return self._prints.has_tensors(self._source(spot), spot.node)

    def _take(self, spot: Spot) -> Any:
        if not self._has_tensors(spot):
            return self.slots.take(spot.side, spot.node)
        found = list(self._source(spot).tensors_below(spot))
        taken = self.slots.take(spot.side, spot.node, [name for name, _ in found])
        for name, node in found:
            self._names[id(self.slots.copy_of(spot.side, node))].append(name)
        return taken

    # Nodes.

    def _entry(self, base: Spot | None, found: Sequence[Spot | None], sides: Sequence[int]) -> Any:
        """The merged value of a key that some of the sides may lack."""
        spots = [spot for spot in found if spot]
        if any(map(self._has_tensors, spots)) and len(spots) < len(found):
            # The merge of the parameters has decided which of them there are.
            wanted = (name in self._wanted for spot in spots for name in self._source(spot).names_below(spot))
            return self._node(base, spots) if any(wanted) else _ABSENT
        if not base or len(spots) == len(found):
            return self._node(base, spots)
        values = [self._value(spot) for spot in found]
        chosen = found[self.rule.choose(spots[0].path, self._value(base), values, sides)]
        return self._node(None, [chosen]) if chosen else _ABSENT

    def _node(self, base: Spot | None, spots: list[Spot]) -> Any:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise ComposeError(f"more than {_MAX_STEPS} objects can't be merged")
        if any(tensor_in(spot.node) is not None for spot in spots):
            return self._tensor(base, spots)
        identity = identity_of(spots)
        decided = self._places.decided.get(identity)
        if decided is not None and len(spots) > 1:
            return self._node(None, [spot for spot in spots if spot.side == decided])
        by_content = len(spots) == 1 or identity in self._places.labels
        kinds = {self._kind(spot, by_content) for spot in spots}
        if len(kinds) > 1 or kinds == {None}:
            return self._as_a_whole(base, spots)
        if base and self._kind(base, by_content) not in kinds:
            base = None
        identity = (id(base.node) if base else 0, *identity)
        if identity not in self._merged:
            self._merged[identity] = self._container(identity, base, spots)
        return self._merged[identity]

    def _as_a_whole(self, base: Spot | None, spots: list[Spot]) -> Any:
        """The node of the side that changed it, without tensors that aren't wanted."""
        chosen = spots[0]
        if len(spots) > 1:
            counted = self.rule.count(chosen.path, base and base.node, [spot.node for spot in spots])
            if counted is not None:
                return counted
            values = [self._value(spot) for spot in spots]
            sides = [spot.side for spot in spots]
            chosen = spots[self.rule.choose(chosen.path or ".", self._value(base), values, sides)]
        if tensor_in(chosen.node) is not None or self._kind(chosen, True) is None:
            return self._take(chosen)
        return self._node(None, [chosen])

    # Tensors.

    def _tensor(self, base: Spot | None, spots: list[Spot]) -> Any:
        """The tensor as the side that changed its structure has it, if that's of the wanted shape."""
        names = {spot.side: self._source(spot).name_at(spot) for spot in spots}
        name = next(filter(None, names.values()), None)
        if name is None:
            return self._as_a_whole(base, spots)
        if name not in self._wanted:
            others = [spot for spot in spots if tensor_in(spot.node) is None]
            return self._node(None, others) if others else _ABSENT
        spec = self._wanted[name]
        fitting = [
            spot for spot in spots if names[spot.side] == name and self._source(spot).specs[name] == spec
        ]
        if not fitting:
            raise ComposeError(f"no side has a parameter {name!r} of the dtype and shape that it's merged to")
        old = self._structure(base) if base else None
        return self._take(fitting[trivial_merge(old, list(map(self._structure, fitting))) or 0])

    def _structure(self, spot: Spot) -> Hashable:
        """A tensor's description, and the tensors in its storage."""
        side = self._source(spot)
        name = side.name_at(spot)
        return self._value(spot), side.sharing[side.storage_of[name]] if name else ()

    # Containers.

    def _kind(self, spot: Spot, by_content: bool) -> Hashable:
        """The kind of a container. Nodes of one kind are merged item by item, others as a whole.

        Args:
            spot: The place of the container.
            by_content: The items of lists that correspond are known; otherwise, lists must have one length.
        """
        node = spot.node
        if isinstance(node, Dict):
            return Dict
        if isinstance(node, (list, tuple)):
            return type(node), None if by_content else len(node)
        if not isinstance(node, Object) or is_subclass(node):
            return None
        if isinstance(node.callable, Global) and node.callable.name in _SETS:
            return None
        args = () if is_listed_dict(node) else node.args
        side = self._source(spot)
        made_of = len(args) if self._prints.has_tensors(side, args) else self._prints.of(side, args)
        items = None if node.items is None else -1 if by_content else len(node.items)
        return self._prints.of(side, node.callable), node.new, len(args), made_of, items

    def _container(self, identity: tuple[int, ...], base: Spot | None, spots: list[Spot]) -> Any:
        """A new container, which is known before it's filled, as it may contain itself."""
        sample = spots[0].node
        if isinstance(sample, tuple):
            return tuple(self._labelled(children.items, base, spots))
        if isinstance(sample, list):
            values: list[Any] = []
            self._merged[identity] = values
            values += self._labelled(children.items, base, spots)
            return values
        if isinstance(sample, Dict):
            made = Dict([])
            self._merged[identity] = made
            made.pairs += self._pairs(children.pairs, base, spots)
            return made
        return self._object(identity, base, spots)

    def _object(self, identity: tuple[int, ...], base: Spot | None, spots: list[Spot]) -> Any:
        sample: Object = spots[0].node
        args = self._items(children.arguments, base, spots)
        if len(args) < len(children.arguments(spots[0])):
            return _ABSENT
        made = Object(self.slots.take(spots[0].side, sample.callable), tuple(args), new=sample.new)
        self._merged[identity] = made
        if sample.items is not None:
            made.items = self._labelled(children.added_items, base, spots)
        made.pairs = self._pairs(children.added_pairs, base, spots) or None
        made.state = self._state(children.state(base) if base else None, list(map(children.state, spots)))
        return made

    def _items(self, of: Callable[[Spot], list[Spot]], base: Spot | None, spots: list[Spot]) -> list[Any]:
        """Items by position, without tensors that aren't wanted."""
        old = of(base) if base else []
        merged = []
        for at, found in enumerate(zip(*map(of, spots), strict=True)):
            merged.append(self._node(old[at] if old else None, list(found)))
        return [part for part in merged if part is not _ABSENT]

    def _labelled(self, of: Callable[[Spot], list[Spot]], base: Spot | None, spots: list[Spot]) -> list[Any]:
        """Items that correspond in the versions, in the order of the first side."""
        labels = self._places.labels.get(identity_of(spots))
        if labels is None:
            return self._items(of, base, spots)
        known = base is not None and labels.base == id(base.node)
        before = dict(zip(labels.of_base, of(base), strict=True)) if base and known else {}
        items = [
            dict(zip(each, of(spot), strict=True)) for each, spot in zip(labels.of_sides, spots, strict=True)
        ]
        sides = [spot.side for spot in spots]
        merged = [
            self._entry(before.get(label), [each.get(label) for each in items], sides)
            for label in merged_order(*labels.of_sides)
        ]
        return [part for part in merged if part is not _ABSENT]

    def _pairs(
        self, of: Callable[[Spot], list[children.Pair]], base: Spot | None, spots: list[Spot]
    ) -> list[tuple[Any, Any]]:
        """Items by key; keys are compared by their values."""
        old = self._by_key(of(base), base) if base else {}
        new = [self._by_key(of(spot), spot) for spot in spots]
        sides = [spot.side for spot in spots]
        merged = []
        for number in merged_order(*new):
            found = [pairs.get(number) for pairs in new]
            before = old.get(number)
            value = self._entry(before and before[1], [pair and pair[1] for pair in found], sides)
            if value is not _ABSENT:
                key, spot = next(filter(None, found))
                merged.append((self.slots.take(spot.side, key), value))
        return merged

    def _by_key(self, pairs: list[children.Pair], spot: Spot) -> dict[tuple[int, int], children.Pair]:
        """Items by their keys; of equal keys, which may be different objects, by their order."""
        found: dict[tuple[int, int], children.Pair] = {}
        counts: Counter[int] = Counter()
        for pair in pairs:
            key = self._prints.of(self._source(spot), pair[0])
            found[key, counts[key]] = pair
            counts[key] += 1
        return found

    def _state(self, base: Spot | None, spots: list[Spot]) -> Any:
        nodes = [spot.node for spot in (*spots, *((base,) if base else ()))]
        if all(isinstance(node, Dict) for node in nodes):
            return Dict(self._pairs(children.attributes, base, spots))
        if all(map(children.is_slotted, nodes)):
            old = children.halves(base) if base else (None, None)
            new = zip(*map(children.halves, spots), strict=True)
            return tuple([self._state(half, list(found)) for half, found in zip(old, new, strict=True)])
        if len(spots) > 1 and not any(map(self._has_tensors, spots)):
            values = [self._value(spot) for spot in spots]
            sides = [spot.side for spot in spots]
            chosen = self.rule.choose(spots[0].path or ".", self._value(base), values, sides)
            return self._state(None, [spots[chosen]])
        merged = self._node(base, spots)
        return None if merged is _ABSENT else merged
