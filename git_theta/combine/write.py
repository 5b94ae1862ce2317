"""Files of combinations: written parameter by parameter, so that memory is in proportion to one tensor."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from git_theta.checkpoint_file import NOT_STORED
from git_theta.combine.combination import Combination, CombinedValues, Structure, inputs_of
from git_theta.errors import ThetaError
from git_theta.file_writer import FileWriter
from git_theta.merging.outcome import ParameterPlan, Taken
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.placed import PlacedParameter, any_overlap, place_parameters, without_tied
from git_theta.model.strided import Temporary, temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.atomic_write import Replacement
from git_theta.updates.base import Pieces


def write_combination(
    combination: Combination,
    values: CombinedValues,
    path: Path,
    threads: int,
    progress: Callable[[int], object] = lambda _count: None,
    temporary: Temporary = temporary_file,
) -> None:
    """Write the file of a combination; it's there as a whole, or not at all.

    Args:
        combination: The combination, with its structure.
        values: Its values.
        path: The file.
        threads: Parameters to compute at once.
        progress: Called with the number of bytes of each finished parameter.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.

    Raises:
        CorruptError: Parameters of the result share memory, and their values differ.
        ThetaError: The file can't be written, or a value can't be made.
    """
    structure = combination.structure
    assert structure is not None  # noqa: S101
    own = {file_name: name for name, file_name in structure.names.items()}
    placed = _placed(combination, structure)
    distinct = without_tied(placed)

    def read(entry: Entry) -> Pieces:
        stretch = structure.stretches.get(entry.name)
        return stretch[1]() if stretch else values.pieces(own.get(entry.name, entry.name))

    if any_overlap(distinct):
        # Only true digests show whether values that share memory agree.
        distinct = without_tied(_with_digests(placed, read))
    writer = FileWriter(partial(map, read), temporary, threads, progress)
    try:
        with Replacement(path) as new:
            writer.write(structure.layout, distinct, new.handle)
            os.fsync(new.handle)
            new.commit()
    except OSError as error:
        hint = "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise ThetaError(f"{path} can't be written: {error.strerror or error}", hint) from error


def _placed(combination: Combination, structure: Structure) -> list[PlacedParameter]:
    entries = [_entry(plan, combination, structure) for plan in combination.parameters]
    entries += [
        Entry(name, TensorSpec("U8", (size,)), name, NOT_STORED)
        for name, (size, _) in structure.stretches.items()
    ]
    layout = Entry("layout", TensorSpec("U8", (0,)), "", NOT_STORED)
    return place_parameters(Manifest("", structure.layout.size, layout, tuple(entries)), structure.layout)


def _entry(plan: ParameterPlan, combination: Combination, structure: Structure) -> Entry:
    """An entry of the result. Its digest is that of what the value is made of, equal for tied parameters."""
    spec = combination.specs[plan.name]
    name, inputs = structure.names.get(plan.name, plan.name), inputs_of(plan)
    if isinstance(plan.outcome, Taken) and inputs and inputs[0].spec == spec:
        return Entry(name, spec, inputs[0].digest, NOT_STORED)
    position = combination.positions.get(plan.name, 0.0)
    member = plan.name if plan.group else ""
    made_of = repr((plan.outcome, member, plan.models, position, [each.digest for each in inputs]))
    return Entry(name, spec, digest(made_of.encode("utf-8", "surrogatepass")), NOT_STORED)


def _with_digests(
    placed: Iterable[PlacedParameter], read: Callable[[Entry], Pieces]
) -> list[PlacedParameter]:
    return [
        replace(each, entry=replace(each.entry, digest=digest(b"".join(map(bytes, read(each.entry))))))
        for each in placed
    ]
