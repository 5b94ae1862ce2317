"""The versions of a file in one form: parameters that correspond have one dtype and can be combined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

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
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Entry, Manifest

#: A parameter's value in the base, or `None`, and on each side.
_Versions = tuple[ConvertedValue | None, ...]


@dataclass(frozen=True, slots=True)
class VersionValues:
    """The values of versions, to be read before a merge is carried out.

    Attributes:
        read: Reads the value of an entry.
        prepare: Called with all entries that will be read: brings them here, and checks what reading takes.
        threads: Parameters to work on at once.
    """

    read: ReadEntry
    prepare: Callable[[Sequence[Entry]], object]
    threads: int = 1


@dataclass(frozen=True, slots=True)
class CommonForm:
    """Versions of a file, of which parameters that correspond have one dtype.

    Attributes:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first.
        values: The values that aren't those in the files.
        dtypes: Name → dtype of the result, of parameters whose sides have several, or with a rule for it.
        notes: Differences that were bridged, in words.
    """

    base: Manifest | None
    sides: tuple[Manifest, ...]
    values: ConvertedValues = field(default_factory=ConvertedValues)
    dtypes: Mapping[str, str] = field(default_factory=dict)
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
    base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules, reader: VersionValues
) -> CommonForm:
    """The versions with parameters of several dtypes in the wider one, as far as the merge needs that.

    Values of these parameters are read, and no others.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first, with equal names for what corresponds.
        rules: The rules for this file.
        reader: Reads values.

    Raises:
        ThetaError: A value can't be read, or takes more than the limits allow.
    """
    choices = choose_dtypes(base, sides, rules)
    if not choices:
        return CommonForm(base, tuple(sides))
    tables = [version.by_name if version else {} for version in (base, *sides)]
    jobs: list[tuple[str, DtypeChoice, list[Entry | None]]] = []
    for name, choice in choices.items():
        entries = [table.get(name) for table in tables]
        if any(entry and entry.spec.dtype != choice.common for entry in entries):
            jobs.append((name, choice, entries))
    reader.prepare([entry for _, _, entries in jobs for entry in entries if entry])

    def convert(job: tuple[str, DtypeChoice, list[Entry | None]]) -> _Versions:
        _, choice, entries = job
        versions = [of_version(entry, reader.read) if entry else None for entry in entries]
        return _in_dtype(versions, choice.common)

    with ThreadPoolExecutor(reader.threads) as pool:
        converted = dict(zip((name for name, _, _ in jobs), pool.map(convert, jobs), strict=True))
    real = {content_key(entry): entry for _, _, entries in jobs for entry in entries if entry}
    changed: list[Manifest | None] = []
    values: dict[str, ConvertedValue] = {}
    for index, version in enumerate((base, *sides)):
        new = {}
        for name, versions in converted.items():
            value = versions[index]
            if value:
                entry = entry_of(name, value)
                same = real.get(content_key(entry))
                new[name] = replace(same, name=name) if same else entry
                values |= {} if same else {value.digest: value}
        changed.append(version and with_entries(version, new))
    return CommonForm(
        changed[0],
        tuple(filter(None, changed[1:])),
        ConvertedValues(values),
        {name: choice.result for name, choice in choices.items()},
        dtype_notes(choices),
    )


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
