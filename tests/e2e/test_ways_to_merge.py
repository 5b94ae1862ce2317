"""One merge by all ways: a strategy means the same in each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

import git_theta
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.combining import NAMES, weights
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

NAME = "m.safetensors"

#: Whole numbers are in conflict by all of these.
STRATEGIES = {
    "linear": "weights=0.3,0.9",
    "ties": "density=0.4",
    "dare-linear": "density=0.5 seed=7",
    "slerp": "t=layers:0.1..0.8",
}


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository with `base`, and `side` beside `main`, which changed all parameters."""
    repo = Repo(tmp_path_factory.mktemp("ways") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "base")
    repo.theta("track", "*.safetensors")
    for branch, seed in (("base", 0), ("side", 1), ("main", 2)):
        if seed:
            repo.git("checkout", "-q", "-B", branch, "base")
        repo.write(NAME, safetensors_bytes({**weights(seed), "ids": np.arange(4) + seed}))
        repo.commit(branch)
    return repo


@pytest.mark.parametrize("strategy", mostly_slow(STRATEGIES, quick=["linear", "ties"]))
def test_a_strategy_gives_the_same_by_all_ways(fork: Repo, strategy: str) -> None:
    options = STRATEGIES[strategy].split()
    words = ["-s", strategy, *(word for option in options for word in ("--set", option))]
    kept = ["--rule", "ours parameters=ids"]
    found: dict[str, NDArray[Any] | Any] = {}

    fork.git("reset", "-q", "--hard", "main")
    fork.theta("merge", "--no-commit", *words, *kept, "side")
    found["merge"] = load(fork.read(NAME))

    fork.git("reset", "-q", "--hard", "main")
    fork.git("merge", "-q", "side", ok=False)
    fork.theta("resolve", NAME, *words, "--param", "*.weight", *kept)
    found["resolve"] = load(fork.read(NAME))

    fork.git("reset", "-q", "--hard", "main")
    fork.git("merge", "-q", "side", ok=False)
    typed = f"*.weight {strategy} {' '.join(options)}\nids ours\nwrite\n"
    fork.run_theta("merge-tool", stdin=typed.encode())
    found["merge-tool"] = load(fork.read(NAME))

    fork.git("reset", "-q", "--hard", "main")
    names = [f"{rev}:{NAME}" for rev in ("base", "main", "side")]
    out = ["--force", "-o", "combined"]
    fork.theta("combine", *words, *kept, *out, "--base", *names)
    found["combine"] = load(fork.read("combined"))

    rules = [f"{strategy} {' '.join(options)}", kept[1]]
    found["Python"] = git_theta.merge(fork.path / NAME, ["main", "side"], rules=rules)

    for way, values in found.items():
        assert values.keys() == {*NAMES, "ids"}, way
        for name in (*NAMES, "ids"):
            assert values[name].tobytes() == found["merge"][name].tobytes(), f"{name} by {way}"
    assert not (found["merge"][NAMES[0]] == weights(2)[NAMES[0]]).all()
