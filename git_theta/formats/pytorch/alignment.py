"""Find the tensors that correspond in several trees: by keys of one type and value, in lists by content.

A tensor's name tells its place, but not for sure: items of lists and keys that aren't plain values are named
by their position, and two places may have one name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from git_theta.formats.base import Alignment, ComposeError, FileVersion, Prefer
from git_theta.formats.pickle.nodes import Dict, Global, Object
from git_theta.formats.pickle.tree import is_listed_dict
from git_theta.formats.pytorch import children
from git_theta.formats.pytorch.fingerprints import Fingerprints
from git_theta.formats.pytorch.optimizers import OptimizerState, optimizer_state
from git_theta.formats.pytorch.tensor_places import TensorPlaces
from git_theta.formats.pytorch.tree import named_nodes
from git_theta.formats.pytorch.version_tree import Spot, VersionTree, tensor_in
from git_theta.formats.pytorch.views import is_subclass
from git_theta.formats.sequences import Label, ListItem, UnclearError, align_lists, in_place
from git_theta.model.three_way import trivial_merge

#: Steps through the trees.
_MAX_STEPS = 4_000_000

#: The base has this index.
BASE = -1

_LISTS = "a list has changed its length or order on both sides, and its items can't be told apart by content"
_KEYS = "keys that are equal have other values on both sides"
_OPTIMIZER = "the optimizer's parameters, which it has by number, aren't the same on both sides"
_KINDS = "changed to objects of different types on both sides"

#: Identity of the sides' nodes at one place.
Identity = tuple[int, ...]


class Labels(NamedTuple):
    """Labels of the items of lists at one place, equal for items that correspond.

    Attributes:
        base: Identity of the base's node, 0 if there's none.
        of_base: Labels of its items.
        of_sides: Labels of the items of each side that has the list.
    """

    base: int
    of_base: list[Label]
    of_sides: list[list[Label]]


def align_trees(
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    tree_of: Callable[[FileVersion], VersionTree],
    prefer: Prefer,
) -> Alignment:
    """The tensors that correspond in several versions of a file.

    Args:
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge.
        tree_of: Reads the tree of a version.
        prefer: See `git_theta.formats.base.Prefer`.

    Raises:
        ComposeError: The trees are too deep or too large.
        FormatError: A version is damaged.
    """
    old = tree_of(base) if base else None
    return TreeAlignment(old, [tree_of(side) for side in sides], prefer).alignment()


def identity_of(spots: Iterable[Spot]) -> Identity:
    """The identity of the sides' nodes at one place."""
    return tuple(number for spot in spots for number in (spot.side, id(spot.node)))


