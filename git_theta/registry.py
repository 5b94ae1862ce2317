"""Plugins by name: built-in ones first, then those that installed packages offer as entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from git_theta.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """A lazily loaded family of plugins.

    Nothing is imported before it's asked for. The entry points of installed packages are scanned
    only for a name that isn't built in, because the scan costs more than a whole `git status`.

    Args:
        kind: What the plugins are called in messages, for example `format`.
        group: The entry-point group of third-party plugins.
        builtins: name → `module:attribute` of an object that is called without arguments.
    """

    def __init__(self, kind: str, group: str, builtins: Mapping[str, str]) -> None:
        self.kind = kind
        self._group = group
        self._builtins = dict(builtins)
        self._loaded: dict[str, T] = {}

    def get(self, name: str) -> T:
        """The plugin of that name.

        Raises:
            UsageError: No such plugin; the message lists those that there are.
        """
        if name not in self._loaded:
            if name in self._builtins:
                module, _, attribute = self._builtins[name].partition(":")
                self._loaded[name] = cast("T", getattr(import_module(module), attribute)())
            else:
                self._load_external(name)
        return self._loaded[name]

    def external_names(self) -> tuple[str, ...]:
        """Names that installed packages offer, sorted."""
        from importlib.metadata import entry_points

        return tuple(sorted(point.name for point in entry_points(group=self._group)))

    def __iter__(self) -> Iterator[T]:
        """Every plugin, built-in ones first; external ones are looked for only when reached."""
        for name in self._builtins:
            yield self.get(name)
        for name in self.external_names():
            if name not in self._builtins:
                yield self.get(name)

    def _load_external(self, name: str) -> None:
        from importlib.metadata import entry_points

        for point in entry_points(group=self._group, name=name):
            self._loaded[name] = point.load()()
            return
        known = ", ".join(dict.fromkeys((*self._builtins, *self.external_names())))
        raise UsageError(
            f"there's no {self.kind} called {name!r}; known: {known}",
            f"install the package that provides it, or upgrade git-theta (entry points: {self._group})",
        )
