"""Parameters that may be stored nearly: exact values, bases, and approximations."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.lossy.levels import Level
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, UnsuitableError, zeros
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense
from git_theta.updates.rounding import ARITHMETIC, widen
from git_theta.updates.sparse import Sparse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Bytes below which a value stays exact: headers and manifest take more than rounding saves.
_SMALLEST = 1 << 10

#: Names of an optimizer's states and of random states, which no test of a model depends on.
_UNTESTED = re.compile(
    r"(^|[./])(optimizers?(_states?)?|optim|lr_schedulers?|exp_avg(_sq)?|max_exp_avg_sq|momentum_buffer"
    r"|rng_states?|random_states?)([./]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LossyParameter:
    """A value that may be stored nearly.

    Attributes:
        names: The parameters that have the value.
        spec: Dtype and shape.
        value: The logical bytes.
        base: The value that changes start from; zeros if there's none.
        has_base: Whether there's one.
        scale: Root mean square of the changes, without elements that didn't change; positive.
    """

    names: tuple[str, ...]
    spec: TensorSpec
    value: memoryview
    base: Base
    has_base: bool
    scale: float

    @property
    def name(self) -> str:
        """The first of the names."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class ErrorSize:
    """How far the elements of a value are from the exact ones.

    Attributes:
        largest: The largest distance.
        mean: The mean distance.
        count: Number of elements.
    """

    largest: float
    mean: float
    count: int


def may_be_lossy(name: str, spec: TensorSpec) -> bool:
    """Whether a parameter of that name, dtype and shape may be stored nearly.

    States of optimizers may not: tests of a model say nothing about them. Values of less than a KiB don't
    pay.
    """
    return spec.dtype in ARITHMETIC and spec.nbytes >= _SMALLEST and not _UNTESTED.search(name)


def lossy_parameter(
    names: tuple[str, ...], spec: TensorSpec, value: memoryview, bases: Iterable[Base]
) -> tuple[LossyParameter, int | None] | None:
    """A value with the nearest of the values that it may start from.

    Args:
        names: The parameters that have the value.
        spec: Dtype and shape, also of the bases.
        value: The logical bytes.
        bases: Values that it may start from.

    Returns:
        The parameter, and the index of its base, `None` for zeros. `None` alone if it has a NaN or an
        infinity, or nothing to store.
    """
    nothing = Base(spec, zeros)
    best, chosen, least = nothing, None, _distance(value, spec, nothing)
    for index, base in enumerate(bases):
        distance = _distance(value, spec, base)
        if distance is not None and (least is None or distance[0] < least[0]):
            best, chosen, least = base, index, distance
    if least is None or least[1] == 0:
        return None
    scale = math.sqrt(least[0] / least[1])
    if not (math.isfinite(scale) and scale > 0):
        return None
    return LossyParameter(names, spec, value, best, chosen is not None, scale), chosen


def payload_at(parameter: LossyParameter, level: Level, bound: float | None) -> bytes:
    """The payload of a parameter at a level.

    Raises:
        UnsuitableError: The value can't be expressed so.
    """
    epsilon = level.epsilon(parameter.scale, bound)
    pieces = level.update.encode_near(parameter.value, parameter.spec, parameter.base, epsilon)
    return b"".join(map(bytes, pieces))


def value_of(parameter: LossyParameter, level: Level, payload: bytes) -> memoryview:
    """The value that a payload stands for."""
    inputs = [parameter.base.read] if parameter.has_base else []
    pieces = level.update.decode(memoryview(payload), inputs, parameter.spec.nbytes)
    return memoryview(b"".join(map(bytes, pieces)))


def exact_size(parameter: LossyParameter) -> int:
    """Bytes of the exact value, as the cheapest of the updates that are quick to try."""
    size = sum(map(len, Dense().encode(parameter.value, parameter.spec)))
    if parameter.has_base:
        for update in (Delta(), Sparse()):
            try:
                encoded = update.encode(parameter.value, parameter.spec, parameter.base)
                size = min(size, sum(map(len, encoded)))
            except UnsuitableError:
                continue
    return size


def error_size(parameter: LossyParameter, near: memoryview) -> ErrorSize:
    """How far a value is from the exact one."""
    import numpy as np

    largest = total = 0.0
    for start in range(0, len(near), CHUNK):
        exact, found = (
            _numbers(data[start : start + CHUNK], parameter.spec) for data in (parameter.value, near)
        )
        distances = np.abs(found - exact)
        largest = max(largest, float(distances.max(initial=0)))
        total += float(distances.sum())
    count = parameter.spec.count
    return ErrorSize(largest, total / count if count else 0.0, count)


def _distance(value: memoryview, spec: TensorSpec, base: Base) -> tuple[float, int] | None:
    """The sum of squares of the elements' changes, and the number of those that changed.

    Returns:
        `None` if an element isn't finite.
    """
    import numpy as np

    total, changed, start = 0.0, 0, 0
    for chunk in base.chunks(CHUNK):
        with np.errstate(over="ignore", invalid="ignore"):
            change = _numbers(value[start : start + len(chunk)], spec) - _numbers(chunk, spec)
            total += float(np.square(change).sum())
        changed += int(np.count_nonzero(change))
        start += len(chunk)
    return (total, changed) if math.isfinite(total) else None


def _numbers(data: memoryview, spec: TensorSpec) -> NDArray[np.float64]:
    import numpy as np

    return widen(np.frombuffer(data, f"<u{spec.word_size}"), spec.dtype)
