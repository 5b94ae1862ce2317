from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.updates.program import OPERATIONS, ROUNDED, Program
from git_theta.updates.program_machine import evaluate
from git_theta.updates.rounding import round_to, widen

SPECIAL = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 5e-324, 1e308]


def run(steps: list[tuple[Any, ...]], *inputs: NDArray[np.float64], block: int = 4) -> NDArray[np.float64]:
    streams = [iter([values[at : at + block] for at in range(0, len(values), block)]) for values in inputs]
    count = len(inputs[0]) if inputs else 10
    return np.concatenate([part.copy() for part in evaluate(Program(tuple(steps)), streams, count, block)])


def same(one: NDArray[np.float64], other: Any) -> bool:
    """Equal, zeros of one sign, NaNs in the same places."""
    other = np.asarray(other, np.float64)
    numbers = ~np.isnan(one)
    return bool((numbers == ~np.isnan(other)).all()) and (one[numbers].tobytes() == other[numbers].tobytes())


@pytest.fixture
def pairs() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = np.meshgrid(SPECIAL, SPECIAL)
    return one.ravel(), other.ravel()


@pytest.mark.parametrize(
    ("name", "function"), [("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide)]
)
def test_arithmetic(name: str, function: Any, pairs: Any) -> None:
    with np.errstate(all="ignore"):
        expected = function(*pairs)
    assert same(run([("input", 0), ("input", 1), (name, 0, 1)], *pairs), expected)


@pytest.mark.parametrize(("name", "first"), [("min", lambda a, b: a < b), ("max", lambda a, b: a > b)])
def test_the_lesser_and_the_greater_are_the_second_if_equal(name: str, first: Any, pairs: Any) -> None:
    expected = [a if np.isnan(a) or first(a, b) else b for a, b in zip(*pairs, strict=True)]
    got = run([("input", 0), ("input", 1), (name, 0, 1)], *pairs)
    assert same(got, expected)
    assert (np.isnan(got) == (np.isnan(pairs[0]) | np.isnan(pairs[1]))).all()


@pytest.mark.parametrize("dtype", ROUNDED)
def test_numbers_are_rounded_to_a_dtype(dtype: str) -> None:
    numbers = np.array([*SPECIAL, 1.001, 65504.4, 1e5, 3e38, 3.4e38, 1.00390625, 1.01171875])
    expected = widen(round_to(numbers, dtype), dtype)
    assert same(run([("input", 0), ("round", dtype, 0)], numbers), expected)
    one = widen(round_to(np.array([1.001]), dtype), dtype)
    assert same(run([("number", 1.001), ("round", dtype, 0)]), np.repeat(one, 10))


def test_functions_of_one_number() -> None:
    values = np.array(SPECIAL)
    expected = {
        "neg": [-0.0, 0.0, -1.0, 2.5, -np.inf, np.inf, np.nan, -5e-324, -1e308],
        "abs": [0.0, 0.0, 1.0, 2.5, np.inf, np.inf, np.nan, 5e-324, 1e308],
        "sign": [0.0, 0.0, 1.0, -1.0, 1.0, -1.0, np.nan, 1.0, 1.0],
        "sqrt": [0.0, -0.0, 1.0, np.nan, np.inf, np.nan, np.nan, np.sqrt(5e-324), 1e154],
    }
    for name, wanted in expected.items():
        assert same(run([("input", 0), (name, 0)], values), wanted), name


def test_masks_choose_and_no_comparison_with_a_nan_is_true(pairs: Any) -> None:
    a, b = pairs
    for name, mask in {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b}.items():
        steps: list[tuple[Any, ...]] = [("input", 0), ("input", 1), (name, 0, 1)]
        assert same(run([*steps, ("where", 2, 0, 1)], a, b), np.where(mask, a, b))
        assert same(run([*steps, ("not", 2), ("where", 3, 0, 1)], a, b), np.where(~mask, a, b))
    steps = [("input", 0), ("input", 1), ("lt", 0, 1), ("number", 0.0), ("gt", 0, 3)]
    assert same(run([*steps, ("and", 2, 4), ("where", 5, 0, 1)], a, b), np.where((a < b) & (a > 0), a, b))
    assert same(run([*steps, ("or", 2, 4), ("where", 5, 0, 1)], a, b), np.where((a < b) | (a > 0), a, b))


def test_places_go_on_from_block_to_block() -> None:
    assert run([("index",)]).tolist() == list(range(10))
    assert run([("number", 2.5)]).tolist() == [2.5] * 10
    assert same(run([("uniform", 7)], block=3), run([("uniform", 7)], block=10))


def splitmix64(state: int) -> int:
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
    return state ^ (state >> 31)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_random_numbers_are_those_of_the_format(seed: int) -> None:
    start = splitmix64(seed)
    expected = [splitmix64((start + (i + 1) * 0x9E3779B97F4A7C15) % 2**64) >> 11 for i in range(10)]
    assert run([("uniform", seed)]).tolist() == [value / 2**53 for value in expected]


def test_random_numbers_are_spread_evenly() -> None:
    program = Program((("uniform", 3),))
    numbers = next(evaluate(program, [], 1 << 16, 1 << 16))
    counts = np.histogram(numbers, 64, (0, 1))[0]
    assert abs(counts - 1024).max() < 200
    other = next(evaluate(Program((("uniform", 4),)), [], 1 << 16, 1 << 16))
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.02


def test_inputs_are_left_alone_and_buffers_are_not_mixed_up() -> None:
    values = np.arange(12.0)
    steps = [("input", 0), ("neg", 0), ("neg", 1), ("add", 0, 2), ("mul", 3, 1), ("sub", 4, 3), ("add", 5, 2)]
    expected = (values + values) * -values - (values + values) + values
    assert same(run(steps, values), expected)
    assert values.tolist() == list(range(12))


@st.composite
def programs(draw: st.DrawFn) -> list[list[Any]]:
    steps: list[list[Any]] = [["input", 0], ["number", draw(st.floats(allow_nan=False))], ["input", 1]]
    kinds = "nnn"
    for _ in range(draw(st.integers(0, 20))):
        name = draw(st.sampled_from([*OPERATIONS, "index", "uniform"]))
        takes, gives = OPERATIONS.get(name, ("", "n"))
        if any(kind not in kinds for kind in takes):
            continue
        step: list[Any] = [name]
        if name == "uniform":
            step.append(draw(st.integers(0, 2**64 - 1)))
        step.extend(
            draw(st.sampled_from([at for at, each in enumerate(kinds) if each == kind])) for kind in takes
        )
        steps.append(step)
        kinds += gives
    return [*steps, ["add", 0, 2]] if kinds[-1] == "m" else steps


@given(field=programs(), blocks=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_a_program_survives_and_gives_one_result_however_it_is_cut(
    field: list[list[Any]], blocks: tuple[int, int]
) -> None:
    program = Program.parse(msgpack.unpackb(msgpack.packb(field)))
    assert program.field() == field
    assert Program.parse(program.field()) == program
    values = np.random.default_rng(0).normal(size=(2, 31))
    one, other = (run(list(program.steps), *values, block=block) for block in blocks)
    assert same(one, other)
