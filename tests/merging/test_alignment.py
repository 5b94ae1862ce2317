"""Merges of files of PyTorch in which a name says less than the place of a tensor."""

from __future__ import annotations

import io
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_theta.merging.execute import Merger
from git_theta.merging.outcome import Merged
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.store.local import LocalStore
from tests.helpers.storing import clean, smudge

torch: Any = pytest.importorskip("torch")

OURS = MergeRules(fallback=(MergeRule("ours"),))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def merged(
    store: LocalStore, base: Any, *sides: Any, rules: MergeRules | None = None, legacy: bool = False
) -> Merged:
    """The merge of objects as `torch.save` writes them."""

    def stored(value: Any) -> Any:
        file = io.BytesIO()
        torch.save(value, file, _use_new_zipfile_serialization=not legacy)
        return clean(store, file.getvalue())

    old = None if base is None else stored(base)
    return Merger(store).merge(old, [stored(side) for side in sides], rules or MergeRules())


def loaded(store: LocalStore, found: Merged) -> Any:
    assert found.manifest is not None, found.conflicts
    return torch.load(io.BytesIO(smudge(store, found.manifest)), weights_only=False)


def tensor(number: float, size: int = 3) -> Any:
    return torch.full((size,), float(number))


def numbers(value: Any) -> Any:
    """The tree with the first element of each tensor in its place."""
    if isinstance(value, torch.Tensor):
        return float(value.flatten()[0])
    if isinstance(value, dict):
        return {key: numbers(each) for key, each in value.items()}
    return [numbers(each) for each in value] if isinstance(value, (list, tuple, deque, set)) else value


A, B, C, N, TRAINED = (tensor(number) for number in (1, 2, 3, 50, 1.5))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", [list, tuple, deque])
@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ([A, B], [N, A, B], [TRAINED, B], [50, 1.5, 2]),
        ([A, B, C], [B, C], [A, B, TRAINED], [2, 1.5]),
        ([A, B, C], [B, C, N], [A, TRAINED, C], [1.5, 3, 50]),
        ([A, B, C], [A, B, C], [B, C, N], [2, 3, 50]),
        ([A, B], [A, B, N], [A, B, N], [1, 2, 50]),
    ],
    ids=["inserted", "removed", "moved on", "moved on by theirs", "equally appended"],
)
def test_items_of_lists_are_found_by_content(
    store: LocalStore, legacy: bool, kind: Any, base: Any, ours: Any, theirs: Any, expected: Any
) -> None:
    trees = [{"ema": kind(each), "w": tensor(weight)} for each, weight in ((base, 1), (ours, 2), (theirs, 4))]
    if kind is deque:
        # A deque's pickle is one of a class that torch doesn't allow by itself, as with any other class.
        trees = [{**each, "ema": deque(each["ema"], maxlen=9)} for each in trees]
    found = loaded(store, merged(store, *trees, legacy=legacy))
    assert numbers(found) == {"ema": expected, "w": 3}
    assert type(found["ema"]) is kind


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ([A, B], [B], [TRAINED, B]),
        ([A], [A, B], [A, N]),
        ([A, B], [C, N, B, A], [TRAINED, C]),
    ],
    ids=["removed and changed", "both append", "all changed"],
)
def test_lists_that_cannot_be_aligned_are_in_conflict_and_taken_whole(
    store: LocalStore, base: Any, ours: Any, theirs: Any
) -> None:
    trees = [{"ema": each, "w": A} for each in (base, ours, theirs)]
    found = merged(store, *trees)
    assert found.manifest is None
    assert all(conflict.name.startswith("ema") for conflict in found.conflicts)
    for side, expected in ((0, ours), (1, theirs)):
        rules = MergeRules(fallback=(MergeRule(("ours", "theirs")[side]),))
        result = numbers(loaded(store, merged(store, *trees, rules=rules)))
        if base is not trees[0]["ema"] or (len(found.conflicts) == 1 and found.conflicts[0].name == "ema"):
            assert result["ema"] == numbers(expected)


