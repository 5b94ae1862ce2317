"""A likely derivation, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InferredEdge:
    """A likely derivation.

    Attributes:
        child: Path of the model that was made.
        parent: Path of the model that it was made from.
        relation: The kind of derivation.
        confidence: From 0 to 1: how much nearer the parent is than the next model.
        evidence: Reasons in words.
        is_directed: Whether it's known which of the two is the child.
    """

    child: str
    parent: str
    relation: str
    confidence: float
    evidence: tuple[str, ...]
    is_directed: bool = True
