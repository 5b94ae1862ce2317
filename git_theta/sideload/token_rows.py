"""Trained tokens: rows of an embedding that an adapter replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.adapters.factor_names import CONFIG
from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.adapter_settings import HINT
from git_theta.updates.array import check_computable
from git_theta.updates.base import Base, Input, Pieces

if TYPE_CHECKING:
    from git_theta.updates.side_loaded import Given

_KEY = "trainable_token_indices"

#: Larger numbers aren't those of tokens.
_MOST = 1 << 31


class TokenRows:
    """A value some of whose rows are replaced.

    Args:
        rows: Indices of the rows.
    """

    name = "token-rows"
    parts = ("rows",)

    def __init__(self, rows: Sequence[int]) -> None:
        self._rows = tuple(rows)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """Nothing: the value is stored by another update."""
        raise CorruptError("rows of tokens aren't stored by themselves")

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that there's one row for each index, and that all are rows of the parameter."""
        check_computable(name, spec)
        rows = given["rows"]
        if len(spec.shape) != 2 or rows.spec.shape != (len(self._rows), spec.shape[1]):
            raise rows.misfit(name, spec)
        if len(set(self._rows)) < len(self._rows) or max(self._rows, default=0) >= spec.shape[0]:
            raise UsageError(
                f"{CONFIG} has {_KEY} that are given twice or that parameter {name!r} doesn't have "
                f"({spec.shape[0]} rows)"
            )
        rows.numbers()

    def given_value(self, given: Given, spec: TensorSpec, base: Base) -> Pieces:
        """The base with the rows, in its dtype."""
        size = spec.nbytes // max(spec.shape[0], 1)
        new = given["rows"].as_dtype(spec.dtype).data
        start = 0
        for chunk in base.chunks(max(1, CHUNK // max(size, 1)) * max(size, 1)):
            piece = bytearray(chunk)
            end = start + len(chunk) // max(size, 1)
            for number, row in enumerate(self._rows):
                if start <= row < end:
                    at = (row - start) * size
                    piece[at : at + size] = new[number * size : (number + 1) * size]
            start = end
            yield memoryview(piece)


def trained_tokens(config: Mapping[str, Any], module: str) -> list[int]:
    """Indices of the tokens that an adapter trained in a module, in the order of their rows.

    Args:
        config: The settings: a list, or a map of lists by names of modules or their ends.
        module: Name of the module.

    Raises:
        UsageError: The settings have none for the module, or no such list.
    """
    found = config.get(_KEY)
    if isinstance(found, Mapping):
        fitting = [key for key in found if module == key or module.endswith(f".{key}")]
        found = found[max(fitting, key=len)] if fitting else None
    if not isinstance(found, list) or not all(type(row) is int and 0 <= row < _MOST for row in found):
        raise UsageError(f"{CONFIG} has no {_KEY} for {module!r}, whose rows the adapter has", HINT)
    return found
