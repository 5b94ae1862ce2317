"""Helpers for the tests of strategies: merging plain arrays, and arrays to merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from git_theta.strategies import registry
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray, from_array

Array = np.ndarray[Any, Any]

#: Numbers of which squares, and sums of a few, are exact in float64: laws can then hold to the last bit.
exact = st.integers(-1024, 1024).map(lambda number: number / 256)

#: Any numbers of fp32's, but none so small that their squares vanish.
floats = st.floats(-1e6, 1e6, width=32).map(lambda number: number if abs(number) > 1e-6 else 0.0)


def vectors(count: int, elements: st.SearchStrategy[float] = floats) -> st.SearchStrategy[list[Array]]:
    """Models of one shape, up to two dimensions."""
    shapes = arrays.array_shapes(min_dims=0, max_dims=2, max_side=6)
    return shapes.flatmap(
        lambda shape: st.lists(
            arrays.arrays(np.float64, shape, elements=elements), min_size=count, max_size=count
        )
    )


def expression(name: str, models: Sequence[Array], base: Array | None = None, **options: Any) -> LazyArray:
    """The result of a strategy before it's computed."""
    side_inputs = tuple(from_array(np.asarray(each, float)) for each in options.pop("side_inputs", ()))
    parameter = options.pop("parameter", "weight")
    strategy = registry().get(name)
    case = Case(
        parameter,
        tuple(from_array(np.asarray(model, float)) for model in models),
        None if base is None else from_array(np.asarray(base, float)),
        side_inputs,
    )
    return strategy.merge(case, replace(strategy.options(), **options))


def merge(name: str, models: Sequence[Array], base: Array | None = None, **options: Any) -> Array:
    """The result of a strategy; `side_inputs` and `parameter` are of the case, all others are its options."""
    return expression(name, models, base, **options).array()


def is_recipe(result: LazyArray, *known: Array) -> bool:
    """Whether a result is made of these arrays alone."""
    _, sources = result.program()
    return all(any(source._array is array for array in known) for source in sources)


def close(one: Array, other: Array, scale: float | None = None) -> bool:
    """Equal but for roundings of float64, of numbers as large as these or as `scale`."""
    largest = max(np.abs(one).max(initial=0), np.abs(other).max(initial=0), scale or 0)
    return bool(np.abs(one - other).max(initial=0) <= 1e-12 * largest)


def size(models: Sequence[Array]) -> float:
    """The largest absolute value."""
    return float(max(np.abs(model).max(initial=0) for model in models))


def at_angle(*angles: float) -> list[Array]:
    """Unit vectors in the plane, at angles in radians from the first axis."""
    return [np.array([np.cos(angle), np.sin(angle)]) for angle in angles]
