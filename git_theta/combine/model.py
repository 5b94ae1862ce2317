"""A model to combine: the manifest of a checkpoint, and the ways to read the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from git_theta.formats.base import FileVersion
from git_theta.merging.settings_versions import Settings
from git_theta.model.manifest import Entry, Manifest
from git_theta.updates.base import Pieces


@dataclass(frozen=True, slots=True)
class Model:
    """A model, from a file or from a repository.

    Attributes:
        name: Name for messages, as the user gave it.
        manifest: Its parameters. Their sources mean something to `read` only.
        version: Reads the checkpoint without the values of its parameters.
        read: Reads the value of a parameter, given an entry with its digest.
        prepare: Brings values here that will be read. Returns the bytes of memory that reading one takes
            beside the value itself.
        settings: Reads a file of settings beside the checkpoint, by its name; empty if there's none.
    """

    name: str
    manifest: Manifest
    version: Callable[[], FileVersion]
    read: Callable[[Entry], Pieces]
    prepare: Callable[[Iterable[Entry]], int] = field(default=lambda _entries: 0)
    settings: Callable[[str], Settings] = field(default=lambda _name: {})
