"""Dtypes of models that differ: inputs are widened, which loses nothing, and results are rounded once."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.suggest import did_you_mean
from git_theta.updates.base import Base, Input, Pieces
from git_theta.updates.cast import cast_to
from git_theta.updates.rounding import ARITHMETIC

#: The wider of two dtypes has all numbers of the other one; of BF16 and F16, that's F32.
_RANKS = {"F64": 3, "F32": 2, "F16": 1, "BF16": 1}

#: Names of dtypes as PyTorch and mergekit write them.
_ALIASES = {
    "float64": "F64",
    "double": "F64",
    "float32": "F32",
    "float": "F32",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
}

#: The choices that aren't a dtype: the wider of the models', or that of the first or the second model.
WIDEST, OURS, THEIRS = _CHOICES = "widest", "ours", "theirs"


def parse_dtype(text: str) -> str:
    """A dtype of floats, or `widest`, `ours` or `theirs`, from any of its usual names.

    Raises:
        UsageError: There's no such dtype, or it isn't one of floats.
    """
    name = text.removeprefix("torch.")
    found = _ALIASES.get(name.lower(), name.upper())
    if name.lower() in _CHOICES:
        return name.lower()
    if found not in ARITHMETIC:
        known = (*_CHOICES, *ARITHMETIC, *_ALIASES)
        raise UsageError(
            f"{text!r} isn't a dtype of floats that models can be combined in",
            did_you_mean(text, known) or f"known: {', '.join((*_CHOICES, *ARITHMETIC))}",
        )
    return found


def wider(dtypes: Iterable[str]) -> str:
    """The dtype that has all numbers of some float dtypes."""
    found = sorted(set(dtypes), key=lambda dtype: -_RANKS[dtype])
    return "F32" if len(found) > 1 and _RANKS[found[0]] == 1 else found[0]


def convert(read: Input, spec: TensorSpec, dtype: str) -> Pieces:
    """The bytes of a value in another float dtype, rounded to nearest.

    Args:
        read: Gives the bytes of the value.
        spec: Its dtype and shape.
        dtype: The other dtype.
    """
    found = cast_to(Base(spec, read), dtype)
    return found.read(found.spec.nbytes)
