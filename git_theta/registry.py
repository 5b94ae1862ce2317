"""Plugins by name: built-in ones first, then those that installed packages offer as entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from inspect import get_annotations, isfunction
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from git_theta.entry_points import Origin, installed_entry_points, origin_of
from git_theta.errors import PluginError, ThetaError
from git_theta.runtime.suggest import did_you_mean
from git_theta.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

T = TypeVar("T")

#: A redirection of stdout is one of the whole process. Threads that overlapped would leave it in place.
_REDIRECTION = RLock()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a plugin can be used.

    Attributes:
        state: `ok`; `shadowed` by a built-in plugin of the same name; `ambiguous`, because several packages
            offer the name; or `broken`.
        reason: What is wrong; empty for `ok`.
    """

    state: str = "ok"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state


@dataclass(frozen=True, slots=True)
class PluginOffer:
    """A plugin that a package offers, used or not.

    Attributes:
        kind: As `Registry.kind`.
        name: Name of the plugin.
        origin: The package.
        health: Whether the plugin can be used.
    """

    kind: str
    name: str
    origin: Origin
    health: Health


BUILTIN = Origin("git-theta", __version__, builtin=True)


class Registry(Generic[T]):
    """A lazily loaded family of plugins.

    Nothing is imported before it is asked for. The entry points of installed packages are scanned only for a
    name that isn't built in, because the scan takes longer than a whole `git status`.

    No name is ever taken over silently: a built-in plugin stays in use whatever packages offer, and a name
    that two packages offer can't be used. A plugin that fails to load is skipped when plugins are tried one
    after another, and is an error only where its name is needed.

    Args:
        kind: What a plugin is called in messages, for example `format`.
        group: The entry-point group of third-party plugins.
        protocol: The protocol class of the plugins.
        builtins: name → `module:attribute` of an object that is called without arguments.
    """

    def __init__(self, kind: str, group: str, protocol: type, builtins: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._protocol = protocol
        self._builtins = dict(builtins)
        self._loaded: dict[str, T] = {}
        self._failed: dict[str, PluginError] = {}

    def get(self, name: str) -> T:
        """The plugin of that name.

        Raises:
            PluginError: No installed package offers the plugin, several packages do, or loading it failed.
        """
        if name in self._failed:
            raise self._failed[name].with_traceback(None)
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except PluginError as error:
                self._failed[name] = error
                raise
        return self._loaded[name]

    def __iter__(self) -> Iterator[T]:
        """Every plugin that can be used; external ones are looked for only when reached."""
        for name in self._builtins:
            yield from self._usable(name)
        for name in self._external:
            if name not in self._builtins:
                yield from self._usable(name)

    def failures(self) -> tuple[PluginError, ...]:
        """Installed plugins that couldn't be loaded so far, such as those that iterating skipped."""
        return tuple(
            error for name, error in self._failed.items() if name in self._builtins or name in self._external
        )

    def is_builtin(self, name: str) -> bool:
        """Whether git-theta itself has a plugin of that name."""
        return name in self._builtins

    def is_offered(self, name: str) -> bool:
        """Whether git-theta or an installed package offers a plugin of that name, usable or not."""
        return name in self._builtins or name in self._external

    def origin(self, name: str) -> Origin:
        """The package that the plugin of that name is loaded from.

        Raises:
            PluginError: No installed package offers the plugin, or several do.
        """
        return BUILTIN if name in self._builtins else origin_of(self._entry_point(name))

    def health(self, name: str) -> Health:
        """Whether `get` gives the plugin of that name, and if not, why."""
        if name not in self._builtins and len(self._external.get(name, ())) > 1:
            return Health("ambiguous", f"offered by {_packages(self._external[name])}")
        try:
            self.get(name)
        except PluginError as error:
            return Health("broken", error.reason or error.message)
        return Health()

    def offers(self) -> Iterator[PluginOffer]:
        """Every plugin that git-theta and installed packages offer, also those that can't be used."""
        for name in self._builtins:
            yield PluginOffer(self.kind, name, BUILTIN, self.health(name))
        for name, points in self._external.items():
            shadowed = name in self._builtins
            health = Health("shadowed", f"git-theta has a built-in {name}") if shadowed else self.health(name)
            for point in points:
                yield PluginOffer(self.kind, name, origin_of(point), health)

    @contextmanager
    def guard(self, name: str, *passing: type[Exception]) -> Iterator[None]:
        """Turn what an external plugin raises while it's in use into a PluginError that names the plugin.

        Errors of git-theta, of the operating system and of the given types pass as they are. So does whatever
        a built-in plugin raises.

        Raises:
            PluginError: The plugin raised anything else.
        """
        try:
            yield
        except Exception as error:
            if name in self._builtins or isinstance(error, (ThetaError, OSError, MemoryError, *passing)):
                raise
            reason = f"{type(error).__name__}: {error}"
            raise self._unusable(name, self.origin(name), "fails", reason) from error

    @cached_property
    def _external(self) -> dict[str, tuple[EntryPoint, ...]]:
        """Entry points by name; usually one each."""
        return installed_entry_points(self.group)

    def _usable(self, name: str) -> Iterator[T]:
        try:
            plugin = self.get(name)
        except PluginError:
            return
        yield plugin

    def _load(self, name: str) -> T:
        if name in self._builtins:
            module, _, attribute = self._builtins[name].partition(":")
            return self._made(name, BUILTIN, lambda: getattr(import_module(module), attribute))
        point = self._entry_point(name)
        return self._made(name, origin_of(point), point.load)

    def _entry_point(self, name: str) -> EntryPoint:
        points = self._external.get(name, ())
        if not points:
            known = list(dict.fromkeys((*self._builtins, *self._external)))
            likely = did_you_mean(name, known)
            elsewhere = (
                f"upgrade git-theta, or install the package that offers {name!r} as one of {self.group}: "
                f"{sys.executable} -m pip install PACKAGE"
            )
            raise PluginError(
                f"there's no {self.kind} called {name!r}; known: {', '.join(known)}",
                f"{likely} Or else {elsewhere}" if likely else elsewhere,
            )
        if len(points) > 1:
            raise PluginError(
                f"the {self.kind} {name!r} is offered by several packages: {_packages(points)}",
                "uninstall all of them but one",
            )
        return points[0]

    def _made(self, name: str, origin: Origin, load: Callable[[], Callable[[], object]]) -> T:
        """Load a plugin and check its attributes; whatever a stranger's code raises becomes a PluginError."""
        try:
            with nullcontext() if origin.builtin else _stdout_to_stderr():
                plugin = load()()
                lacking = lacking_members(plugin, self._protocol)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise self._unusable(name, origin, "can't be used", reason) from error
        if lacking:
            raise self._unusable(name, origin, "can't be used", f"it has no {', '.join(lacking)}")
        own_name = getattr(plugin, "name", None)
        if "name" in protocol_members(self._protocol) and own_name != name:
            reason = f"its name is {own_name!r}, and its entry point's {name!r}"
            raise self._unusable(name, origin, "can't be used", reason)
        return cast("T", plugin)

    def _unusable(self, name: str, origin: Origin, verdict: str, reason: str) -> PluginError:
        return PluginError(
            f"the {self.kind} {name!r} of {origin} {verdict}: {reason}",
            f"upgrade, repair or uninstall {origin.distribution}; see: git theta plugins",
            reason,
        )


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keep what a stranger's code prints out of stdout, which Git and scripts read."""
    with _REDIRECTION, redirect_stdout(sys.stderr):
        yield


def protocol_members(protocol: type) -> tuple[str, ...]:
    """Names of the attributes and methods that a protocol class asks for."""
    names = (
        name
        for base in reversed(protocol.__mro__)
        if getattr(base, "_is_protocol", False)
        for name in (*get_annotations(base), *vars(base))
    )
    return tuple(dict.fromkeys(name for name in names if not name.startswith("_")))


def lacking_members(plugin: object, protocol: type) -> list[str]:
    """Members that a plugin lacks. A method that it inherits from the protocol itself is only a stub."""

    def is_stub(name: str) -> bool:
        declared = getattr(protocol, name, None)
        return isfunction(declared) and getattr(type(plugin), name, None) is declared

    return [name for name in protocol_members(protocol) if not hasattr(plugin, name) or is_stub(name)]


def _packages(points: Iterable[EntryPoint]) -> str:
    return " and ".join(str(origin_of(point)) for point in points)
