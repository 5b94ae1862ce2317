"""Delta: the differences from a base, as steps between representable numbers."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, Sample, only
from git_theta.updates.chunks import chunks
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.residual import ResidualReader, ResidualWriter


class Delta:
    """A value that lies close to another one of the same dtype and shape."""

    name = "delta"

    def estimate(self, sample: Sample) -> float | None:
        """By coding the sample."""
        value, base = sample.part()
        size = sum(map(len, ResidualWriter(sample.spec, len(value)).frames(value, base)))
        return size / value.nbytes

    def encode(self, value: memoryview, spec: TensorSpec, base: Input) -> Payload:
        """Header, then the residual of each chunk given the base."""
        import numpy as np

        yield typed_header(self.name, spec)
        word = f"<u{spec.word_size}"
        writer = ResidualWriter(spec, min(CHUNK, len(value)) // spec.word_size)
        at = 0
        for chunk in chunks(base(len(value)), CHUNK, len(value)):
            words = np.frombuffer(value[at : at + len(chunk)], word)
            at += len(chunk)
            yield from writer.frames(words, np.frombuffer(chunk, word))

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks with the residuals applied."""
        import numpy as np

        base = only(inputs, self.name)
        spec, _, body = unpack_typed(self.name, payload, nbytes)
        reader = ResidualReader(body, spec)
        for chunk in chunks(base(nbytes), CHUNK, nbytes):
            yield reader.apply(np.frombuffer(chunk, f"<u{spec.word_size}")).data.cast("B")
        reader.end()
