"""The side-loading protocols: updates that a user gives with `git theta add --update-type NAME`.

An update that can be side-loaded is `StoredAsGiven`, `GivesValue` or both, or `Lossy`. All are optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array
from git_theta.updates.base import Base, Payload, Pieces, Update

#: The tensors of update data that are for one parameter, by their part: `R` for the tensor `NAME/R`.
Given = Mapping[str, Array]


class SideLoaded(Update, Protocol):
    """An update that is made of tensors in a file of update data."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The tensors that each parameter needs, as ends of their names: `R` for `NAME/R`.

        A single empty part stands for a tensor that has the parameter's own name.
        """
        ...

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that tensors fit a parameter. This is done for all parameters before anything is stored.

        Args:
            given: One tensor for each part.
            name: The parameter's name, for messages.
            spec: The parameter's dtype and shape.

        Raises:
            UsageError: A dtype or shape doesn't fit, or an element makes no sense.
        """
        ...


@runtime_checkable
class StoredAsGiven(SideLoaded, Protocol):
    """A side-loaded update whose tensors themselves are stored, such as the factors of a LoRA."""

    def encode_given(self, given: Given, spec: TensorSpec, base: Base, value: memoryview | None) -> Payload:
        """The payload for tensors that `check` has passed.

        Args:
            given: One tensor for each part.
            spec: Dtype and shape of the parameter.
            base: The value that the parameter has.
            value: The value that must be decoded from the payload, exactly; `None` if what is decoded is the
                new value by definition.

        Raises:
            UnsuitableError: The tensors can't be stored like this, or can't give the value.
        """
        ...


@runtime_checkable
class GivesValue(SideLoaded, Protocol):
    """A side-loaded update whose tensors give the new value, which is then stored in the cheapest way."""

    def given_value(self, given: Given, spec: TensorSpec, base: Base) -> Pieces:
        """The new value, for tensors that `check` has passed.

        Args:
            given: One tensor for each part.
            spec: Dtype and shape of the parameter.
            base: The value that the parameter has.
        """
        ...


@runtime_checkable
class Lossy(Update, Protocol):
    """An update that stores a changed value only nearly; the work tree then gets what is decoded."""

    def encode_near(self, value: memoryview, spec: TensorSpec, base: Base, epsilon: float) -> Payload:
        """The payload for a value near the given one.

        Args:
            value: Logical bytes of the changed value.
            spec: Dtype and shape of the value, and of the base.
            base: The value that the parameter had.
            epsilon: The error bound that the user gave, positive.

        Raises:
            UnsuitableError: The value can't be expressed so; it's then stored exactly.
        """
        ...
