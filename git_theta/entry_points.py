"""Entry points of installed packages, and the package that each is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Built-in plugins don't need it, and Git waits for everything that is loaded.
    from importlib.metadata import Distribution, EntryPoint


@dataclass(frozen=True, slots=True)
class Origin:
    """The package that a plugin comes from.

    Attributes:
        distribution: Name of the installed package.
        version: Its version.
        builtin: Whether the package is git-theta itself.
    """

    distribution: str
    version: str
    builtin: bool = False

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".rstrip()


def installed_entry_points(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of a group by name, sorted; a name has several if several packages offer it.

    A package whose metadata can't be read has none.
    """
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in sorted(_scan(group), key=lambda point: (point.name, str(origin_of(point)))):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def origin_of(point: EntryPoint) -> Origin:
    """The package that an entry point is from."""
    try:
        assert point.dist is not None  # noqa: S101
        return Origin(point.dist.name, point.dist.version)
    except Exception:
        return Origin("a package without metadata", "")


def _scan(group: str) -> list[EntryPoint]:
    from importlib.metadata import distributions, entry_points

    try:
        return list(entry_points(group=group))
    except Exception:
        # The metadata of some package are malformed: packages are read one by one.
        found = [point for package in distributions() for point in _offered(package, group)]
        # A package that is found twice on Python's path counts once.
        return list({(point.name, point.value, str(origin_of(point))): point for point in found}.values())


def _offered(package: Distribution, group: str) -> list[EntryPoint]:
    try:
        return list(package.entry_points.select(group=group))
    except Exception:
        return []
