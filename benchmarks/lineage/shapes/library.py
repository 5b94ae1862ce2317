"""All graphs of models, made once and kept in a folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchmarks.lineage.shapes import adaptation, derived, federation, hub, multitask, pruning
from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

#: The file with the truth about a graph. The number in its name is that of the way in which models are made.
_TRUTH = "truth-2.json"

SHAPES: Mapping[str, Callable[[Path], Iterator[MadeModel]]] = {
    "G1": hub.make,
    "G2": adaptation.make,
    "G3": federation.make,
    "G4": pruning.make,
    "G5": multitask.make,
    "derived": derived.make,
}


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph of models in files.

    Attributes:
        name: One of `SHAPES`.
        folder: The folder of the files.
        models: The models, in the order in which they were made.
    """

    name: str
    folder: Path
    models: tuple[MadeModel, ...]

    @property
    def edges(self) -> set[tuple[str, str]]:
        """Pairs of child and parent."""
        return {(model.path, parent) for model in self.models for parent in model.parents}

    @property
    def steps(self) -> list[list[MadeModel]]:
        """Models that were made together, in order."""
        found: dict[int, list[MadeModel]] = {}
        for model in self.models:
            found.setdefault(model.step, []).append(model)
        return [found[step] for step in sorted(found)]


def read_or_make(name: str, scratch: Path) -> Graph:
    """A graph from the folder of an earlier run; it's made if it's not there.

    Args:
        name: One of `SHAPES`.
        scratch: The folder of all graphs.
    """
    folder = scratch / name
    truth = folder / _TRUTH
    if not truth.exists():
        import torch

        # Sums are in another order with another number of threads, and so are the last bits of weights.
        torch.set_num_threads(1)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        made = list(SHAPES[name](folder))
        truth.write_text(json.dumps([asdict(model) for model in made], indent=1) + "\n")
    rows = json.loads(truth.read_text())
    models = (MadeModel(row["path"], tuple(row["parents"]), row["relation"], row["step"]) for row in rows)
    return Graph(name, folder, tuple(models))
