"""Facts about a version of a model that a graph shows, and that caches keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.formats.split import STRETCH
from git_theta.lineage.model_digest import model_digest
from git_theta.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a version of a model.

    Attributes:
        model: The digest of its parameters.
        format: The format of its files; several with commas between, if they differ.
        parameters: The number of parameters.
        size: Bytes of its files.
        updates: Names of the updates that its parameters are stored as, sorted, with commas between.
    """

    model: str
    format: str
    parameters: int
    size: int
    updates: str = ""


def model_facts(manifests: Sequence[Manifest]) -> ModelFacts:
    """Facts about the version of a model whose files have these manifests."""
    entries = [entry for manifest in manifests for entry in manifest.entries]
    return ModelFacts(
        model_digest(entries),
        ", ".join(sorted({manifest.format for manifest in manifests})),
        sum(not entry.name.startswith(STRETCH) for entry in entries),
        sum(manifest.size for manifest in manifests),
        ",".join(sorted({entry.source.update for entry in entries})),
    )