def test_a_conflict_says_which_part_is_unclear(store: LocalStore) -> None:
    found = merged(store, {"ema": [A]}, {"ema": [A, B]}, {"ema": [A, N]})
    assert [each.name for each in found.conflicts] == ["ema"]
    assert "changed its length or order on both sides" in found.conflicts[0].reason


@pytest.mark.parametrize("kind", [dict, OrderedDict])
@pytest.mark.parametrize(
    "keys",
    [(("l", 0), ("l", 1), ("l", -1)), (0, "0", True), (None, "None", 1.5), ((), (0,), frozenset((1,)))],
    ids=["tuples", "types", "none", "mixed"],
)
def test_keys_have_a_type_and_a_value(store: LocalStore, kind: Any, keys: Any) -> None:
    first, second, new = keys
    ours = kind([(new, N), (first, A), (second, B)])
    found = merged(store, kind([(first, A), (second, B)]), ours, kind([(second, B), (first, TRAINED)]))
    assert numbers(loaded(store, found)) == {new: 50, first: 1.5, second: 2}


def test_names_that_collide_are_of_different_places(store: LocalStore) -> None:
    base = {"a/b": A, "a": {"b": B}}
    found = merged(store, base, {**base, "c": N}, {"a": {"b": B}, "a/b": TRAINED})
    assert numbers(loaded(store, found)) == {"a/b": 1.5, "a": {"b": 2}, "c": 50}


def test_places_that_only_seem_equal_across_sides(store: LocalStore) -> None:
    found = merged(store, {"w": A}, {"w": A, "a/b": B}, {"w": A, "a": {"b": N}})
    assert numbers(loaded(store, found)) == {"w": 1, "a/b": 2, "a": {"b": 50}}


def test_parameters_that_the_base_has_apart_are_not_renamed(store: LocalStore) -> None:
    base = {"a": [tensor(1), tensor(2)], "0": tensor(3), 1: tensor(4)}
    found = merged(store, base, {"a": base["a"]}, {"0": base["0"], "1": N})
    assert numbers(loaded(store, found)) == {"1": 50}


def test_keys_without_letters_say_nothing_of_a_wrapper(store: LocalStore) -> None:
    found = merged(store, {"a": {"0": A}}, {"0": B, 1: C}, {"a": {"0": A, "1": N}}, rules=OURS)
    assert numbers(loaded(store, found)) == {"0": 2, 1: 3, "a": {"1": 50}}


def optimizer(count: int, number: float) -> dict[str, Any]:
    """The state of an optimizer with a number of parameters of growing size."""
    return {
        "state": {i: {"exp_avg": tensor(number + i, i + 1)} for i in range(count)},
        "param_groups": [{"lr": 0.1, "params": list(range(count))}],
    }


def test_an_optimizer_whose_parameters_changed_their_numbers(store: LocalStore) -> None:
    trees = [{"o": optimizer(2, 1)}, {"o": optimizer(3, 10)}, {"o": optimizer(2, 20)}]
    found = merged(store, *trees)
    assert [each.name for each in found.conflicts] == ["o"]
    assert "the optimizer's parameters" in found.conflicts[0].reason
    assert numbers(loaded(store, merged(store, *trees, rules=OURS)))["o"]["state"][2] == {"exp_avg": 12}


def test_an_optimizer_with_the_same_parameters_is_averaged(store: LocalStore) -> None:
    found = merged(store, *({"o": optimizer(2, number)} for number in (1, 10, 20)))
    assert loaded(store, found)["o"]["state"][1]["exp_avg"].tolist() == [16, 16]


def test_a_set_has_an_item_more(store: LocalStore) -> None:
    trees = [{"s": {A, B}}, {"s": {A, B, N}}, {"s": {A, B}, "w": C}]
    result = loaded(store, merged(store, *trees, rules=OURS))
    assert (sorted(numbers(result["s"])), numbers(result["w"])) == ([1, 2, 50], 3)


