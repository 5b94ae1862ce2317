"""toy: `TOY1` and a step, then records: size of the name, number of elements, name, float32 values."""

import struct
from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.model.tensor import TensorSpec

MAGIC = b"TOY1"
HEAD = struct.Struct("<4sI")
RECORD = struct.Struct("<HI")


class Toy:
    """Float32 vectors, one after another, and the training step."""

    name = "toy"

    def matches(self, data: memoryview) -> bool:
        return len(data) >= HEAD.size and data[:4] == MAGIC

    def locate(self, data: memoryview) -> Located:
        tensors, offset = [], HEAD.size
        try:
            while offset < len(data):
                length, count = RECORD.unpack_from(data, offset)
                offset += RECORD.size + length
                name = str(data[offset - length : offset], "utf-8")
                tensors.append(Tensor(name, TensorSpec("F32", (count,)), offset))
                offset += 4 * count
        except (struct.error, UnicodeDecodeError) as error:
            raise FormatError(f"the record before byte {offset} can't be read: {error}") from error
        return Located(tuple(tensors))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        yield "step", str(HEAD.unpack_from(data)[1])
