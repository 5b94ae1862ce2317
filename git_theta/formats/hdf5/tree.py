"""All objects of a file, by their paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.hdf5.attributes import attribute_texts, attributes
from git_theta.formats.hdf5.datasets import read_dataset, tensors_of
from git_theta.formats.hdf5.groups import links_of
from git_theta.formats.hdf5.heaps import MAX_NAME
from git_theta.formats.hdf5.objects import Message
from git_theta.formats.hdf5.shared import SharedObjects
from git_theta.formats.hdf5.superblock import Superblock
from git_theta.model.manifest_text import MAX_PARAMETERS

#: Characters of all names together, beside as many as the file has bytes.
_MAX_CHARACTERS = 1 << 20

#: Stands before the name of an attribute, after the path of its object.
ATTRIBUTE_MARK = "@"


class FoundObject(NamedTuple):
    """An object under one of its paths.

    Attributes:
        path: The path.
        position: Position of its header.
        messages: Its messages; `None` if it was met before, by another path.
        links: The links by path of a group.
    """

    path: str
    position: int
    messages: list[Message] | None
    links: Mapping[str, bytes]


def objects(superblock: Superblock, shared: SharedObjects, size: int) -> Iterator[FoundObject]:
    """All objects by all paths. The members of a group have the first path by which the group is found.

    Args:
        superblock: Where to begin.
        shared: Parts that several objects share.
        size: Bytes of the file.

    Raises:
        FormatError: A group is damaged, or names are too long.
    """
    pending = [("", superblock.root)]
    met: set[int] = set()
    left = size + _MAX_CHARACTERS
    while pending:
        path, position = pending.pop()
        if position in met:
            yield FoundObject(path, position, None, {})
            continue
        met.add(position)
        messages = shared.messages(position)
        links = links_of(superblock.metadata, messages)
        yield FoundObject(path, position, messages, links.paths)
        left -= sum(len(path) + len(name) + 1 for name in links.objects)
        if len(path) > MAX_NAME or left < 0:
            raise FormatError("the names of objects are too long")
        for name, child in sorted(links.objects.items(), reverse=True):
            pending.append((join(path, name), child))


def join(path: str, name: str) -> str:
    """The path of a member of a group."""
    return f"{path}/{name}" if path else name


def all_tensors(superblock: Superblock, size: int) -> list[Tensor]:
    """The tensors of a file; datasets under several names are tied.

    Args:
        superblock: Where to begin.
        size: Bytes of the file.

    Raises:
        FormatError: The file is damaged, or has more tensors than can be stored.
    """
    shared = SharedObjects(superblock.metadata)
    known: dict[int, list[Tensor]] = {}
    found: list[Tensor] = []
    for path, position, messages, _ in objects(superblock, shared, size):
        if messages is not None:
            dataset = read_dataset(shared, messages)
            if dataset is None:
                continue
            known[position] = tensors_of(shared, dataset)
        found += [replace(each, name=path + each.name) for each in known.get(position, ())]
        if len(found) > MAX_PARAMETERS:
            raise FormatError(f"it has more than {MAX_PARAMETERS:,} tensors")
    return found


def all_attributes(superblock: Superblock, size: int) -> Iterator[tuple[str, str]]:
    """The attributes of a file: path, `@` and name, and the value as a text.

    Args:
        superblock: Where to begin.
        size: Bytes of the file.

    Raises:
        FormatError: The file is damaged.
    """
    shared = SharedObjects(superblock.metadata)
    for each in objects(superblock, shared, size):
        for attribute in attributes(shared, each.messages or ()):
            for name, text in attribute_texts(shared, attribute):
                yield join(each.path, ATTRIBUTE_MARK + name), text
