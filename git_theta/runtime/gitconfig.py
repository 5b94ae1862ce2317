"""Git's configuration: a mapping for keys with one value, and all pairs for keys with several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class GitConfig(dict[str, str]):
    """Key → its last value.

    Attributes:
        pairs: All keys with all their values, in the order in which Git reads them.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)


def all_pairs(settings: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """All keys with all their values, in Git's order; an ordinary mapping has one value for each key."""
    return settings.pairs if isinstance(settings, GitConfig) else tuple(settings.items())


def all_values(settings: Mapping[str, str], key: str) -> list[str]:
    """All values of a key; an empty value drops the earlier ones, as in Git's lists."""
    found: list[str] = []
    for each, value in all_pairs(settings):
        if each == key:
            found = [*found, value] if value else []
    return found
