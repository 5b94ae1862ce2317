"""Models as inference sees them: digests of all parameters, and samples of their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from git_theta.model.manifest import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Sampled elements of a parameter, at places that depend on the number of its elements alone.
    Samples = NDArray[np.float32]

#: Beginnings of names that wrappers and trainers put before all parameters of a model.
_PREFIX = re.compile(
    r"(?:(?:model|state_dict|module|network|params|ema|model_state_dict)/|(?:module|_orig_mod|_forward_module)\.)+"
)

#: Beginnings of the names of a base model inside one with a head.
_INNER = re.compile(r"(?:model|transformer|bert|roberta|distilbert|encoder_model|base_model\.model)\.")


@dataclass(frozen=True)
class SampledModel:
    """A model, with samples of its values.

    Attributes:
        name: Its path.
        model: The digest of its parameters.
        entries: Name → entry of each parameter.
        samples: Digest of a value → its samples, of those that are known.
        first_seen: The number of the first commit that has the model, in order of time; `None` if unknown.
        decoded: Digests of codes whose samples are the numbers that they stand for.
    """

    name: str
    model: str
    entries: Mapping[str, Entry]
    samples: Mapping[str, Samples]
    first_seen: int | None = None
    decoded: frozenset[str] = frozenset()

    @cached_property
    def columns(self) -> Mapping[tuple[str, tuple[int, ...]], Entry]:
        """Name without prefixes, and shape → entry: parameters that may correspond in other models."""
        found: dict[tuple[str, tuple[int, ...]], Entry] = {}
        for name, entry in self.entries.items():
            found.setdefault((plain_name(name), entry.spec.shape), entry)
        return found

    @cached_property
    def digests(self) -> Mapping[str, int]:
        """Digest → bytes, of all values."""
        return {entry.digest: entry.spec.nbytes for entry in self.entries.values()}

    @cached_property
    def zeros(self) -> float:
        """The share of sampled elements of matrices that are zero."""
        zeros, total = 0.0, 0
        for entry in self.entries.values():
            row = self.samples.get(entry.digest)
            if row is not None and len(entry.spec.shape) > 1:
                zeros += float((row == 0).mean()) * entry.spec.count
                total += entry.spec.count
        return zeros / total if total else 0.0

    @cached_property
    def types(self) -> frozenset[tuple[tuple[str, tuple[int, ...]], str]]:
        """Names without prefixes, shapes and dtypes."""
        return frozenset((key, entry.spec.dtype) for key, entry in self.columns.items())

    @property
    def nbytes(self) -> int:
        """Bytes of all parameters."""
        return sum(entry.spec.nbytes for entry in self.entries.values())


def plain_name(name: str) -> str:
    """The name of a parameter without what wrappers, trainers and heads put before it."""
    name = _PREFIX.sub("", name, count=1)
    return _INNER.sub("", name, count=1)
