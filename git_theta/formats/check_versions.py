"""Check the versions of a file before they're merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from git_theta.formats.base import FileVersion, Format


def check_versions(plugin: Format, base: FileVersion | None, sides: Sequence[FileVersion]) -> None:
    """Check that a format finds the tensors of each version, so that a merge can rely on their places.

    Raises:
        FormatError: A version is damaged.
    """
    for version in (*sides, *((base,) if base else ())):
        plugin.locate(version.skeleton)
