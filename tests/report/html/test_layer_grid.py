"""Parameters in grids of modules and layers."""

from __future__ import annotations

import pytest

from git_theta.report.html.layer_grid import GridParameter, layer_grids, shared_parts


def grids(*names: str) -> list[tuple[str, tuple[str, ...], list[str]]]:
    found = layer_grids([GridParameter(name, 4, None) for name in names])
    return [(grid.stack, grid.columns, list(grid.rows)) for grid in found]


def test_layers_are_columns_and_the_rest_of_the_name_is_a_row() -> None:
    assert grids("h.0.q", "h.0.k", "h.1.q", "bias") == [("h.", ("0", "1"), ["k", "q"]), ("", ("",), ["bias"])]


def test_a_cell_may_be_empty() -> None:
    (grid,) = layer_grids([GridParameter(name, 4, None) for name in ("h.0.q", "h.1.k")])
    assert {name: list(row) for name, row in grid.rows.items()} == {"q": [0], "k": [1]}


def test_each_stack_has_a_grid() -> None:
    assert [stack for stack, _, _ in grids("b.0.w", "b.1.w", "a.0.w", "a.1.w")] == ["a.", "b."]


def test_the_first_number_that_varies_is_the_layer() -> None:
    assert grids("m.0.h.0.w", "m.0.h.1.w") == [("m.0.h.", ("0", "1"), ["w"])]


def test_numbers_may_end_a_name() -> None:
    assert grids("w.0", "w.1") == [("w.", ("0", "1"), ["(value)"])]


def test_names_of_very_many_numbers_are_read_once() -> None:
    many = "/".join(["0"] * 100_000)
    assert grids(f"{many}/1/w", f"{many}/2/w") == [(f"{many}/", ("1", "2"), ["w"])]


def test_no_parameters_make_no_grid() -> None:
    assert grids() == []


@pytest.mark.parametrize(
    ("before", "name", "shared"),
    [
        ("attention.query.weight", "attention.query.bias", "attention.query."),
        ("attention.query", "attention.query", "attention."),
        ("attention", "attention.bias", ""),
        ("", "bias", ""),
        ("a/b.c", "a/b/c", "a/"),
    ],
)
def test_parts_that_the_row_above_has_too(before: str, name: str, shared: str) -> None:
    assert shared_parts(before, name) == shared
