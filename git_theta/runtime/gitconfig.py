"""Git's configuration: a mapping for settings with one value, and lists for those with several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


class GitConfig(dict[str, str]):
    """The last value of each key.

    Attributes:
        pairs: Every key with every value, in the order in which Git reads them.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)


def all_pairs(settings: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Keys with values, in Git's order; each key once if the mapping is an ordinary one."""
    return settings.pairs if isinstance(settings, GitConfig) else tuple(settings.items())


def all_values(settings: Mapping[str, str], key: str) -> list[str]:
    """All values of a setting; an empty one drops those before it, as Git has it for lists."""
    found: list[str] = []
    for each, value in all_pairs(settings):
        if each == key:
            found = [*found, value] if value else []
    return found
