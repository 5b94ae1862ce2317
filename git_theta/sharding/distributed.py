"""Data files of PyTorch's distributed checkpoints: all `.distcp` files of a folder are one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_theta.sharding.parts import ModelParts

#: The name of such a model: its folder has no other.
DISTRIBUTED = "*.distcp"


def distributed_models(names: Iterable[str]) -> Iterator[ModelParts]:
    """The model of the data files of a folder, if there are several.

    Args:
        names: Names of checkpoints of one folder.
    """
    files = tuple(sorted(name for name in names if name.endswith(".distcp")))
    if len(files) > 1:
        yield ModelParts(DISTRIBUTED, files)
