"""Packages that offer plugins, as `pip install` leaves them in a folder of `sys.path`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from git_theta import formats, strategies, updates
from git_theta.store import remote_factory

#: Functions that give a kind's registry, and keep it for as long as the process runs.
REGISTRIES = (formats.registry, updates.registry, strategies.registry, remote_factory.registry)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let this process find the packages of a folder, and no process that it starts."""
    modules = {*sys.modules}
    with patch.object(sys, "path", [str(folder), *sys.path]):
        importlib.invalidate_caches()
        _forget()
        yield
    _forget()
    for name in {*sys.modules} - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == folder:
            del sys.modules[name]


def _forget() -> None:
    for registry in REGISTRIES:
        registry.cache_clear()


def install(
    folder: Path, distribution: str, points: Mapping[str, str], code: str = "", version: str = "1.0"
) -> None:
    """Write a package whose only module is named as its distribution, with `_` for `-`.

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
    metadata = folder / f"{module}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = []
    for key, attribute in points.items():
        group, _, name = key.partition(":")
        lines += [f"[{group}]", f"{name} = {module}:{attribute}"]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
