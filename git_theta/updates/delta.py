"""Delta: the element-wise differences from a base, counted in representable numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_theta.codecs.frames import CHUNK
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, Input, Payload, Pieces, Sample, single_input
from git_theta.updates.demand import Demand, ReadPayload, streaming
from git_theta.updates.payload import typed_header, unpack_typed
from git_theta.updates.residual import ResidualReader, ResidualWriter


class Delta:
    """A value that lies close to another one of the same dtype and shape."""

    name = "delta"

    def estimate(self, sample: Sample) -> float:
        """The share of the sample when encoded on trial."""
        value, base = sample.part()
        size = sum(map(len, ResidualWriter(sample.spec, len(value)).frames(value, base)))
        return size / value.nbytes

    def encode(self, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
        """Header, then the residual of each chunk given the base."""
        import numpy as np

        yield typed_header(self.name, spec)
        word = f"<u{spec.word_size}"
        writer = ResidualWriter(spec, min(CHUNK, len(value)) // spec.word_size)
        start = 0
        for chunk in base.chunks(CHUNK):
            words = np.frombuffer(value[start : start + len(chunk)], word)
            start += len(chunk)
            yield from writer.frames(words, np.frombuffer(chunk, word))

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """Chunks of the base, and of the residual with its order."""
        return streaming(inputs, nbytes, work=6, memory=8 << 20)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The base's chunks with the residuals applied."""
        import numpy as np

        spec, _, body = unpack_typed(self.name, payload, nbytes)
        base = Base(spec, single_input(inputs, self.name))
        reader = ResidualReader(body, spec)
        for chunk in base.chunks(CHUNK):
            yield reader.apply(np.frombuffer(chunk, f"<u{spec.word_size}")).data.cast("B")
        reader.end()

    def decode_chunks(
        self, payload: memoryview | None, base: Iterator[bytes], nbytes: int, places: Sequence[int]
    ) -> Iterator[bytes]:
        """Some chunks of the value; residuals of the others aren't decoded.

        Args:
            payload: As for `decode`.
            base: The chunks of the base at these places.
            nbytes: As for `decode`.
            places: Indices of the chunks, each of `CHUNK` bytes; ascending.

        Raises:
            CorruptError: The payload can't give a value of `nbytes` bytes.
        """
        import numpy as np

        spec, _, body = unpack_typed(self.name, payload, nbytes)
        reader, word, at = ResidualReader(body, spec), spec.word_size, 0
        for place, chunk in zip(places, base, strict=True):
            for _ in range(at, place):
                reader.skip(CHUNK // word)
            at = place + 1
            yield reader.apply(np.frombuffer(chunk, f"<u{word}")).tobytes()
