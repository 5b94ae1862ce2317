"""Merges by the Python API, and the same merges by commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

import git_theta
from git_theta.errors import UsageError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.combining import NAMES, model_file, weights
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

NAME = "models/m.safetensors"

STRATEGIES = {
    "average": {},
    "linear": {"weights": [0.3, 0.9]},
    "ties": {"density": 0.4, "normalize": False},
    "slerp": {"t": [0.1, 0.8]},
    "dare-ties": {"density": [0.4, 0.6], "seed": 3},
    "task-arithmetic": {"weights": [[1, 0.5], 0.25]},
    "theirs": {},
}


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository with `base`, and `side` beside `main`; one parameter was changed on one side only."""
    repo = Repo(tmp_path_factory.mktemp("api") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "base")
    repo.theta("install", "--local")
    repo.theta("track", "*.safetensors")
    for branch, seed in (("base", 0), ("side", 1), ("main", 2)):
        values = weights(seed)
        if branch == "main":
            values[NAMES[1]] = weights(0)[NAMES[1]]
        repo.git("checkout", "-q", "-B", branch, "base") if seed else None
        repo.write(NAME, safetensors_bytes(values))
        repo.commit(branch)
    return repo


def texts(value: object) -> str:
    if isinstance(value, list):
        return ",".join(
            f"layers:{each[0]}..{each[1]}" if isinstance(each, list) else str(each) for each in value
        )
    return str(value).lower()


@pytest.mark.parametrize("strategy", mostly_slow(STRATEGIES, quick=[*STRATEGIES][:3]))
def test_the_same_values_as_those_of_a_merge(fork: Repo, strategy: str) -> None:
    options = STRATEGIES[strategy]
    merged = git_theta.merge(fork.path / NAME, ["main", "side"], strategy=strategy, **options)
    words = []
    for key, value in options.items():
        words += ["--set", f"{key}={texts([value] if key == 't' else value)}"]
    fork.git("reset", "-q", "--hard", "main")
    fork.theta("merge", "--no-edit", "--no-ff", "-s", strategy, *words, "side")
    found = load(fork.read(NAME))
    fork.git("reset", "-q", "--hard", "HEAD~1")
    assert merged.keys() == found.keys()
    for name, value in found.items():
        assert merged[name].tobytes() == value.tobytes()


def test_a_conflict_that_resolve_settles_has_these_values_too(fork: Repo) -> None:
    fork.git("reset", "-q", "--hard", "main")
    fork.git("-c", "theta.merge=linear weights=1,2,3", "merge", "-q", "side", ok=False)
    fork.theta("resolve", NAME, "-s", "ties", "--set", "density=0.4", "--param", "*")
    found = load(fork.read(NAME))
    fork.git("reset", "-q", "--hard")
    merged = git_theta.merge(fork.path / NAME, ["main", "side"], strategy="ties", density=0.4)
    assert {name: value.tobytes() for name, value in merged.items()} == {
        name: value.tobytes() for name, value in found.items()
    }


def test_counters_are_the_largest_unless_a_strategy_is_for_all(tmp_path: Path) -> None:
    name = "bn.num_batches_tracked"
    paths = [model_file(tmp_path, f"{seed}", {**weights(seed), name: np.array(seed)}) for seed in (3, 7)]
    merged = git_theta.merge(paths)
    assert merged[name] == 7
    assert (
        merged[NAMES[0]].tobytes()
        == git_theta.merge(paths, rules=["average"], keep_unmatched=True)[NAMES[0]].tobytes()
    )
    for words in ({"strategy": "average"}, {"rules": ["slerp"]}):
        with pytest.raises(UsageError, match="can't be combined") as caught:
            git_theta.merge(paths, **words)
        assert "counter parameters=*num_batches_tracked" in caught.value.hint


def test_values_are_computed_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("oab"):
        model_file(tmp_path, name, weights(seed))
    merged = git_theta.merge(["a", "b"], base="o", strategy="task-arithmetic", params="layers.*")
    assert sorted(merged) == list(NAMES[1:])
    assert merged.specs()[NAMES[1]].shape == (6, 5)
    base, ours, theirs = (weights(seed)[NAMES[1]].astype("f8") for seed in range(3))
    expected = (base + ((ours - base) + (theirs - base))).astype("f4")
    np.testing.assert_array_equal(merged[NAMES[1]], expected)
    with pytest.raises(KeyError):
        merged[NAMES[0]]
    sweep = [git_theta.merge(["a", "b"], strategy="slerp", t=t)[NAMES[0]] for t in (0.0, 1.0)]
    np.testing.assert_array_equal(sweep[1], weights(2)[NAMES[0]])
    half = git_theta.merge(["a", "b"], rules=["theirs parameters=embed.*"], dtype="float16")
    np.testing.assert_array_equal(half["embed.weight"], weights(2)["embed.weight"].astype("f2"))


def test_wrong_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        model_file(tmp_path, name, weights(1))
    with pytest.raises(UsageError, match="which versions"):
        git_theta.merge("a")
    with pytest.raises(UsageError, match="at least two"):
        git_theta.merge(["a"])
    with pytest.raises(UsageError, match="one checkpoint"):
        git_theta.merge(["a", "b"], ["HEAD"])
    with pytest.raises(UsageError, match="density"):
        git_theta.merge(["a", "b"], strategy="average", density=1)
    with pytest.raises(UsageError, match="needs the model"):
        git_theta.merge(["a", "b"], strategy="ties")
    with pytest.raises(UsageError, match="no parameter"):
        git_theta.merge(["a", "b"], params=["none"])


def test_the_function_is_there_whatever_was_imported_before() -> None:
    check = "assert callable(git_theta.merge)"
    code = f"import git_theta.merging.rules, git_theta; {check}; import git_theta.merging.plan_file; {check}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
