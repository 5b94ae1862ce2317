"""Common parts of all cases: the plan, a repository for each tool, tools that take turns, checks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import weights
from benchmarks.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.sandbox import Home, Repository

    Samples = Mapping[str, Sequence[float]]

MODEL = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Plan:
    """The request of the caller.

    Attributes:
        homes: The tools, git-theta's first.
        folder: Where generated files go.
        repeat: Repetitions of every verb.
        weights: A real checkpoint in place of the generated one, or `None`.
        models: Real checkpoints whose stored size is measured.
        families: A folder of fine-tunes of one base, or `None`.
        published: A folder of published models, or `None`.
    """

    homes: tuple[Home, ...]
    folder: Path
    repeat: int
    weights: Path | None = None
    models: tuple[Path, ...] = ()
    families: Path | None = None
    published: Path | None = None

    def checkpoint(self, dtype: str = "F32", layers: int = 12) -> Path:
        """The checkpoint to measure with, generated once."""
        if self.weights is not None:
            return self.weights
        path = self.folder / f"bert-{layers}-{dtype.lower()}.safetensors"
        if not path.exists():
            weights.write(path, weights.bert(layers), dtype)
        return path


def begin(plan: Plan, name: str) -> dict[str, Repository]:
    """A new repository for each tool."""
    return {home.tool.name: home.repository(name) for home in plan.homes}


def remove(repositories: Mapping[str, Repository]) -> None:
    """Delete repositories."""
    for repository in repositories.values():
        repository.remove()


def in_turn(repositories: Mapping[str, Repository], repetition: int) -> list[tuple[str, Repository]]:
    """The repositories in alternating order, so that no tool always goes second."""
    items = list(repositories.items())
    return items[::-1] if repetition % 2 else items


def row(name: str, unit: str, samples: Samples, *, limit: float | None = None, relative: bool = False) -> Row:
    """A row of git-theta's samples with those of Git LFS beside them.

    With one tool only, its samples stand alone and a relative limit means nothing.
    """
    if len(samples) == 1:
        (alone,) = samples.values()
        return Row(name, unit, tuple(alone), limit=None if relative else limit)
    return Row(name, unit, tuple(samples["theta"]), tuple(samples["lfs"]), limit, relative)


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expect(repository: Repository, digest: str) -> None:
    """Check the bytes that were checked out.

    Raises:
        RuntimeError: They're others.
    """
    if sha256(repository.path / MODEL) != digest:
        raise RuntimeError(f"{repository.home.tool.name}: checkout wrote other bytes than were added")
