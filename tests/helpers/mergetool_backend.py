"""A backend without a repository: parameters are small arrays in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from git_theta.errors import ThetaError
from git_theta.mergetool.backend import Preview
from git_theta.merging.outcome import Conflict, Merged
from git_theta.merging.plan_each import plan_each
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.tensor import TensorSpec

Arrays = Mapping[str, NDArray[np.generic]]

_CODES = {"float32": "F32", "float16": "F16", "int64": "I64"}


@dataclass
class Backend:
    """Implements `git_theta.mergetool.backend.Backend`, and records the calls that read or save."""

    base: Arrays
    ours: Arrays
    theirs: Arrays
    conflicts: tuple[Conflict, ...] = ()
    path: str = "m.safetensors"
    threads: int = 1
    places: Mapping[str, str] = field(default_factory=lambda: {"c": "a file", "g": "settings"})
    kept: list[tuple[str, tuple[MergeRule, ...]]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    _values: dict[str, bytes] = field(default_factory=dict)

    def check(self, rule: MergeRule) -> None:
        from git_theta.git.repository.merge_rules import check_rule

        check_rule(rule)

    def plan(self, rules: Sequence[MergeRule]) -> Merged:
        base, *sides = (self._manifest(arrays) for arrays in (self.base, self.ours, self.theirs))
        plan = tuple(plan_each(base, sides, MergeRules(tuple(rules))))
        takes = [rule for rule in rules if rule.strategy in ("ours", "theirs")]
        decided = {c.name for c in self.conflicts for rule in takes if rule.is_for(c.name)}
        left = [parameter.outcome for parameter in plan if isinstance(parameter.outcome, Conflict)]
        return Merged(None, plan, (*left, *(c for c in self.conflicts if c.name not in decided)))

    def value(self, entry: Entry) -> Iterator[memoryview]:
        self.read.append(entry.name)
        yield memoryview(self._values[entry.digest])

    def scalar_conflicts(self) -> Mapping[str, str]:
        return {conflict.name: "1 -> ours 2, theirs 3" for conflict in self.conflicts}

    def preview(self, rules: Sequence[MergeRule]) -> Preview:
        return Preview(Merged(self._manifest(self.theirs), self.plan(rules).parameters), 1234)

    def write(self, rules: Sequence[MergeRule]) -> str:
        if any(rule.strategy == "karcher" for rule in rules):
            raise ThetaError("the disk is full", "make room")
        return "done"

    def save_rules(self, rules: Sequence[MergeRule], place: str) -> str:
        self.kept.append((place, tuple(rules)))
        return "kept"

    def _manifest(self, arrays: Arrays) -> Manifest:
        entries = []
        for name, array in arrays.items():
            data = array.tobytes()
            spec = TensorSpec(_CODES[array.dtype.name], array.shape)
            entry = Entry(name, spec, digest(memoryview(data)), Source("dense", None))
            self._values[entry.digest] = data
            entries.append(entry)
        layout = Entry(".layout", TensorSpec("U8", (0,)), digest(memoryview(b"")), Source("dense", None))
        return Manifest("safetensors", 0, layout, tuple(entries))


def layers(count: int, parameter: float = 0.0) -> dict[str, NDArray[np.generic]]:
    """`count` layers with a weight and a bias, moved by `parameter`."""
    found: dict[str, NDArray[np.generic]] = {}
    for i in range(count):
        found[f"layer.{i}.weight"] = np.full((4, 4), i + 1 + parameter, "f4")
        found[f"layer.{i}.bias"] = np.full(4, i + 1 + parameter, "f4")
    return found
