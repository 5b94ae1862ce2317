"""Everything of a combined file but its parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tests.helpers.combining import combined, loaded, model_file, weights


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "np") as file:
        found: dict[str, str] = file.metadata()
        return found


def test_without_a_base_it_is_as_in_the_first_model(tmp_path: Path) -> None:
    first = model_file(tmp_path, "a", weights(1), format="pt", epoch="3")
    other = model_file(tmp_path, "b", weights(2), format="pt", epoch="7")
    assert metadata(combined(tmp_path, first, other)) == {"format": "pt", "epoch": "3"}
    assert metadata(combined(tmp_path, other, first)) == {"format": "pt", "epoch": "7"}


def test_with_a_base_changes_are_kept(tmp_path: Path) -> None:
    base = model_file(tmp_path, "o", weights(0), format="pt", note="old")
    first = model_file(tmp_path, "a", weights(1), format="pt", note="old")
    other = model_file(tmp_path, "b", weights(2), format="pt", note="new")
    assert metadata(combined(tmp_path, first, other, base=base)) == {"format": "pt", "note": "new"}


def test_other_dtypes_get_a_new_header(tmp_path: Path) -> None:
    first = model_file(tmp_path, "a", weights(1, "f2"), format="pt")
    other = model_file(tmp_path, "b", weights(2), format="pt")
    found = combined(tmp_path, first, other, dtype="F64")
    assert metadata(found) == {"format": "pt"}
    assert {value.dtype.str for value in loaded(found).values()} == {"<f8"}


def test_a_pytorch_file_keeps_its_objects(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for name, seed in (("a.pt", 1), ("b.pt", 2)):
        model = {key: torch.tensor(value) for key, value in weights(seed).items()}
        torch.save({"model": model, "epoch": seed, "tied": model["embed.weight"]}, tmp_path / name)
    found = torch.load(combined(tmp_path, tmp_path / "a.pt", tmp_path / "b.pt"), weights_only=True)
    assert found["epoch"] == 1
    exact = (torch.tensor(weights(1)["embed.weight"]).double() + torch.tensor(weights(2)["embed.weight"])) / 2
    assert torch.equal(found["tied"], exact.float())
    assert found["tied"].data_ptr() == found["model"]["embed.weight"].data_ptr()


def test_tensors_of_pytorch_files_become_safetensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for path, seed in zip(paths, (1, 2), strict=True):
        values = {key: torch.tensor(value) for key, value in weights(seed).items()}
        torch.save({**values, "epoch": seed, "tied": values["embed.weight"]}, path)
    found = loaded(combined(tmp_path, *paths, to_safetensors=True))
    assert found.keys() == {*weights(1), "tied"}
    np.testing.assert_array_equal(found["tied"], found["embed.weight"])
    exact = (weights(1)["embed.weight"].astype("f8") + weights(2)["embed.weight"]) / 2
    np.testing.assert_array_equal(found["tied"], exact.astype("f4"))
    assert metadata(tmp_path / "combined") == {"format": "pt"}
