"""TensorFlow Lite: finds the constant tensors, and lists what a model consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.formats.base import Located

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"TFL3"


class TfLite:
    """Models of TensorFlow Lite, which is LiteRT now, of version 3, up to 2 GiB and beyond: `.tflite`."""

    name = "tflite"

    def matches(self, data: memoryview) -> bool:
        """The magic bytes of the schema, after the offset of the model."""
        return len(data) >= 12 and data[4:8] == _MAGIC

    def locate(self, data: memoryview) -> Located:
        """Find the tensors that have a buffer with elements; buffers of metadata stay in the layout."""
        from git_theta.formats.flatbuffers import root_table
        from git_theta.formats.tflite.model import stored_tensors

        return Located(tuple(stored_tensors(root_table(data))))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """Version, description, graphs, metadata, and the quantisation of tensors."""
        from git_theta.formats.flatbuffers import root_table
        from git_theta.formats.tflite.texts import model_texts

        return model_texts(root_table(data))
