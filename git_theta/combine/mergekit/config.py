"""A merge as mergekit describes it: the models, or the layers of the result and what they're made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.combine.mergekit.methods import Method
from git_theta.combine.mergekit.settings import Setting

#: Name of a parameter → its values.
Settings = Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class SliceSource:
    """A model, or some of its layers.

    Attributes:
        model: Name of the model.
        settings: Values of parameters for this model.
        layers: The first layer and the one after the last; `None` for all of the model.
    """

    model: str
    settings: Settings
    layers: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LayerSlice:
    """Layers of the result that are made of the same models.

    Attributes:
        sources: The models, in the order of the file; at least one, each once.
        settings: Values of parameters for this slice.
        base: Name of the base, which is one of the sources if the method needs one; empty for none.
    """

    sources: tuple[SliceSource, ...]
    settings: Settings
    base: str = ""

    @property
    def length(self) -> int:
        """The number of layers; 0 if the slice is all of a model."""
        first = self.sources[0].layers
        return first[1] - first[0] if first else 0


@dataclass(frozen=True, slots=True)
class MergekitConfig:
    """A merge as mergekit describes it.

    Attributes:
        method_name: mergekit's name of the method.
        method: The method.
        slices: The layers of the result, from the first; a merge of whole models has one slice.
        settings: Values of parameters for all slices.
        dtype: Dtype of floats in the result, or `widest`.
        notes: Remarks for the user, about what has no effect.
    """

    method_name: str
    method: Method
    slices: tuple[LayerSlice, ...]
    settings: Settings
    dtype: str
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> list[str]:
        """Names of all models, each once, in the order of the file."""
        return list(dict.fromkeys(source.model for part in self.slices for source in part.sources))

    @property
    def is_whole(self) -> bool:
        """Whether whole models are merged, and not slices of layers."""
        return self.slices[0].length == 0
