from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lineage.structure.divergence import contextual_difference, structural_difference
from git_theta.lineage.structure.match import match_modules
from git_theta.lineage.structure.module_tree import module_tree
from git_theta.model.manifest import Entry
from tests.helpers.module_names import bert, entries, renamed, tuned


def divergence(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> tuple[float, float]:
    """Structural and contextual divergence."""
    found = match_modules(module_tree(old.values()), module_tree(new.values()))
    return structural_difference(found).divergence, contextual_difference(found).divergence


def chain(count: int, seed: str = "") -> dict[str, Entry]:
    """Layers of different shapes, one after the other."""
    return entries({f"{i}.weight": (i + 1, 2) for i in range(count)}, seed)


def test_equal_models() -> None:
    assert divergence(bert(), bert()) == (0, 0)
    assert divergence({}, {}) == (0, 0)


def test_models_with_nothing_in_common() -> None:
    assert divergence(chain(3), entries({"x.weight": (7, 7)})) == (1, 1)
    assert divergence(chain(3), {}) == divergence({}, chain(3)) == (1, 1)


def test_other_values_are_no_other_structure() -> None:
    assert divergence(bert(), tuned(bert(), "")) == (0, 1)


def test_edges_of_a_changed_module_differ() -> None:
    """Five edges each: from the input, three between four modules, and to the output."""
    tuned_one = {**chain(4), "1.weight": chain(4, "other")["1.weight"]}
    assert divergence(chain(4), tuned_one) == (0, 4 / 10)
    # Of 4 modules, the last is missing: two edges are removed, one is added.
    assert divergence(chain(4), chain(3)) == (3 / 9, 3 / 9)


def test_names_alone_are_no_divergence() -> None:
    assert divergence(bert(), renamed(bert(), "bert.", "model.")) == (0, 0)


def test_order_is_structure() -> None:
    swapped = entries({"0.weight": (2, 2), "1.weight": (1, 2)})
    structural, contextual = divergence(chain(2), swapped)
    assert structural == contextual == 1


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_bounds_and_symmetry(one: set[int], other: set[int]) -> None:
    model = entries({f"{i}.weight": (i // 2 + 1, 2) for i in range(10)})
    first, second = ({f"{i}.weight": model[f"{i}.weight"] for i in kept} for kept in (one, other))
    found = divergence(first, second)
    assert found == pytest.approx(divergence(second, first))
    assert 0 <= found[0] <= found[1] <= 1
    assert (found[1] == 0) == (one == other)
