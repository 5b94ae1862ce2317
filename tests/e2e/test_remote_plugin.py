"""Objects in a place that a package of plugins knows, with the real Git: the example package's remote."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import plugins
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

EXAMPLE = Path(__file__).parents[2] / "docs/examples/git-theta-example/src/git_theta_example/flat.py"

NAME = "m.safetensors"


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Path]:
    """A folder of `sys.path` with a package that offers the scheme `flat`."""
    folder = tmp_path / "packages"
    plugins.install(folder, "flat-remote", {"git_theta.remotes:flat": "Flat"}, EXAMPLE.read_text())
    with plugins.importable(folder):
        yield folder


def test_push_and_clone(repo: Repo, packages: Path, tmp_path: Path) -> None:
    bare, place = tmp_path / "bare.git", tmp_path / "place"
    place.mkdir()
    setting = f"theta.remote.origin.url=flat://{place}"
    repo.git("init", "-q", "--bare", str(bare))
    repo.git("remote", "add", "origin", str(bare))
    repo.git("config", *setting.split("="))
    data = safetensors_bytes({"w": np.random.default_rng(0).standard_normal((50, 60)).astype("f4")})
    repo.write(NAME, data)
    repo.commit("one")
    hook = tmp_path / "hooks" / "pre-push"
    hook.parent.mkdir()
    python = f"PYTHONPATH={shlex.quote(str(packages))} exec {shlex.quote(sys.executable)}"
    hook.write_text(f'#!/bin/sh\n{python} -m git_theta hook pre-push "$@"\n')
    hook.chmod(0o755)
    # The hook in Git's settings, which newer versions run, doesn't see the package.
    options = ("-c", f"core.hooksPath={hook.parent}", "-c", "hook.theta.enabled=false")
    assert "sent 1 object" in repo.git(*options, "push", "origin", "main")
    assert {path.name for path in place.iterdir()} == {path.name for path in repo.objects}

    Repo(tmp_path).git("clone", "-q", "-c", setting, str(bare), "clone", env={"GIT_THETA_SKIP_SMUDGE": "1"})
    clone = Repo(tmp_path / "clone")
    assert "fetched 1 object" in clone.theta("fetch")
    clone.theta("checkout")
    assert clone.read(NAME) == data
    assert clone.status() == ""


def test_without_the_package_the_scheme_is_named(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "https://host/a.git")
    repo.git("config", "theta.remote.origin.url", "flat:///place")
    repo.write(NAME, safetensors_bytes({"w": np.ones((50, 60), "f4")}))
    repo.commit("one")
    output = repo.theta("push", "origin", ok=False)
    assert "flat:///place can't be opened: there's no remote called 'flat'" in output
    assert "git_theta.remotes" in output
