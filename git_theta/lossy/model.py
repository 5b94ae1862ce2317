"""Models whose parameters may be stored nearly: sizes and values of each plan of levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from git_theta.checkpoint_file import NOT_STORED, CheckpointFile
from git_theta.file_writer import FileWriter
from git_theta.lossy.levels import Level
from git_theta.lossy.parameter import LossyParameter, exact_size, payload_at, value_of
from git_theta.lossy.search import Plan
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry
from git_theta.model.placed import PlacedParameter, any_overlap, without_tied
from git_theta.runtime.threads import run_all
from git_theta.updates.base import UnsuitableError
from git_theta.updates.quantized import step_of

#: Bytes of all payloads that a model keeps: most are used again.
_MOST_KEPT = 256 << 20


class LossyModel:
    """The parameters of a model that may be stored nearly, and their levels.

    Args:
        parameters: The parameters by their first names.
        levels: The levels, the coarsest first; the number of levels stands for the exact value.
        bound: The largest error bound that the user allows; `None` for any.
        threads: The number of parameters to encode at once.
    """

    def __init__(
        self,
        parameters: Mapping[str, LossyParameter],
        levels: Sequence[Level],
        bound: float | None = None,
        threads: int = 1,
    ) -> None:
        self.parameters = parameters
        self.levels = levels
        self._bound = bound
        self._threads = threads
        self._sizes: dict[tuple[str, int], int] = {}
        self._payloads: dict[tuple[str, int], bytes] = {}
        self._kept = 0

    @property
    def exact(self) -> int:
        """The level of exact values."""
        return len(self.levels)

    def size(self, name: str, level: int) -> int:
        """Bytes of a parameter at a level; as many as of the exact value if it can't be expressed so."""
        if (name, level) not in self._sizes:
            # A plan has the same level for many parameters.
            missing = [each for each in self.parameters if (each, level) not in self._sizes]
            with ThreadPoolExecutor(self._threads) as pool:
                sizes = run_all(pool, lambda each: self._measured(each, level), missing)
                self._sizes.update(((each, level), size) for each, size in zip(missing, sizes, strict=True))
        return self._sizes[name, level]

    def payload(self, name: str, level: int) -> bytes:
        """The payload of a parameter at a level that isn't exact.

        Raises:
            UnsuitableError: The value can't be expressed so.
        """
        known = self._payloads.get((name, level))
        return known or payload_at(self.parameters[name], self.levels[level], self._bound)

    def value(self, name: str, level: int) -> memoryview:
        """The value that a parameter has at a level.

        Raises:
            UnsuitableError: As for `payload`.
        """
        parameter = self.parameters[name]
        if level == self.exact:
            return parameter.value
        return value_of(parameter, self.levels[level], self.payload(name, level))

    def step(self, name: str, level: int) -> float:
        """Distance of two results for an element of a parameter at a level that isn't exact; 0 for signs."""
        if not self.levels[level].factor:
            return 0.0
        return step_of(self.levels[level].epsilon(self.parameters[name].scale, self._bound))

    def values(self, plan: Plan) -> dict[str, Callable[[], memoryview]]:
        """Name of a parameter → gives its value by a plan, of all names of those that aren't exact."""
        return {
            each: partial(self.value, name, level)
            for name, level in plan.items()
            if level != self.exact
            for each in self.parameters[name].names
        }

    def _measured(self, name: str, level: int) -> int:
        if level == self.exact:
            return exact_size(self.parameters[name])
        try:
            payload = self.payload(name, level)
        except UnsuitableError:
            return exact_size(self.parameters[name])
        if self._kept + len(payload) <= _MOST_KEPT:
            self._kept += len(payload)
            self._payloads[name, level] = payload
        return len(payload)


def write_nearly(
    file: CheckpointFile, values: Mapping[str, Callable[[], memoryview]], handle: int, threads: int
) -> None:
    """Write a checkpoint file with other values for some of its parameters.

    Args:
        file: The file.
        values: Name of a parameter → gives its value; tied parameters have the same one. None for a file with
            overlaps.
        handle: An empty, readable and writable file.
        threads: The number of parameters to work on at once.

    Raises:
        OSError: The file can't be written.
    """

    def read(entries: Iterable[Entry]) -> Iterator[Iterator[memoryview]]:
        for entry in entries:
            given = values.get(entry.name)
            yield iter((given() if given else file.value(entry.name),))

    distinct = without_tied(_placed(file))
    if any_overlap(distinct):
        # The writer checks that such parameters agree about the bytes that they share.
        distinct = [
            replace(each, entry=replace(each.entry, digest=digest(file.value(each.entry.name))))
            for each in distinct
        ]
    FileWriter(read, file.temporary, threads).write(file.layout, distinct, handle)


def has_overlaps(file: CheckpointFile) -> bool:
    """Whether some parameters share some of their bytes in the file, without being tied.

    Their values can't be changed one by one.
    """
    return any_overlap(without_tied(_placed(file)))


def _placed(file: CheckpointFile) -> list[PlacedParameter]:
    """The parameters at their places. Digests are left out: nothing depends on them here."""
    return [
        PlacedParameter(Entry(place.name, file.tensors[place.name].spec, "", NOT_STORED), place)
        for place in file.layout.placements
    ]
