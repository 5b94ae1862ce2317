"""The sketches of all stored values of one dtype and shape, as a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        places: Indices of the values by digest, in the order in which they were stored.
        digests: The digests in this order.
        heads: uint32 [HEAD, number of values]: the beginnings of the sketches.
        whole: uint32 [number of values, number of samples]: the sketches; `None` if they're read one by one.
    """

    spec: TensorSpec
    places: Mapping[str, int]
    digests: Sequence[str]
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
        samples = sample_count(spec) if size <= _MAX_WHOLE else HEAD
        found = cache.beginnings(spec, samples)
        return cls._of(spec, list(found), _matrix(list(found.values()), samples))

    @classmethod
    def _of(cls, spec: TensorSpec, digests: Sequence[str], keys: Keys) -> SketchGroup:
        import numpy as np

        heads = np.ascontiguousarray(keys[:, :HEAD].T)
        whole = keys if keys.shape[1] == sample_count(spec) and len(keys) <= _MAX_WHOLE else None
        return cls(spec, {digest: at for at, digest in enumerate(digests)}, digests, heads, whole)

    def extended(self, sketches: Mapping[str, Keys]) -> SketchGroup:
        """The group with more sketches at its end, but for those of values that it has."""
        import numpy as np

        new = {digest: keys for digest, keys in sketches.items() if digest not in self.places}
        if not new:
            return self
        keys = self.heads.T if self.whole is None else self.whole
        added = np.stack(list(new.values()))[:, : keys.shape[1]]
        return self._of(self.spec, [*self.digests, *new], np.concatenate([keys, added]))

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
