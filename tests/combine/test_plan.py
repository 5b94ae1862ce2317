"""Plans of combinations: parameters that match and that don't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import UsageError
from tests.helpers.combining import combined, loaded, model_file, weights


def test_rules_are_for_their_parameters_and_the_last_one_counts(tmp_path: Path) -> None:
    ours, theirs = weights(1), weights(2)
    paths = [model_file(tmp_path, name, value) for name, value in (("a", ours), ("b", theirs))]
    rules = ("linear weights=0.25,0.75", "theirs parameters=*.mlp.*", "ours parameters=layers.1.mlp.weight")
    found = loaded(combined(tmp_path, *paths, rules=rules))
    np.testing.assert_array_equal(found["layers.0.mlp.weight"], theirs["layers.0.mlp.weight"])
    np.testing.assert_array_equal(found["layers.1.mlp.weight"], ours["layers.1.mlp.weight"])
    exact = ours["embed.weight"].astype("f8") * 0.25 + theirs["embed.weight"].astype("f8") * 0.75
    np.testing.assert_array_equal(found["embed.weight"], exact.astype("f4"))


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    paths = [model_file(tmp_path, name, weights(1)) for name in "ab"]
    with pytest.raises(UsageError, match="there's no parameter") as caught:
        combined(tmp_path, *paths, rules=("average", "ours parameters=layer.0.*"))
    assert "layers.0.attn.weight" in caught.value.hint


def test_a_strategy_that_needs_a_base_says_so(tmp_path: Path) -> None:
    paths = [model_file(tmp_path, name, weights(1)) for name in "ab"]
    for strategy in ("ties", "base", "task-arithmetic"):
        with pytest.raises(UsageError, match=f"{strategy} needs the model"):
            combined(tmp_path, *paths, rules=(strategy,))


@pytest.mark.parametrize("kind", ["missing", "shape", "integers"])
def test_what_does_not_match_is_an_error_or_kept(tmp_path: Path, kind: str) -> None:
    ours, theirs = weights(1), weights(2)
    if kind == "missing":
        theirs["new"] = theirs.pop("embed.weight")
    elif kind == "shape":
        theirs["embed.weight"] = theirs["embed.weight"][:3]
    else:
        ours["embed.weight"], theirs["embed.weight"] = np.arange(3), np.arange(3) + 1
    paths = [model_file(tmp_path, name, value) for name, value in (("a", ours), ("b", theirs))]
    with pytest.raises(UsageError, match="can't be combined") as caught:
        combined(tmp_path, *paths)
    assert any("embed.weight" in line for line in caught.value.details)
    assert not (tmp_path / "combined").exists()
    found = loaded(combined(tmp_path, *paths, keep_unmatched=True))
    np.testing.assert_array_equal(found["embed.weight"], ours["embed.weight"])
    assert found.keys() == ours.keys() | theirs.keys()


def test_a_base_says_what_was_added_and_removed(tmp_path: Path) -> None:
    base, ours, theirs = weights(0), weights(1), weights(2)
    del theirs["embed.weight"], base["layers.0.mlp.weight"], ours["layers.0.mlp.weight"]
    ours["embed.weight"] = base["embed.weight"]
    paths = [model_file(tmp_path, name, value) for name, value in (("o", base), ("a", ours), ("b", theirs))]
    found = loaded(combined(tmp_path, *paths[1:], base=paths[0]))
    assert found.keys() == theirs.keys()
    np.testing.assert_array_equal(found["layers.0.mlp.weight"], theirs["layers.0.mlp.weight"])
