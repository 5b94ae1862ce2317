"""Everything in an HDF5 file besides the values of tensors, by name: for merges."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Iterator, Sequence

from git_theta.formats.hdf5.attributes import attribute_key, attributes
from git_theta.formats.hdf5.datasets import read_dataset, tensors_of
from git_theta.formats.hdf5.datatypes import Datatype, read_dataspace
from git_theta.formats.hdf5.objects import DATASPACE, DATATYPE, FILL, FILTERS, LAYOUT, Message
from git_theta.formats.hdf5.shared import SharedObjects
from git_theta.formats.hdf5.storage import Contiguous, read_storage
from git_theta.formats.hdf5.superblock import read_superblock
from git_theta.formats.hdf5.tree import ATTRIBUTE_MARK, join, objects

#: Messages that say what a dataset is, as it would be in any file.
_DESCRIPTIONS = (DATASPACE, DATATYPE, FILL, FILTERS)


def hdf5_facts(data: memoryview, rest: Callable[[], bytes]) -> Iterator[tuple[str, Hashable]]:
    """Name and content of each object, attribute, and link, without values of tensors.

    Args:
        data: The file; bytes of tensors may be anything.
        rest: Gives the digest of all bytes that aren't tensors', for objects whose content isn't read.

    Raises:
        FormatError: The file is damaged.
    """
    yield from _attributes(data)
    superblock = read_superblock(data)
    shared = SharedObjects(superblock.metadata)
    known: dict[int, str] = {}
    for each in objects(superblock, shared, len(data)):
        if each.messages is None:
            yield each.path, ("tied", known[each.position])
            continue
        known[each.position] = each.path
        yield each.path, _object(shared, each.messages, rest)
        for name, target in each.links.items():
            yield join(each.path, name), ("link", target)


def _attributes(data: memoryview) -> Iterator[tuple[str, Hashable]]:
    superblock = read_superblock(data)
    shared = SharedObjects(superblock.metadata)
    for each in objects(superblock, shared, len(data)):
        for attribute in attributes(shared, each.messages or ()):
            yield join(each.path, ATTRIBUTE_MARK + attribute.name), attribute_key(shared, attribute)


def _object(shared: SharedObjects, messages: Sequence[Message], rest: Callable[[], bytes]) -> Hashable:
    by_kind = {message.kind: message for message in reversed(messages)}
    described = tuple((kind, bytes(by_kind[kind].body)) for kind in _DESCRIPTIONS if kind in by_kind)
    if LAYOUT not in by_kind:
        return "group" if not described else ("type", described)
    datatype, space = by_kind.get(DATATYPE), by_kind.get(DATASPACE)
    if not datatype or not space or space.shared:
        return ("unread", rest())
    if datatype.shared:
        # Its message only says where the datatype is in this file.
        named = (DATATYPE, repr(shared.datatype(datatype)).encode())
        described = (*(pair for pair in described if pair[0] != DATATYPE), named)
    dataset = read_dataset(shared, messages)
    tensors = tensors_of(shared, dataset) if dataset else []
    if tensors:
        return ("tensors", described, tuple((tensor.name, tensor.spec) for tensor in tensors))
    return ("values", described, _content(shared, by_kind[LAYOUT], space, shared.datatype(datatype), rest))


def _content(
    shared: SharedObjects,
    layout: Message,
    space: Message,
    datatype: Datatype,
    rest: Callable[[], bytes],
) -> Hashable:
    """The elements of a dataset that isn't a tensor."""
    dataspace = read_dataspace(shared.file, space.body)
    if dataspace is None:
        return ()
    shape = dataspace.shape
    storage = None if layout.shared else read_storage(shared.file, layout.body, len(shape))
    if not isinstance(storage, Contiguous) or (datatype.has_references and not datatype.reference):
        return ("unread", rest())
    count = math.prod(shape)
    elements = shared.file.peek(storage.position, count * datatype.nbytes)
    if datatype.reference:
        return tuple(bytes(shared.in_heap(elements)) for _ in range(count))
    return hashlib.sha256(elements.take(elements.left)).digest()
