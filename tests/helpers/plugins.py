"""Packages that offer plugins, as `pip install` leaves them in a folder of `sys.path`."""

from __future__ import annotations

import importlib
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from git_theta import formats, strategies, updates
from git_theta.store import remote_factory
from tests.helpers.repo import Repo

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "examples" / "git-theta-example"

#: Functions that give a kind's registry, and keep it for as long as the process runs.
REGISTRIES = (formats.registry, updates.registry, strategies.registry, remote_factory.registry)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let this process find the packages of a folder, and no process that it starts."""
    modules = {*sys.modules}
    try:
        with patch.object(sys, "path", [str(folder), *sys.path]):
            importlib.invalidate_caches()
            _forget()
            yield
    finally:
        _forget()
        for name in {*sys.modules} - modules:
            if folder in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
                del sys.modules[name]


def visible_to_git(repo: Repo, folder: Path) -> Repo:
    """Let the processes that Git starts in a repository find the packages of a folder."""
    isolated = f"{shlex.quote(sys.executable)} -E -P"
    plain = f"env PYTHONPATH={shlex.quote(str(folder))} {shlex.quote(sys.executable)} -P"
    for line in repo.git("config", "--global", "--get-regexp", r"^(filter|merge|diff)\.theta\.").splitlines():
        key, _, command = line.partition(" ")
        repo.git("config", "--local", key, command.replace(isolated, plain))
    return repo


def install_example(folder: Path) -> None:
    """Install the package of `docs/examples` in a folder."""
    shutil.copytree(EXAMPLE / "src" / "git_theta_example", folder / "git_theta_example")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    points = {
        f"{group}:{name}": target
        for group, named in project["entry-points"].items()
        for name, target in named.items()
    }
    write_metadata(folder, project["name"], project["version"], points)


def _forget() -> None:
    for registry in REGISTRIES:
        registry.cache_clear()


def install(
    folder: Path, distribution: str, points: Mapping[str, str], code: str = "", version: str = "1.0"
) -> None:
    """Install a package whose only module is named as its distribution, with `_` for `-`.

    Args:
        folder: A folder of `sys.path`.
        distribution: Name of the package.
        points: `group:name` of each entry point → the attribute of the module.
        code: The module.
        version: Version of the package.
    """
    module = distribution.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(code)
    targets = {point: f"{module}:{attribute}" for point, attribute in points.items()}
    write_metadata(folder, distribution, version, targets)


def write_metadata(folder: Path, distribution: str, version: str, points: Mapping[str, str]) -> None:
    """Write the metadata of an installed package.

    Args:
        folder: A folder of `sys.path`.
        distribution: Name of the package.
        version: Version of the package.
        points: `group:name` of each entry point → `module:attribute`.
    """
    metadata = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = []
    for point, target in points.items():
        group, _, name = point.partition(":")
        lines += [f"[{group}]", f"{name} = {target}"]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
