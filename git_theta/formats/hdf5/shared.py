"""Parts of a file that several objects share: datatypes with a name, and heaps of texts of any length."""

from __future__ import annotations

from git_theta.errors import FormatError
from git_theta.formats.hdf5.datatypes import Datatype, read_datatype
from git_theta.formats.hdf5.heaps import GlobalHeap
from git_theta.formats.hdf5.metadata import Fields, Metadata
from git_theta.formats.hdf5.objects import DATASPACE, DATATYPE, Message, read_object

#: The kind of a message that is in another object, rather than in a heap of messages.
_IN_OBJECT = 2


class SharedObjects:
    """Reads each shared object once.

    Args:
        file: The file.

    Attributes:
        file: The file.
    """

    def __init__(self, file: Metadata) -> None:
        self.file = file
        self._named: dict[int, list[Message]] = {}
        self._heaps: dict[int, GlobalHeap] = {}

    def messages(self, position: int) -> list[Message]:
        """The messages of the object whose header is at a position.

        Raises:
            FormatError: The header is damaged, or was read before and isn't a datatype's.
        """
        if position in self._named:
            return self._named[position]
        found = read_object(self.file, position)
        kinds = {message.kind for message in found}
        if DATATYPE in kinds and DATASPACE not in kinds:
            self._named[position] = found
        return found

    def datatype(self, message: Message) -> Datatype:
        """The datatype that a message has, or names.

        Raises:
            FormatError: The message is damaged.
        """
        fields = self.file.fields(message.body)
        return self.named_datatype(fields) if message.shared else read_datatype(fields)

    def named_datatype(self, fields: Fields) -> Datatype:
        """The datatype that is an object of its own.

        Args:
            fields: The message that says where it is.

        Raises:
            FormatError: There's none.
        """
        version, kind = fields.number(1), fields.number(1)
        if version == 1:
            fields.take(6 + self.file.length_size)
        position = fields.address()
        if position is None or (version == 3 and kind != _IN_OBJECT):
            raise FormatError("a datatype is in a heap of messages")
        found = [each for each in self.messages(position) if each.kind == DATATYPE]
        if len(found) != 1 or found[0].shared:
            raise FormatError("a datatype isn't where it should be")
        return read_datatype(self.file.fields(found[0].body))

    def in_heap(self, reference: Fields) -> memoryview:
        """The bytes of any length that an element stands for.

        Args:
            reference: The element: number of the bytes (or of longer elements), heap, and number in the heap.

        Raises:
            FormatError: There are none.
        """
        length, position = reference.number(4), reference.address()
        number = reference.number(4)
        if not length or position is None or position == self.file.base:
            return memoryview(b"")
        if position not in self._heaps:
            self._heaps[position] = GlobalHeap(self.file, position)
        found = self._heaps[position].object(number)[:length]
        self.file.spend(len(found))
        return found
