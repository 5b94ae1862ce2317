"""`git theta plugins` lists built-in plugins and those of packages, whatever state they're in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta import __version__
from tests.helpers import plugins
from tests.helpers.repo import Repo

GOOD = """
class Good:
    name = "good"
    def decode(self, payload, inputs, nbytes):
        yield b""
"""

BAD = """
import cuda_of_another_machine
"""


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Path]:
    """A package with an update and an imitation of a built-in one, and a package that can't be imported."""
    folder = tmp_path / "packages"
    points = {"git_theta.updates:good": "Good", "git_theta.formats:safetensors": "Good"}
    plugins.install(folder, "good-plugins", points, GOOD, "2.1")
    plugins.install(folder, "bad-plugins", {"git_theta.strategies:bad": "Bad"}, BAD)
    with plugins.importable(folder):
        yield folder


def test_built_in_plugins(repo: Repo) -> None:
    found = json.loads(repo.theta("plugins", "--json"))
    assert {row["kind"] for row in found} >= {"format", "update", "merge strategy", "remote"}
    assert {
        "kind": "update",
        "name": "low-rank",
        "distribution": "git-theta",
        "version": __version__,
        "builtin": True,
        "health": "ok",
        "reason": "",
    } in found


def test_plugins_of_packages(repo: Repo, packages: Path) -> None:
    found = json.loads(repo.theta("plugins", "--external", "--json"))
    assert [
        (row["kind"], row["name"], row["distribution"], row["version"], row["health"]) for row in found
    ] == [
        ("format", "safetensors", "good-plugins", "2.1", "shadowed"),
        ("update", "good", "good-plugins", "2.1", "ok"),
        ("merge strategy", "bad", "bad-plugins", "1.0", "broken"),
    ]
    assert found[2]["reason"] == "ModuleNotFoundError: No module named 'cuda_of_another_machine'"


def test_a_table(repo: Repo, packages: Path) -> None:
    lines = repo.theta("plugins").splitlines()
    assert lines[0].split() == ["kind", "name", "package", "version", "health"]
    rows = [line.split(maxsplit=4) for line in lines]
    assert ["format", "safetensors", "git-theta", __version__, "ok"] in rows
    assert ["update", "good", "good-plugins", "2.1", "ok"] in rows
    assert any("broken: ModuleNotFoundError: No module named 'cuda_of_another" in line for line in lines)


def test_no_plugins_of_packages(repo: Repo) -> None:
    assert repo.theta("plugins", "--external") == "No installed package offers plugins.\n"


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert "safetensors" in Repo(tmp_path).theta("plugins")
