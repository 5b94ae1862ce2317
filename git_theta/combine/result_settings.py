"""Files of settings beside the file of a combination: `adapter_config.json`, with an adapter's ranks."""

from __future__ import annotations

from pathlib import Path

from git_theta.combine.combination import Combination
from git_theta.combine.files import read_settings
from git_theta.errors import ThetaError, UsageError
from git_theta.merging.settings_versions import settings_text
from git_theta.runtime.atomic_write import atomic_write


def new_settings(combination: Combination, output: Path, *, force: bool) -> dict[Path, bytes]:
    """The files to write, with their content; those that are there with these settings are left out.

    Args:
        combination: The combination.
        output: The file of the combination.
        force: Whether existing files with other settings are overwritten.

    Raises:
        UsageError: A file is there with other settings.
    """
    found = {}
    for name, settings in combination.settings.items():
        place = output.parent / name
        there = place.exists() or place.is_symlink()
        if there and not force and read_settings(place) != settings:
            raise UsageError(
                f"{place} is there already, with other settings than the result's",
                "write the result to a folder of its own, or overwrite both: --force",
            )
        if not there or force:
            found[place] = settings_text(settings)
    return found


def write_settings(files: dict[Path, bytes]) -> None:
    """Write files of settings.

    Raises:
        ThetaError: A file can't be written.
    """
    for place, text in files.items():
        try:
            atomic_write(place, text)
        except OSError as error:
            raise ThetaError(f"{place} can't be written: {error.strerror or error}") from error
