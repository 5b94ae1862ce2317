"""A pickle interpreter that builds a description of the objects and never the objects themselves.

Nothing is imported, called or hashed. A global becomes its two names; a call becomes an `Object` that
remembers what would have been called with which arguments.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from git_theta.errors import FormatError
from git_theta.formats.pickle.machine import Machine
from git_theta.formats.pickle.nodes import Pickled
from git_theta.formats.pickle.opcodes import OPCODES, STOP, Step

#: Opcodes in one pickle, as a bound on time and memory; 100,000 tensors need about four million.
MAX_OPCODES = 6_000_000


def read_pickle(data: bytes | memoryview, start: int = 0, most: int = MAX_OPCODES) -> Pickled:
    """Interpret the pickle at `start` of `data`, of any protocol up to 5.

    Args:
        data: The bytes that it's in.
        start: Position of its first byte.
        most: The number of opcodes that it may have.

    Raises:
        FormatError: The pickle is damaged, too large, or refers to extension codes or buffers.
    """
    return run(Machine(data, start), most)


def run(machine: Machine, most: int, steps: Sequence[Step] = OPCODES) -> Pickled:
    """Run a machine up to the end of its pickle.

    Args:
        machine: A machine at the start of the pickle.
        most: The number of opcodes that the pickle may have.
        steps: The step of each opcode.

    Raises:
        FormatError: See `read_pickle`.
    """
    data = machine.data
    try:
        for _ in range(most):
            opcode = data[machine.position]
            machine.position += 1
            if opcode != STOP:
                steps[opcode](machine)
            elif not machine.resume():
                return Pickled(machine.stack.pop(), machine.persistent, machine.position, machine.exact)
    except FormatError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        raise FormatError(f"damaged pickle: {error}") from error
    raise FormatError(f"the pickle has more than {most} opcodes")
