"""Files that are stored as they are, whatever the patterns of tracked files say."""

from __future__ import annotations


def is_plain_file(path: str) -> bool:
    """Whether Git or git-theta itself reads a file, such as `.gitattributes` or `.theta/config.toml`.

    In a new clone, Git reads these before any filter runs, and wouldn't understand a manifest.

    Args:
        path: The path from the top of the work tree.
    """
    return path.startswith(".theta/") or path.rpartition("/")[2].startswith(".git")
