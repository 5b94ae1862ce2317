"""The case `deltas`: its pairs are what they say, and a measurement adds up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks import deltas, pairs, weights
from benchmarks.pairs import Pair
from git_theta.api import load


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.safetensors"
    weights.write(path, {"bias": (40,), "large": (100, 40), "small": (30, 20)})
    return path


def test_ten_rows_more(base: Path, tmp_path: Path) -> None:
    taller = tmp_path / "taller.safetensors"
    assert pairs.extend(base, taller) == 10 * 40 * 4
    old, new = load(base), load(taller)
    assert new["large"].shape == (110, 40)
    np.testing.assert_array_equal(new["large"][:100], old["large"])
    np.testing.assert_array_equal(new["small"], old["small"])
    np.testing.assert_array_equal(new["bias"], old["bias"])


def test_one_element_in_a_hundred(base: Path, tmp_path: Path) -> None:
    scattered = tmp_path / "scattered.safetensors"
    pairs.replace(base, scattered)
    old, new = load(base), load(scattered)
    assert {name: int((old[name] != new[name]).sum()) for name in old} == {"bias": 0, "large": 40, "small": 6}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_only_changed_parameters_count(base: Path, tmp_path: Path, elsewhere: bool) -> None:
    taller = tmp_path / "taller.safetensors"
    news = pairs.extend(base, taller)
    share = deltas.measure(Pair("taller", base, taller, elsewhere=elsewhere, raw_news=news), tmp_path)
    assert (share.parameters, share.raw) == (1, 110 * 40 * 4)
    assert 0 < share.stored <= share.dense < share.raw
    assert share.figure == share.stored / share.raw
    assert share.exact
    assert share.met is None
    assert share.to_json()["raw"] == share.raw
    assert f"{news:,} bytes" in "".join(deltas.notes([share]))


def test_scope_and_target(base: Path, tmp_path: Path) -> None:
    scattered = tmp_path / "scattered.safetensors"
    pairs.replace(base, scattered)
    share = deltas.measure(Pair("small", base, scattered, scope="small", at_most_dense=True), tmp_path)
    assert share.raw == 30 * 20 * 4
    assert share.limit == pytest.approx(share.dense / share.raw, rel=1e-3), "but for the header of a bundle"
    assert share.met
    assert not dataclasses.replace(share, exact=False).met
    assert not dataclasses.replace(share, limit=0.0).met


def test_nothing_to_measure(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no parameter changed"):
        deltas.measure(Pair("same", base, base), tmp_path)
