"""Merge HDF5 files of which one side has all changes of attributes, groups, and links."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from git_theta.formats.hdf5.facts import hdf5_facts
from git_theta.formats.one_sided import compose_one_sided, rest_digest

if TYPE_CHECKING:
    from git_theta.formats.base import FileDraft, FileVersion, Format, Prefer
    from git_theta.model.tensor import TensorSpec


def compose_hdf5(
    plugin: Format,
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer,
) -> FileDraft:
    """See `git_theta.formats.one_sided.compose_one_sided`."""

    def facts(version: FileVersion) -> dict[str, Hashable]:
        return dict(hdf5_facts(version.skeleton, partial(rest_digest, plugin, version.skeleton)))

    return compose_one_sided(plugin, base, sides, wanted, prefer, facts)
