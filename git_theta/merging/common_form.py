"""The versions of a file in one form: parameters that correspond have one dtype, and the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from git_theta.merging.arranged_rows import arranged
from git_theta.merging.converted import (
    ConvertedValue,
    ConvertedValues,
    ReadEntry,
    cast,
    entry_of,
    of_version,
    with_entries,
)
from git_theta.merging.dtype_choice import DtypeChoice, choose_dtypes, dtype_notes
from git_theta.merging.outcome import ParameterPlan, content_key
from git_theta.merging.row_choice import RowChoices, RowOrder, choose_rows
from git_theta.merging.rules import MergeRules
from git_theta.merging.settings_versions import ReadSettings, no_settings
from git_theta.merging.tied_output import with_tied_outputs
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import Temporary, temporary_file

#: A parameter's value in the base, or `None`, and on each side.
_Versions = tuple[ConvertedValue | None, ...]


@dataclass(frozen=True, slots=True)
class VersionValues:
    """The values of versions, to be read before a merge is carried out.

    Attributes:
        read: Reads the value of an entry.
        prepare: Called with all entries that will be read: brings them here, and checks what reading takes.
        threads: Parameters to work on at once.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.
    """

    read: ReadEntry
    prepare: Callable[[Sequence[Entry]], object]
    threads: int = 1
    temporary: Temporary = temporary_file


@dataclass(frozen=True, slots=True)
class CommonForm:
    """Versions of a file, of which parameters that correspond have one dtype and the same rows.

    Attributes:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first.
        values: The values that aren't those in the files.
        dtypes: Name → dtype of the result, of parameters whose sides have several, or with a rule for it.
        unclear: Name → reason, of parameters that can only be taken from a side.
        notes: Differences that were bridged, in words.
    """

    base: Manifest | None
    sides: tuple[Manifest, ...]
    values: ConvertedValues = field(default_factory=ConvertedValues)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_dtypes(self, plans: Iterable[ParameterPlan]) -> tuple[ParameterPlan, ...]:
        """The plans of parameters, with the dtypes of their results."""
        if not self.dtypes:
            return tuple(plans)
        return tuple(
            replace(plan, dtype=dtype)
            if (dtype := self.dtypes.get(plan.name, "")) and plan.spec and plan.spec.dtype != dtype
            else plan
            for plan in plans
        )


def in_common_form(
    base: Manifest | None,
    sides: Sequence[Manifest],
    rules: MergeRules,
    reader: VersionValues,
    settings: ReadSettings = no_settings,
) -> CommonForm:
    """The versions with parameters of one dtype and with the same rows, as far as the merge needs that.

    Output layers that are tied to embeddings in some versions are there, too. Only values of parameters that
    need it are read.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first, with equal names for what corresponds.
        rules: The rules for this file.
        reader: Reads values.
        settings: Reads files of settings beside the versions.

    Raises:
        ThetaError: A value can't be read, or takes more than the limits allow.
    """
    tied = with_tied_outputs(base, sides, settings)
    base, sides = tied.base, tied.sides
    dtypes, rows = choose_dtypes(base, sides, rules), choose_rows(base, sides, rules, settings)
    jobs = list(_jobs((base, *sides), dtypes, rows))
    reader.prepare([entry for job in jobs for entry in job.entries if entry])
    with ThreadPoolExecutor(reader.threads) as pool:
        converted = list(pool.map(partial(_convert, reader=reader), jobs))
    real = {content_key(entry): entry for job in jobs for entry in job.entries if entry}
    changed: list[Manifest | None] = []
    values: dict[str, ConvertedValue] = {}
    for index, version in enumerate((base, *sides)):
        new = {}
        for job, versions in zip(jobs, converted, strict=True):
            value = versions[index]
            if value:
                entry = entry_of(job.name, value)
                same = real.get(content_key(entry))
                new[job.name] = replace(same, name=job.name) if same else entry
                values |= {} if same else {value.digest: value}
        changed.append(version and with_entries(version, new))
    return CommonForm(
        changed[0],
        tuple(filter(None, changed[1:])),
        ConvertedValues(values),
        {name: choice.result for name, choice in dtypes.items()},
        {**rows.unclear, **tied.unclear},
        (*tied.notes, *dtype_notes(dtypes), *rows.notes),
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """A parameter to convert.

    Attributes:
        name: Its name.
        entries: Its entry in the base and on each side; `None` where it isn't.
        dtype: The common dtype.
        rows: The common rows; `None` if all versions have the same.
    """

    name: str
    entries: tuple[Entry | None, ...]
    dtype: str
    rows: RowOrder | None


def _jobs(
    versions: Sequence[Manifest | None], dtypes: Mapping[str, DtypeChoice], rows: RowChoices
) -> Iterator[_Job]:
    """The parameters that aren't of one form in all versions."""
    if not dtypes and not rows.orders:
        return
    tables = [version.by_name if version else {} for version in versions]
    for name in dict.fromkeys((*dtypes, *rows.orders)):
        entries = tuple(table.get(name) for table in tables)
        there = {entry.spec.dtype for entry in entries if entry}
        common, order = dtypes.get(name), rows.orders.get(name)
        if common is None and len(there) > 1:
            # Only one side changed the parameter, and its dtype as well.
            continue
        dtype = common.common if common else min(there)
        if order or there != {dtype}:
            yield _Job(name, entries, dtype, order)


def _convert(job: _Job, reader: VersionValues) -> _Versions:
    """The versions of a parameter in one form."""
    found: Sequence[ConvertedValue | None]
    found = [of_version(entry, reader.read) if entry else None for entry in job.entries]
    if any(value and value.spec.dtype != job.dtype for value in found):
        found = _in_dtype(found, job.dtype)
    if job.rows:
        found = arranged(found, job.rows.versions, job.rows.order, reader.temporary)
    return tuple(found)


def _in_dtype(versions: Sequence[ConvertedValue | None], dtype: str) -> _Versions:
    """The versions of a parameter in one dtype. A side that is the base in another dtype is as the base."""
    base, *sides = versions
    before = cast(base, dtype) if base else None
    found: list[ConvertedValue | None] = []
    for side in sides:
        unchanged = base and side and side.spec.dtype != base.spec.dtype and _is_cast(side, base)
        found.append(before if unchanged else side and cast(side, dtype))
    return before, *found


def _is_cast(value: ConvertedValue, base: ConvertedValue) -> bool:
    """Whether a value is another one in its dtype."""
    return value.spec.shape == base.spec.shape and cast(base, value.spec.dtype).digest == value.digest
