"""Allowed updates: the ones that a setting names, and the bases that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeGuard

from git_theta import updates
from git_theta.errors import PluginError, UsageError
from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.updates.base import Reshaping, Update, is_automatic, is_patching, is_reshaping
from git_theta.updates.dense import Dense

#: Called with the error of an update that can't be loaded, or that raised what it mustn't.
OnFailure = Callable[[PluginError], object]


def parse_update_names(text: str, unavailable: OnFailure | None = None) -> tuple[str, ...]:
    """The updates that a setting allows: `auto`, `dense`, or names with commas between; without `dense`.

    Args:
        text: The setting.
        unavailable: Called with the error for each update that isn't installed or can't be loaded; such an
            update is left out then. Without this, the first such error is raised.

    Raises:
        UsageError: A name is unknown, or belongs to an update that `git add` never chooses.
    """
    found: list[str] = []
    for name in filter(None, (word.strip() for word in text.split(","))):
        if name == "auto":
            found += updates.AUTO
            continue
        try:
            update = updates.registry().get(name)
        except PluginError as error:
            if unavailable is None:
                raise
            unavailable(error)
            continue
        if is_automatic(update) or is_reshaping(update) or name in updates.AUTO:
            found.append(name)
        elif name != Dense.name:
            raise UsageError(f"git add never chooses {name!r}", "see: git theta add --help")
    return tuple(dict.fromkeys(found))


def may_reshape(names: Iterable[str], spec: TensorSpec, base: TensorSpec) -> bool:
    """Whether some update makes a value of one dtype and shape of a base of another.

    A parameter's counterpart in an earlier version doesn't depend on the settings: the automatic updates are
    asked, too.
    """
    chosen = load_updates(dict.fromkeys((*updates.AUTO, *names)))
    return any(accepts_base(update, spec, base) or _patches(update, spec, base) for update in chosen)


def load_updates(names: Iterable[str]) -> Iterator[Update]:
    """The updates of these names.

    Raises:
        PluginError: An update isn't installed or can't be used.
    """
    return (updates.registry().get(name) for name in names)


def _patches(update: Update, spec: TensorSpec, base: TensorSpec) -> bool:
    """Whether an update makes bytes of those of a base of any size."""
    if not (is_bytes(spec) and is_bytes(base) and is_patching(update)):
        return False
    try:
        with updates.registry().guard(update.name):
            return update.accepts(spec, base)
    except PluginError:
        return False


def accepts_base(update: Update, spec: TensorSpec, base: TensorSpec) -> TypeGuard[Reshaping]:
    """Whether an update makes a value of `spec` of a base of another dtype or shape."""
    if not is_reshaping(update):
        return False
    try:
        with updates.registry().guard(update.name):
            return update.accepts(spec, base)
    except PluginError:
        return False
