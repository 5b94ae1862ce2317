"""Demands: the work and memory that an update takes, known from its payload's header before it's decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

from git_theta.codecs.frames import CHUNK
from git_theta.updates.base import Update

#: Gives the payload of an update, read only if its header is needed; `None` for an update without a payload.
ReadPayload = Callable[[], memoryview | None]


@dataclass(frozen=True, slots=True)
class Demand:
    """The work and memory of an update that gives a value, apart from those of its inputs.

    Attributes:
        inputs: Bytes of each input.
        work: Bytes decoded and elements computed; a unit takes about a nanosecond.
        memory: Bytes that are held at once.
        passes: The number of times that the inputs are read at most.
        in_turn: Whether the inputs are read one after the other, so that no two take memory at once.
    """

    inputs: tuple[int, ...]
    work: int
    memory: int
    passes: int = 1
    in_turn: bool = False


@runtime_checkable
class Demanding(Update, Protocol):
    """An update that tells what it takes. One that doesn't counts as taking what `default_demand` says."""

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The demand of a value.

        Args:
            payload: Gives the payload.
            inputs: Number of inputs.
            nbytes: Size of the value in bytes.

        Raises:
            CorruptError: The payload can't give a value of that size.
        """
        ...


def tells_demand(update: Update) -> TypeGuard[Demanding]:
    """Whether an update tells what it takes: as `isinstance`, which is too slow for each parameter."""
    return hasattr(update, "demand")


def block_memory(count: int, item_size: int) -> int:
    """Bytes for a block of rows whose elements are computed in float64.

    Of an update below others, only the result is kept while they work; other numbers count if they're many.

    Args:
        count: Number of elements.
        item_size: Bytes of an element.
    """
    return count * (_COMPUTED if count * item_size > CHUNK else _KEPT)


#: Bytes for an element of a block: its word and the result; and all numbers on the way to it.
_KEPT, _COMPUTED = 24, 80


def default_demand(inputs: int, nbytes: int) -> Demand:
    """The demand of an update that doesn't tell, on inputs of the value's size."""
    return streaming(inputs, nbytes, work=16, memory=16 << 20)


def streaming(inputs: int, nbytes: int, *, work: int, memory: int) -> Demand:
    """The demand of an update that goes through inputs of the value's size, chunk by chunk.

    Args:
        inputs: Number of inputs.
        nbytes: Size of the value in bytes.
        work: Work for each byte of the value.
        memory: Most bytes of memory, for a large value; a small one takes up to 32 times its size.
    """
    return Demand((nbytes,) * inputs, work * nbytes, min(memory, 32 * nbytes))
