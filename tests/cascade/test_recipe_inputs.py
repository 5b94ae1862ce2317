"""Recipes of merges with new inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.cascade.recipe_inputs import with_new_inputs
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec


def dense(number: int) -> Source:
    return Source("dense", ObjectRef(f"{number:064x}"))


def entry(source: Source, digest: str) -> Entry:
    return Entry("w", TensorSpec("F32", (2,)), digest, source)


PROGRAM = ObjectRef("f" * 64)
ONE, TWO, OTHER = entry(dense(1), "1"), entry(dense(2), "2"), entry(dense(3), "3")


def recipe(*inputs: Source) -> Source:
    return Source("recipe", PROGRAM, inputs)


def test_the_input_that_changed_is_replaced() -> None:
    merged = entry(recipe(ONE.source, TWO.source), "m")
    assert with_new_inputs(merged, [(ONE, OTHER)]) == recipe(OTHER.source, TWO.source)
    assert with_new_inputs(merged, [(ONE, TWO), (TWO, OTHER)]) == recipe(TWO.source, OTHER.source)
    nested = entry(recipe(recipe(ONE.source), TWO.source), "m")
    assert with_new_inputs(nested, [(ONE, OTHER)]) == recipe(recipe(OTHER.source), TWO.source)


def test_a_parameter_that_was_taken_is_taken_again() -> None:
    assert with_new_inputs(entry(dense(9), "1"), [(ONE, OTHER)]) == OTHER.source


def test_a_parameter_whose_parents_are_unchanged_stays() -> None:
    merged = entry(dense(9), "m")
    assert with_new_inputs(merged, [(ONE, ONE), (TWO, replace(TWO, source=dense(8)))]) == dense(9)


@pytest.mark.parametrize("source", [dense(9), recipe(TWO.source), Source("delta", PROGRAM, (ONE.source,))])
def test_other_sources_say_nothing_about_the_merge(source: Source) -> None:
    """A delta on a parent is stored so because it's small: it isn't how the model was made."""
    with pytest.raises(ThetaError, match="isn't stored as a recipe"):
        with_new_inputs(entry(source, "m"), [(ONE, OTHER)])


def test_other_forms() -> None:
    wide = replace(OTHER, spec=TensorSpec("F32", (4,)))
    with pytest.raises(ThetaError, match="another dtype or shape"):
        with_new_inputs(entry(recipe(ONE.source), "m"), [(ONE, wide)])
