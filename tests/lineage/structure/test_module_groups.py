from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.structure.match import match_modules
from git_theta.lineage.structure.module_groups import ModuleChange, module_groups
from git_theta.lineage.structure.module_tree import module_tree
from git_theta.model.manifest import Entry
from tests.helpers.module_names import bert, entries, renamed, tuned


def groups(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> dict[tuple[str, ...], tuple[str, int]]:
    """Names → kind, and number of modules."""
    found = module_groups(match_modules(module_tree(old.values()), module_tree(new.values())))
    return {group.names: (group.kind.value, len(group.modules)) for group in found}


def test_containers_are_told_as_one() -> None:
    assert groups(bert(2), bert(3)) == {("bert.encoder.layer.2.*",): ("added", 8)}
    assert groups(bert(3), bert(2)) == {("bert.encoder.layer.2.*",): ("removed", 8)}
    changed = tuned(bert(), "layer.1.", "pooler")
    assert groups(bert(), changed) == {
        ("bert.encoder.layer.1.*",): ("changed", 8),
        ("bert.pooler.dense",): ("changed", 1),
    }
    assert groups(bert(), tuned(bert(), "")) == {("*",): ("changed", 29)}


def test_moved_containers() -> None:
    assert groups(bert(), renamed(bert(), "bert.", "encoder.model.")) == {
        ("bert.*", "encoder.model.*"): ("moved", 28)
    }
    assert groups(bert(), renamed(bert(), "layer.1.att", "layer.7.att")) == {
        ("bert.encoder.layer.1.attention.*", "bert.encoder.layer.7.attention.*"): ("moved", 5)
    }
    bare = {name: each for name, each in bert().items() if name.startswith("bert.")}
    assert groups(bare, renamed(bare, "bert.", "")) == {("bert.*", "*"): ("moved", 28)}
    assert groups(renamed(bare, "bert.", ""), bare) == {("*", "bert.*"): ("moved", 28)}


def test_a_container_with_parameters_of_its_own() -> None:
    old = entries({"a.weight": (2, 2), "a.b.weight": (3, 3), "rest.weight": (4,)})
    assert groups(old, renamed(old, "a.", "x.")) == {("a.*", "x.*"): ("moved", 2)}
    assert groups(old, {"rest.weight": old["rest.weight"]}) == {("a.*",): ("removed", 2)}


def test_moved_modules_with_other_values() -> None:
    old = {name: each for name, each in bert().items() if name.startswith("bert.")}
    new = tuned(renamed(old, "bert.", ""), "layer.1.", "pooler")
    (group,) = module_groups(match_modules(module_tree(old.values()), module_tree(new.values())))
    assert group.kind is ModuleChange.MOVED
    assert (len(group.modules), group.changed_values) == (28, 9)


@given(*[st.dictionaries(st.text("ab.0", max_size=5), st.integers(1, 2), max_size=9)] * 2)
def test_every_change_is_in_one_group(one: dict[str, int], other: dict[str, int]) -> None:
    old, new = (
        entries({f"{name}.weight": (size, 2) for name, size in sizes.items()}) for sizes in (one, other)
    )
    match = match_modules(module_tree(old.values()), module_tree(new.values()))
    found = list(module_groups(match))
    told = {
        kind: [module for group in found if group.kind is kind for module in group.modules]
        for kind in ModuleChange
    }
    modules = match.new.modules
    moved = [modules[at] for at in match.moved.values()]
    assert sorted(told[ModuleChange.MOVED], key=str) == sorted(moved, key=str)
    assert told[ModuleChange.ADDED] == [modules[at] for at in match.added]
    assert told[ModuleChange.REMOVED] == [match.old.modules[at] for at in match.removed]
    assert told[ModuleChange.CHANGED] == [modules[at] for at in match.changed if modules[at] not in moved]
