"""Levels of coarseness: the lossy updates that a value may be stored as, from the coarsest to the finest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from git_theta.updates.quantized import Quantized
from git_theta.updates.side_loaded import Lossy
from git_theta.updates.sign import Sign

#: The coarsest step, as a multiple of the typical change of an element. Of changes that are distributed
#: normally, one in twenty is left then, in a seventieth of the bytes of float32.
_COARSEST = 4.0

#: The number of steps, each of which is the one before it divided by the square root of 2.
_STEPS = 15

#: The coarsest step that is finer than signs: it leaves about half of their mean square error.
_BELOW_SIGNS = 1.5


@dataclass(frozen=True, slots=True)
class Level:
    """A lossy update and its coarseness.

    Attributes:
        update: The update.
        factor: Distance of two results for an element, as a multiple of the root mean square of the changes;
            0 for an update whose error only depends on the changes.
    """

    update: Lossy
    factor: float

    def epsilon(self, scale: float, bound: float | None) -> float:
        """The error bound for a value; steps are `2 * log1p(epsilon)` long.

        Args:
            scale: Root mean square of the value's changes, positive.
            bound: The largest error bound that the user allows; `None` for any.
        """
        step = min(self.factor * scale, 1e30) or scale
        epsilon = math.expm1(min(step / 2, 700.0))
        return epsilon if bound is None else min(epsilon, bound)


def levels_of(update: Lossy) -> tuple[Level, ...]:
    """The levels that a value may have, the coarsest first; finer than the last one is only the exact value.

    For `sign`, finer levels are quantised ones. An update of a plugin gets the steps as error bounds.
    """
    factors = tuple(_COARSEST * 2 ** (-number / 2) for number in range(_STEPS))
    if isinstance(update, Sign):
        quantized = Quantized()
        finer = (Level(quantized, factor) for factor in factors if factor < _BELOW_SIGNS)
        return (Level(update, 0.0), *finer)
    return tuple(Level(update, factor) for factor in factors)
