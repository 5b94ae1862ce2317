"""Files of combinations: as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import CorruptError, UsageError
from tests.helpers.combining import combined, loaded, model_file, weights


def test_equal_models_give_the_file_bit_for_bit(tmp_path: Path) -> None:
    first = model_file(tmp_path, "a", weights(1), format="pt")
    second = model_file(tmp_path, "b", weights(1), format="pt")
    assert (
        combined(tmp_path, first, second, rules=("linear weights=0.3,0.9",)).read_bytes()
        == first.read_bytes()
    )


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    first, second = model_file(tmp_path, "a", weights(1)), model_file(tmp_path, "b", weights(2))
    before = combined(tmp_path, first, second).read_bytes()
    with pytest.raises(UsageError, match="weights"):
        combined(tmp_path, first, second, rules=("linear weights=1,2,3",))
    assert (tmp_path / "combined").read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b", "combined"]


def test_views_that_would_differ_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for name, seed in (("a.pt", 1), ("b.pt", 2)):
        whole = torch.tensor(weights(seed)["embed.weight"])
        torch.save({"whole": whole, "rows": whole[:2]}, tmp_path / name)
    paths = tmp_path / "a.pt", tmp_path / "b.pt"
    with pytest.raises(CorruptError, match="share"):
        combined(tmp_path, *paths, rules=("average", "ours parameters=rows"))
    found = torch.load(combined(tmp_path, *paths), weights_only=True)
    assert torch.equal(found["whole"][:2], found["rows"])


def test_gradients_follow_the_layers(tmp_path: Path) -> None:
    first, second = model_file(tmp_path, "a", weights(1)), model_file(tmp_path, "b", weights(2))
    found = loaded(combined(tmp_path, first, second, rules=("linear weights=layers:1..0,layers:0..1",)))
    np.testing.assert_array_equal(found["layers.0.mlp.weight"], weights(1)["layers.0.mlp.weight"])
    np.testing.assert_array_equal(found["layers.1.attn.weight"], weights(2)["layers.1.attn.weight"])
