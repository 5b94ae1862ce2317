"""Packages that offer plugins, as `pip install` leaves them in a folder of `sys.path`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


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
