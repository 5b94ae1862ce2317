"""Colours of the grids of modules and layers."""

from __future__ import annotations

from dataclasses import replace

from git_theta.report.html.heat_map import heat_map
from tests.helpers.changes import compared, tuned
from tests.helpers.manifests import A, B, C, entry, manifest


def test_layers_are_columns() -> None:
    found = heat_map(tuned(12))
    assert found
    stack, others = found.grids
    assert stack.stack == "encoder.layer"
    assert stack.columns == tuple(map(str, range(12)))
    assert [row.shared + row.name for row in stack.rows] == ["key.weight", "value.weight"]
    levels = [int(cell.style.removeprefix("level")) for cell in stack.rows[0].cells]
    assert levels == sorted(levels)
    assert (levels[0], stack.rows[1].cells[-1].style) == (0, "level9")
    assert [(row.name, row.cells[0].style) for row in others.rows] == [("head.bias", "same")]


def test_too_many_layers_share_columns() -> None:
    found = heat_map(tuned(1000))
    assert found
    assert len(found.grids[0].columns) <= 96
    assert found.grids[0].columns[0] == "0-10"
    assert found.grids[0].columns[-1].endswith("999")


def test_a_number_that_never_varies_is_no_layer() -> None:
    names = [f"0.model.{i}.w" for i in range(3)]
    found = heat_map(
        compared(manifest(*map(entry, names)), manifest(*(entry(name, B) for name in names)), stored=False)
    )
    assert found
    (grid,) = found.grids
    assert (grid.stack, grid.columns) == ("0.model", ("0", "1", "2"))
    assert found.measure == "changed bytes, of all"


def test_many_experts_share_a_row() -> None:
    names = [f"layers.{i}.experts.{e}.up.weight" for i in range(3) for e in range(64)]
    new = [entry(name, B if ".5." in name else A) for name in names]
    found = heat_map(compared(manifest(*map(entry, names)), manifest(*new)))
    assert found
    (row,) = found.grids[0].rows
    assert row.name == "experts.*.up.weight"
    assert row.cells[0].hint.startswith("1 of 64 modified, 1.54 KB: ")


def test_a_change_without_a_magnitude_has_a_sign() -> None:
    old = manifest(entry("a"), entry("b", C), entry("z.0"), entry("z.1"))
    new = manifest(entry("c", C), entry("d", B), entry("z.0"), entry("z.1", B))
    found = heat_map(replace(compared(old, new), measured={"z.1": "object is missing"}))
    assert found
    signs = {row.name: row.cells[-1].text for grid in found.grids for row in grid.rows}
    assert signs == {"(value)": "•", "a": "\N{MINUS SIGN}", "c": "→", "d": "+"}
