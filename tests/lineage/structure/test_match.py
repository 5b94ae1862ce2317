from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.structure.match import StructureMatch, match_modules
from git_theta.lineage.structure.module_tree import ModuleTree, module_tree
from git_theta.model.manifest import Entry
from tests.helpers.module_names import bert, entries, renamed, tuned, with_value


def match(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> StructureMatch:
    return match_modules(module_tree(old.values()), module_tree(new.values()))


def names(tree: ModuleTree, indices: tuple[int, ...]) -> list[str]:
    return [tree.modules[at].name for at in indices]


def differences(found: StructureMatch) -> list[int]:
    """How many modules were added, removed, changed, moved and reshaped."""
    return [*map(len, (found.added, found.removed, found.changed, found.moved, found.reshaped))]


def moves(found: StructureMatch) -> dict[str, str]:
    return {found.old.modules[a].name: found.new.modules[b].name for a, b in found.moved.items()}


def test_a_model_matches_itself() -> None:
    found = match(bert(), bert())
    assert len(found.equal) == len(found.old.modules) == 3 * 8 + 5
    assert differences(found) == [0, 0, 0, 0, 0]


def test_added_and_removed_modules() -> None:
    two, three = bert(2), bert(3)
    found = match(two, three)
    assert len(found.added) == 8
    assert all(name.startswith("bert.encoder.layer.2.") for name in names(found.new, found.added))
    assert len(match(three, two).removed) == 8
    assert differences(match(two, three)) == [8, 0, 0, 0, 0]


def test_values_that_changed() -> None:
    found = match(bert(), tuned(bert(), "layer.1.attention.self"))
    assert sorted(names(found.new, found.changed)) == [
        f"bert.encoder.layer.1.attention.self.{part}" for part in ("key", "query", "value")
    ]
    assert len(found.pairs) == len(found.old.modules)


def test_a_module_of_another_shape() -> None:
    found = match(bert(classes=2), bert(classes=3))
    (pair,) = found.reshaped.items()
    assert found.old.modules[pair[0]].name == found.new.modules[pair[1]].name == "classifier"
    assert differences(found) == [0, 0, 0, 0, 1]


def test_a_layer_that_was_taken_out() -> None:
    rest = {name: each for name, each in bert().items() if ".layer.1." not in name}
    found = match(bert(), renamed(rest, ".layer.2.", ".layer.1."))
    assert all(name.startswith("bert.encoder.layer.1.") for name in names(found.old, found.removed))
    assert len(found.removed) == len(found.moved) == 8
    assert all(old.replace("layer.2", "layer.1") == new for old, new in moves(found).items())


def test_other_prefixes() -> None:
    found = match(bert(), tuned(renamed(bert(), "bert.", ""), "layer"))
    assert differences(found)[:2] == [0, 0]
    assert moves(found) == {
        name: name.removeprefix("bert.")
        for name in (each.name for each in found.old.modules)
        if name.startswith("bert.")
    }


def test_initial_values_are_no_moves() -> None:
    """Norms that are all ones say nothing about which of them is which."""
    ones = {f"{i}.norm.weight": with_value("ones", (8,)) for i in range(3)}
    old = {name: Entry(name, each.spec, each.digest, each.source) for name, each in ones.items()}
    new = {**old, "0.norm.weight": with_value("0.norm.weight", (8,)), "3.norm.weight": old["2.norm.weight"]}
    new = {name: Entry(name, each.spec, each.digest, each.source) for name, each in new.items()}
    found = match(old, new)
    assert not found.moved
    assert names(found.new, found.added) == ["3.norm"]
    assert names(found.new, found.changed) == ["0.norm"]


def test_wholly_other_names_match_in_the_order_of_layers() -> None:
    old = entries({"a.weight": (4, 8), "b.weight": (8, 4), "c.weight": (8, 4)})
    new = entries({"x.kernel_1.weight": (8, 4), "y.weight": (3,)}, "other")
    found = match(old, new)
    assert moves(found) == {"b": "x.kernel_1"}
    assert names(found.old, found.removed) == ["a", "c"]
    assert names(found.new, found.added) == ["y"]


@st.composite
def models(draw: st.DrawFn) -> dict[str, Entry]:
    """A model of some modules, whose names, shapes and values are often those of another one."""
    shapes = draw(
        st.dictionaries(
            st.text("ab.01", min_size=1, max_size=6).map(lambda name: f"{name}.weight"),
            st.tuples(st.integers(1, 2), st.integers(1, 2)),
            max_size=12,
        )
    )
    seeds = draw(st.lists(st.sampled_from("xy"), min_size=len(shapes), max_size=len(shapes)))
    values = {name: with_value(seed, shapes[name]) for name, seed in zip(shapes, seeds, strict=True)}
    return {name: Entry(name, each.spec, each.digest, each.source) for name, each in values.items()}


@given(models(), models())
def test_both_directions_have_one_match(old: dict[str, Entry], new: dict[str, Entry]) -> None:
    there, back = match(old, new), match(new, old)
    assert there.pairs == {b: a for a, b in back.pairs.items()}
    assert there.reshaped == {b: a for a, b in back.reshaped.items()}
    assert len(set(there.pairs.values())) == len(there.pairs)
    assert there.added == back.removed
