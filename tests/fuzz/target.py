"""A reader that is fuzzed, and the inputs that it's given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz.mutations import mutated


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        name: Its name on the command line.
        sample: Generates an input that is right, or nearly so.
        read: Reads an input and checks the result. A wrong input is a ThetaError; an AssertionError says that
            the result isn't right.
        tokens: Words of the input's language.
        share: The share of inputs that are mutated as a whole. A generator of nested inputs may have made an
            inner one wrong already.
    """

    name: str
    sample: Callable[[Random], bytes]
    read: Callable[[bytes], object]
    tokens: Sequence[bytes] = ()
    share: float = 0.9

    def input(self, seed: int, index: int) -> bytes:
        """The input of a number, which is the same on every machine and in every run."""
        random = Random(f"{seed}:{self.name}:{index}")
        data = self.sample(random)
        return mutated(data, random, self.tokens) if random.random() < self.share else data
