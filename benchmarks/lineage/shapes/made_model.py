"""The truth about a graph of models: which was made from which, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model of a graph.

    Attributes:
        path: The file, relative to the folder of the graph.
        parents: Paths of the models that it was made from.
        relation: The kind of derivation; empty for an origin.
        step: Models of one step were made together, after those of all earlier steps.
    """

    path: str
    parents: tuple[str, ...] = ()
    relation: str = ""
    step: int = 0
