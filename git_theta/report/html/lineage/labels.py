"""Short names of models for a picture, as far as they're told apart by these."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from git_theta.report.text import printable

#: Characters of a label, and of a relation's name, at most.
MAX_LABEL, _MAX_RELATION = 26, 40


def short_names(paths: Iterable[str], elsewhere: Iterable[str] = ()) -> dict[str, str]:
    """Path → label: without a file's name that many models have, and without folders that all have.

    Args:
        paths: Paths of models of the repository.
        elsewhere: URIs of other models, whose labels are only cut.
    """
    paths = list(paths)
    names = Counter(path.rpartition("/")[2] for path in paths)
    folders = Counter(path.rpartition("/")[0] for path in paths)
    parts = {path: _telling(path, names, folders) for path in paths}
    common = _common(list(parts.values()))
    found = {path: "/".join(each[common:]) for path, each in parts.items()}
    found |= {uri: uri for uri in elsewhere}
    return {name: cut(printable(text), MAX_LABEL) for name, text in found.items()}


def relation_text(relation: str) -> str:
    """The name of a relation, cut if it's longer than any word of the field."""
    return cut(printable(relation), _MAX_RELATION)


def cut(text: str, cells: int) -> str:
    """Text in which the middle is left out if it's wider than a number of cells."""
    if width(text) <= cells:
        return text
    head, tail = text[: cells * 2 // 5], text[-(cells - cells * 2 // 5 - 1) :]
    while width(head) + width(tail) + 1 > cells:
        head, tail = (head[:-1], tail) if width(head) > width(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def width(text: str) -> int:
    """Cells that text takes in a font of fixed width."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _telling(path: str, names: Mapping[str, int], folders: Mapping[str, int]) -> list[str]:
    folder, _, name = path.rpartition("/")
    is_folders_own = folder and names[name] > 1 and folders[folder] == 1
    return (folder if is_folders_own else path).split("/")


def _common(parts: Sequence[Sequence[str]]) -> int:
    """The number of leading parts that all have, but for the last part of each."""
    if len(parts) < 2:
        return 0
    shortest = min(map(len, parts)) - 1
    return next(
        (place for place in range(shortest) if len({each[place] for each in parts}) > 1), max(0, shortest)
    )
