"""Views of storages in PyTorch's files: columns of a matrix, and windows over a signal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.helpers.repo import Repo

torch: Any = pytest.importorskip("torch")


def saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def test_columns_of_a_matrix_of_many_rows_are_stored_once_and_merged(repo: Repo) -> None:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(70_000, 4, generator=generator)
    # As a tensor-parallel rank saves its half: the file has the other one, too.
    versions = [saved({"e": (matrix + index / 8)[:, :2]}) for index in range(3)]
    repo.write("m.pt", versions[0])
    repo.commit("base")
    stored = sum(
        path.stat().st_size for path in (repo.path / ".git/theta/objects").rglob("*") if path.is_file()
    )
    assert stored < len(versions[0])
    repo.git("switch", "-q", "-c", "side")
    repo.write("m.pt", versions[2])
    repo.commit("theirs")
    repo.git("switch", "-q", "main")
    repo.write("m.pt", versions[1])
    repo.commit("ours")
    repo.git("merge", "--no-edit", "side", ok=False)
    repo.theta("resolve", "m.pt", "-s", "ours")
    found = torch.load(io.BytesIO(repo.read("m.pt")))["e"]
    assert torch.allclose(found, matrix[:, :2] + 1.5 / 8)


def test_windows_over_a_signal_leave_the_weights_their_names(repo: Repo) -> None:
    signal = torch.arange(500.0)
    data = saved({"w": torch.ones(3), "frames": [signal[at : at + 400] for at in range(10)]})
    repo.write("m.pt", data)
    repo.commit()
    manifest = repo.git("show", ":m.pt")
    assert "format pytorch" in manifest
    assert "\nw F32 [3] " in manifest
    (repo.path / "m.pt").unlink()
    repo.git("checkout", "--", "m.pt")
    assert repo.read("m.pt") == data