def test_the_same_names_need_no_look_at_the_structure(store: LocalStore) -> None:
    found = merged(store, *({"encoder.0.weight": tensor(number)} for number in (1, 2, 4)))
    assert numbers(loaded(store, found)) == {"encoder.0.weight": 3}


FIRST, SECOND = ["a", "a/b", "0", 1, ("l", 0), "None", 1.5], ["b", "a#2", 0, "1", ("l", 1), None, "1.5"]
KEYS = [st.sampled_from(each) for each in (FIRST + SECOND, FIRST, SECOND)]


@st.composite
def versions(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """A tree and two changes of it; a tensor's elements are its identity, a power of two, and its version."""
    count = iter(range(900))

    def new() -> Any:
        return torch.tensor([2.0 ** next(count), 0.0], dtype=torch.float64)

    def added(version: float) -> Any:
        # A key that both sides add is one place.
        return draw(st.lists(KEYS[int(version)], unique=True, max_size=2))

    def tree(depth: int) -> Any:
        kind = draw(st.sampled_from(["tensor", "tensor", "dict", "list", "tuple"] if depth else ["dict"]))
        if kind == "tensor" or depth > 3:
            return new()
        if kind == "dict":
            return {key: tree(depth + 1) for key in draw(st.lists(KEYS[0], unique=True, max_size=4))}
        items = [tree(depth + 1) for _ in range(draw(st.integers(0, 4)))]
        return tuple(items) if kind == "tuple" else items

    def changed(value: Any, version: float) -> Any:
        if isinstance(value, torch.Tensor):
            trained = draw(st.booleans())
            return torch.tensor([value[0], version], dtype=torch.float64) if trained else value.clone()
        if isinstance(value, dict):
            items = [(key, changed(each, version)) for key, each in value.items() if draw(st.integers(0, 5))]
            items += [(key, new()) for key in added(version) if key not in value]
            return dict(draw(st.permutations(items)))
        # A list's items aren't trained if some are new or gone: content couldn't tell them apart.
        change = draw(st.sampled_from(["train", "insert", "remove"]))
        if change == "train":
            return type(value)(changed(each, version) for each in value)
        items = list(value)
        at = draw(st.integers(0, len(items)))
        items[at : at + (change == "remove")] = [new()] if change == "insert" else []
        return type(value)(items)

    base = tree(0)
    return base, changed(base, 1.0), changed(base, 2.0)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[float, tuple[Any, ...], float]]:
    """Identity, path without positions in lists, and version of each tensor."""
    if isinstance(value, torch.Tensor):
        return [(float(value[0]), path, float(value[1]))]
    if isinstance(value, dict):
        return [
            leaf for key, each in value.items() for leaf in leaves(each, (*path, (type(key).__name__, key)))
        ]
    return [leaf for each in value for leaf in leaves(each, (*path, "item"))]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(versions(), st.booleans())
def test_no_value_goes_to_a_place_that_no_side_gave_it(
    tmp_path_factory: pytest.TempPathFactory, trees: tuple[Any, Any, Any], settled: bool
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("objects"))
    found = merged(store, *trees, rules=OURS if settled else None)
    if found.manifest is None:
        assert found.conflicts
        assert not settled
        return
    result = leaves(loaded(store, found))
    base, *sides = [leaves(tree) for tree in trees]
    places = {(number, path) for side in sides for number, path, _ in side}
    assert {(number, path) for number, path, _ in result} <= places
    assert len({number for number, _, _ in result}) == len(result)
    kept = {number for number, _, _ in sides[0]} & {number for number, _, _ in sides[1]}
    assert settled or kept <= {number for number, _, _ in result}
    before = {number: version for number, _, version in base}
    for number, _, version in result:
        changes = {v for side in sides for n, _, v in side if n == number and v != before.get(n)}
        allowed = changes | ({sum(changes) / len(changes)} if changes else {before.get(number, 0.0)})
        assert version in allowed