class TreeAlignment:
    """The correspondence of several trees.

    Below, `where` is the number of a place: of a path of keys and labels, which all versions share.

    Args:
        base: The common ancestor of the sides, `None` if there's none.
        sides: The versions to merge.
        prefer: See `git_theta.formats.base.Prefer`.

    Attributes:
        labels: Identity of the lists at a place, see `identity_of` → labels of their items.
        decided: Identity of the nodes at a place that's unclear → the side that's taken there.

    Raises:
        ComposeError: The trees are too deep or too large.
        FormatError: A tensor is described wrongly.
    """

    def __init__(self, base: VersionTree | None, sides: Sequence[VersionTree], prefer: Prefer) -> None:
        self.labels: dict[Identity, Labels] = {}
        self.decided: dict[Identity, int] = {}
        self._versions = {**({BASE: base} if base else {}), **dict(enumerate(sides))}
        self._prefer = prefer
        self._prints = Fingerprints()
        self._values = Fingerprints(
            {
                node: version.contents.get(name, (side, name))
                for side, version in self._versions.items()
                for (_, node), name in version.names.items()
            }
        )
        self._tensors = TensorPlaces()
        self._unclear: dict[str, str] = {}
        self._seen: set[Identity] = set()
        self._steps = 0
        old = Spot(BASE, "", base.root) if base else None
        self._visit(0, old, [Spot(index, "", side.root) for index, side in enumerate(sides)])

    def alignment(self) -> Alignment:
        """The names in the merge."""
        sides = sorted(self._versions, key=lambda side: (side == BASE, side))
        names = self._tensors.names({side: self._versions[side].specs for side in sides})
        of_sides = tuple(names[side] for side in sorted(names) if side != BASE)
        return Alignment(names.get(BASE, {}), of_sides, self._unclear)

    # Tensors.

    def _put(self, where: int, spot: Spot, name: str | None) -> None:
        if name is not None:
            self._tensors.put(where, spot.side, name)

    def _put_below(self, where: int, spot: Spot) -> None:
        """Tensors at and below a place whose parts aren't compared correspond by their names there."""
        counts: Counter[str] = Counter()
        version = self._versions[spot.side]
        for path, node, _ in named_nodes(spot.node, spot.path):
            counts[path] += 1
            below = path[len(spot.path) :]
            place = self._tensors.place(where, "by name", below, counts[path])
            self._put(place, spot, version.name_of(path, node))

    # The walk.

    def _visit(self, where: int, base: Spot | None, spots: list[Spot]) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise ComposeError(f"more than {_MAX_STEPS} objects can't be merged")
        everything = [*([base] if base else []), *spots]
        identity = identity_of(spots)
        # A list without tensors counts where another version's has some.
        if not self._any_tensors(everything) or identity in self._seen:
            return
        self._seen.add(identity)
        if any(tensor_in(spot.node) is not None for spot in everything):
            for spot in everything:
                self._tensor(where, spot)
            return
        kinds = {self._kind(spot) for spot in spots}
        if base and self._kind(base) not in kinds:
            base = None
        if len(kinds) > 1:
            self._as_one(where, base, spots, _KINDS)
        elif is_subclass_node(spots[0].node):
            for spot in everything:
                self._put_below(where, spot)
        else:
            try:
                self._parts(where, base, spots)
            except UnclearError as unclear:
                self._as_one(where, base, spots, str(unclear))

    def _any_tensors(self, spots: list[Spot]) -> bool:
        return any(self._prints.has_tensors(self._versions[spot.side], spot.node) for spot in spots)

    def _tensor(self, where: int, spot: Spot) -> None:
        tensor = tensor_in(spot.node)
        if tensor is not None:
            self._put(where, spot, self._versions[spot.side].name_at(spot))
        if tensor is not spot.node or is_subclass_node(tensor) or getattr(tensor, "state", None) is not None:
            # Attributes of a tensor.
            self._put_below(where, spot)

    def _as_one(self, where: int, base: Spot | None, spots: list[Spot], reason: str) -> None:
        """Take parts that can't be told apart from one side: the only one with changes, or a chosen one."""
        everything = [*([base] if base else []), *spots]
        old = self._value(base) if base else None
        winner = trivial_merge(old, [self._value(spot) for spot in spots])
        chosen = self._choose(spots) if winner is None else winner
        if chosen is None:
            self._unclear.setdefault(spots[0].path or ".", reason)
        else:
            self.decided[identity_of(spots)] = spots[chosen].side
        for spot in everything:
            self._put_below(where, spot)
            if winner is None and chosen is not None and spot is not spots[chosen]:
                self._tensors.hide(spot.side, self._names(spot))

    def _choose(self, spots: list[Spot]) -> int | None:
        sides = [spot.side for spot in spots]
        names = [spots[0].path or "."]
        names += [name for spot in spots for name in islice(self._names(spot), 1)]
        chosen = next((side for side in map(self._prefer, names) if side is not None), None)
        return sides.index(chosen) if chosen in sides else None

    def _names(self, spot: Spot) -> Iterable[str]:
        return self._versions[spot.side].names_below(spot)

    def _value(self, spot: Spot) -> int:
        return self._values.of(self._versions[spot.side], spot.node)

    # Parts of nodes.

    def _kind(self, spot: Spot) -> Hashable:
        """The kind of a node. Parts are compared with parts of nodes of one kind only."""
        node = spot.node
        if isinstance(node, (list, tuple)):
            return type(node)
        if _is_mapping(node):
            return Dict
        if not isinstance(node, Object):
            return None
        version = self._versions[spot.side]
        args = () if is_listed_dict(node) else node.args
        return self._prints.of(version, node.callable), node.new, len(args), node.items is None

    def _parts(self, where: int, base: Spot | None, spots: list[Spot]) -> None:
        """Compare the parts of nodes of one kind.

        Raises:
            UnclearError: The parts can't be told apart; the message has the reason.
        """
        node = spots[0].node
        versions = [*([base] if base else []), *spots]
        if isinstance(node, (list, tuple)):
            self._items(where, base, spots, children.items)
            return
        self._pairs(where, base, spots, children.pairs_of)
        if all(isinstance(spot.node, Object) for spot in versions):
            self._arguments(where, base, versions)
            if node.items is not None:
                self._items(where, base, spots, children.added_items)
            states = _map(children.state, spots)
            self._state(self._tensors.place(where, "state"), children.state(base) if base else None, states)

    def _arguments(self, where: int, base: Spot | None, versions: list[Spot]) -> None:
        for number, found in enumerate(zip(*map(children.arguments, versions), strict=False)):
            parts = list(found)
            old = parts.pop(0) if base else None
            self._visit(self._tensors.place(where, "argument", number), old, parts)

    def _items(
        self, where: int, base: Spot | None, spots: list[Spot], of: Callable[[Spot], list[Spot]]
    ) -> None:
        new = _map(of, spots)
        old = of(base) if base else None
        try:
            found = align_lists(
                None if old is None else self._as_items(old), [self._as_items(each) for each in new]
            )
        except UnclearError as unclear:
            raise UnclearError(_LISTS) from unclear
        of_base = found.pop(0) if old is not None else []
        self.labels[identity_of(spots)] = Labels(id(base.node) if base else 0, of_base, found)
        before = dict(zip(of_base, old or (), strict=True))
        sides = [dict(zip(labels, each, strict=True)) for labels, each in zip(found, new, strict=True)]
        self._corresponding(where, "item", before, sides)

    def _as_items(self, spots: list[Spot]) -> list[ListItem]:
        return [ListItem(self._value(spot), self._shape(spot)) for spot in spots]

    def _shape(self, spot: Spot) -> Hashable:
        """Dtypes and shapes of the tensors below a place."""
        return type(spot.node), *(self._versions[spot.side].specs[name] for name in self._names(spot))

    def _pairs(
        self,
        where: int,
        base: Spot | None,
        spots: list[Spot],
        of: Callable[[Spot], list[children.Pair]],
    ) -> None:
        old = self._by_key(of(base)) if base else {}
        new = [self._by_key(of(spot)) for spot in spots]
        self._check_optimizer([*([old] if base else []), *new])
        for key in {key for pairs in (old, *new) for key, found in pairs.items() if len(found) > 1}:
            # Keys that are objects may be equal but for their identity.
            lists = [self._as_items(pairs.get(key, [])) for pairs in ((*([old] if base else []), *new))]
            if not in_place(lists):
                raise UnclearError(_KEYS)
        before = {(key, i): spot for key, found in old.items() for i, spot in enumerate(found)}
        sides = [{(key, i): spot for key, f in pairs.items() for i, spot in enumerate(f)} for pairs in new]
        self._corresponding(where, "key", before, sides)

    def _by_key(self, pairs: list[children.Pair]) -> dict[int, list[Spot]]:
        found: dict[int, list[Spot]] = defaultdict(list)
        for key, spot in pairs:
            found[self._prints.of(self._versions[spot.side], key)].append(spot)
        return found

    def _corresponding(
        self, where: int, kind: str, before: dict[Any, Spot], sides: list[dict[Any, Spot]]
    ) -> None:
        for label in dict.fromkeys(label for side in sides for label in side):
            found = [side[label] for side in sides if label in side]
            self._visit(self._tensors.place(where, kind, label), before.get(label), found)

    def _check_optimizer(self, versions: list[dict[int, list[Spot]]]) -> None:
        """Check that the states of an optimizer, which it has by the number of a parameter, correspond.

        Raises:
            UnclearError: They don't.
        """
        found = [optimizer for optimizer in map(self._optimizer, versions) if optimizer]
        if len(found) < 2:
            return
        shared = set(found[0].states).intersection(*(each.states for each in found))
        lists = [self._as_items([each.states[number] for number in sorted(shared)]) for each in found]
        if len({each.groups for each in found}) > 1 or not in_place(lists):
            raise UnclearError(_OPTIMIZER)

    def _optimizer(self, pairs: dict[int, list[Spot]]) -> OptimizerState | None:
        version = next(iter(self._versions.values()))
        states, groups = (pairs.get(self._prints.of(version, key)) for key in ("state", "param_groups"))
        if not states or not groups:
            return None
        owner = self._versions[groups[0].side]
        return optimizer_state(states[0], groups[0].node, lambda value: self._prints.of(owner, value))

    def _state(self, where: int, base: Spot | None, spots: list[Spot]) -> None:
        nodes = [spot.node for spot in (*spots, *((base,) if base else ()))]
        if all(isinstance(node, Dict) for node in nodes):
            self._pairs(where, base, spots, children.attributes)
        elif all(map(children.is_slotted, nodes)):
            old = children.halves(base) if base else (None, None)
            for number, found in enumerate(zip(*map(children.halves, spots), strict=True)):
                self._state(self._tensors.place(where, number), old[number], list(found))
        else:
            self._visit(where, base, spots)


def is_subclass_node(node: Any) -> bool:
    """Whether a node is an object of a subclass of tensors."""
    return isinstance(node, Object) and is_subclass(node)


def _is_mapping(node: Any) -> bool:
    """Whether a node is a dictionary, of any class, and has nothing but its items."""
    if not isinstance(node, Object):
        return isinstance(node, Dict)
    named = isinstance(node.callable, Global) and node.callable.name in ("OrderedDict", "dict")
    return named and node.items is None and (not node.args or is_listed_dict(node))


def _map(function: Callable[[Spot], Any], spots: Iterable[Spot]) -> list[Any]:
    return [function(spot) for spot in spots]
