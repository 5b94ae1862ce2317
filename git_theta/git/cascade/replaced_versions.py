"""Versions of models that a cascade has replaced, which needn't be in any commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from git_theta.cascade.state import CascadeState
from git_theta.lineage.record import FOLDER

#: Path of a model → ids of the manifests of each version that a step has replaced.
ReplacedVersions = Mapping[str, Sequence[tuple[str, ...]]]


def replaced_versions(state: CascadeState) -> dict[str, list[tuple[str, ...]]]:
    """Path of a model → ids of the manifests of the version that a step has replaced."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for each in state.steps:
        entries = dict(zip(each.paths, each.before, strict=True))
        for model in each.step.models:
            # A model of several files is alone in its step.
            alone = len(each.step.models) == 1
            paths = [path for path in entries if path == model or (alone and not path.startswith(FOLDER))]
            blobs = tuple(entries[path].split(" ")[1] for path in paths if entries[path].startswith("100"))
            if blobs:
                found.setdefault(model, []).append(blobs)
    return found
