"""Values stored by a package's update, with the real Git: with the package, and without it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

EXAMPLE = Path(__file__).parents[2] / "docs/examples/git-theta-example/src/git_theta_example/scaled.py"

WEIGHTS = np.random.default_rng(0).standard_normal((60, 50)).astype("f4")
DECAYED = safetensors_bytes({"w": WEIGHTS * np.float32(0.99)})
OTHER = safetensors_bytes({"w": WEIGHTS})


@pytest.fixture
def package(tmp_path: Path) -> tuple[str, str]:
    """Options of git for a filter that finds a package with the update `scaled`."""
    folder = tmp_path / "packages"
    plugins.install(
        folder, "git-theta-scaled", {"git_theta.updates:scaled": "Scaled"}, EXAMPLE.read_text(), "0.1"
    )
    command = f"PYTHONPATH={shlex.quote(str(folder))} {shlex.quote(sys.executable)} -P -m git_theta"
    return ("-c", f"filter.theta.process={command} filter-process")


def test_a_checkout_without_the_package_names_it(repo: Repo, package: tuple[str, str]) -> None:
    repo.git("config", "theta.update", "auto,scaled")
    repo.write("model.safetensors", OTHER)
    repo.git(*package, "add", ".")
    repo.git("commit", "-qm", "base")
    repo.write("model.safetensors", DECAYED)
    repo.write("other.safetensors", OTHER)
    repo.git(*package, "add", ".")
    repo.git("commit", "-qm", "decay by 1 %")
    text = repo.git("cat-file", "-p", ":model.safetensors")
    assert "\nupdate-scaled git-theta-scaled 0.1\n" in text
    assert "update-" not in repo.git("cat-file", "-p", ":other.safetensors").partition("\n\n")[0]

    for name in ("model.safetensors", "other.safetensors"):
        (repo.path / name).unlink()
    output = repo.git("checkout", "--", ".", ok=False)
    assert "model.safetensors: needs the update 'scaled' of git-theta-scaled 0.1" in output
    assert "pip install git-theta-scaled" in output
    for command in (("fsck",), ("show", "--param", "w", "model.safetensors")):
        output = repo.theta(*command, ok=False)
        assert "parameter 'w' needs the update 'scaled' of git-theta-scaled 0.1" in output
        assert "pip install git-theta-scaled" in output

    repo.git(*package, "checkout", "--", ".")
    assert repo.read("model.safetensors") == DECAYED
    assert repo.read("other.safetensors") == OTHER
    assert repo.git(*package, "status", "--porcelain") == ""
