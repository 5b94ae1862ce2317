"""Names of parameters that are never negative: variances, and means of squares. Their roots are taken."""

from __future__ import annotations

from typing import Final

#: Ends of such names, in PyTorch and in Keras.
POSITIVE_ENDS: Final = ("running_var", "moving_variance", "exp_avg_sq", "square_avg")


def is_never_negative(name: str) -> bool:
    """Whether a negative element of a parameter is wrong, by its name."""
    return name.endswith(POSITIVE_ENDS)
