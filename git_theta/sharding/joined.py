"""The manifests of a model's files as one, and which file has each parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from git_theta.errors import UsageError
from git_theta.formats.split import STRETCH
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.sharding.numbered import shard_number
from git_theta.sharding.parts import ModelParts, single_file

#: The update that stands for the layouts of all shards; nothing is ever decoded by it.
_JOINED = "joined"


@dataclass(frozen=True)
class ModelVersion:
    """A version of a model.

    Attributes:
        parts: Its files.
        manifests: The manifest of each file, in their order.
    """

    parts: ModelParts
    manifests: tuple[Manifest, ...]

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the model as one; with several shards, it describes no file that can be written.

        Raises:
            UsageError: The shards aren't of one model: they have different formats, or one parameter twice.
        """
        if len(self.manifests) == 1:
            return self.manifests[0]
        _check_formats(self)
        entries = sorted(self.homes.values(), key=lambda home: sort_key(home.entry.name))
        layouts = [manifest.layout for manifest in self.manifests]
        identity = digest("".join(layout.digest for layout in layouts).encode())
        spec = TensorSpec("U8", (sum(layout.spec.nbytes for layout in layouts),))
        source = Source(_JOINED, None, tuple(layout.source for layout in layouts))
        size = sum(manifest.size for manifest in self.manifests)
        first = self.manifests[0]
        joined = tuple(home.entry for home in entries)
        extra = {key: value for manifest in self.manifests for key, value in manifest.extra}
        layout = Entry("layout", spec, identity, source)
        return Manifest(first.format, size, layout, joined, tuple(sorted(extra.items())))

    @cached_property
    def homes(self) -> Mapping[str, ShardEntry]:
        """The file of each parameter, by the parameter's name in `manifest`.

        Raises:
            UsageError: Two shards have one parameter.
        """
        found: dict[str, ShardEntry] = {}
        for home in self._entries():
            name = home.entry.name
            if name in found:
                raise UsageError(
                    f"parameter {name!r} is in {found[name].file} and in {home.file}",
                    "they aren't shards of one model: name one of the files",
                )
            found[name] = home
        return found

    @property
    def places(self) -> dict[str, str]:
        """Name of the shard that has each parameter, by the parameter's name."""
        return {
            name: home.file.rpartition("/")[2]
            for name, home in self.homes.items()
            if not name.startswith(STRETCH)
        }

    def _entries(self) -> Iterator[ShardEntry]:
        several = len(self.manifests) > 1
        for number, (file, manifest) in enumerate(zip(self.parts.files, self.manifests, strict=True)):
            for entry in manifest.entries:
                # Stretches of bytes between parameters are numbered in each file anew.
                stretch = several and entry.name.startswith(STRETCH)
                name = f"{STRETCH}{number}/{entry.name.removeprefix(STRETCH)}" if stretch else entry.name
                yield ShardEntry(file, entry if name == entry.name else replace(entry, name=name), entry.name)


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A parameter of a model, and its file.

    Attributes:
        file: Path of the file.
        entry: The parameter, by its name in the model.
        own_name: Its name in the file.
    """

    file: str
    entry: Entry
    own_name: str


def version_of(path: str, manifest: Manifest) -> ModelVersion:
    """The version of a model that is one file."""
    return ModelVersion(single_file(path), (manifest,))


def shard_label(file: str) -> str:
    """A short name of a shard: its number, or else the file's name."""
    name = file.rpartition("/")[2]
    number = shard_number(name)
    return str(number.number) if number else name


def _check_formats(version: ModelVersion) -> None:
    formats: dict[str, str] = {}
    for file, manifest in zip(version.parts.files, version.manifests, strict=True):
        formats.setdefault(manifest.format, file)
    if len(formats) > 1:
        listed: Sequence[str] = [f"{file} is {name}" for name, file in formats.items()]
        raise UsageError(
            f"the shards of {version.parts.name} have different formats: {', '.join(listed)}",
            "they aren't shards of one model: name one of the files",
        )
