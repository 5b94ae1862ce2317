"""The sketches of all stored values of one dtype and shape, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sketch import HEAD, sample_count
from git_theta.store.sketch_cache import SketchCache

if TYPE_CHECKING:
    from git_theta.sketches.sketch import Keys

#: Of larger groups only the beginnings of sketches are kept in memory.
_MAX_WHOLE = 2048


@dataclass(frozen=True, eq=False, slots=True)
class SketchGroup:
    """Sketches of stored values of one type.

    Attributes:
        spec: Dtype and shape.
        digests: Digests of the values, sorted.
        heads: uint32 [HEAD, number of values]: the beginnings of the sketches.
        whole: uint32 [number of values, number of samples]: the sketches; `None` if they're read one by one.
    """

    spec: TensorSpec
    digests: tuple[str, ...]
    heads: Keys
    whole: Keys | None

    @classmethod
    def load(cls, cache: SketchCache, spec: TensorSpec, size: int) -> SketchGroup:
        """Read a group.

        Args:
            cache: Where the sketches are.
            spec: Dtype and shape.
            size: The approximate number of values.
        """
        import numpy as np

        samples = sample_count(spec) if size <= _MAX_WHOLE else HEAD
        found = cache.beginnings(spec, samples)
        keys = _matrix([keys for _, keys in found], samples)
        heads = np.ascontiguousarray(keys[:, :HEAD].T)
        return cls(spec, tuple(digest for digest, _ in found), heads, keys if size <= _MAX_WHOLE else None)

    def sketches(self, cache: SketchCache, indices: Sequence[int]) -> tuple[list[str], Keys]:
        """Digests and sketches of some values; those that were forgotten meanwhile are left out.

        Args:
            cache: As for `load`.
            indices: Indices into `digests`.
        """
        digests = [self.digests[at] for at in indices]
        if self.whole is not None:
            return digests, self.whole[indices]
        samples = sample_count(self.spec)
        found = cache.keys(self.spec, digests, samples)
        return list(found), _matrix(list(found.values()), samples)


def _matrix(rows: Sequence[bytes], samples: int) -> Keys:
    import numpy as np

    return np.frombuffer(b"".join(rows), "<u4").reshape(-1, samples).astype(np.uint32, copy=False)
