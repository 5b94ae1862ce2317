"""Merge Keras archives of which one side has all changes of what the model is."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from git_theta.formats.hdf5.facts import hdf5_facts
from git_theta.formats.hdf5.plugin import Hdf5
from git_theta.formats.keras.archive import CONFIG, DATE, METADATA, read_archive
from git_theta.formats.keras.texts import json_values
from git_theta.formats.one_sided import compose_one_sided, rest_digest

if TYPE_CHECKING:
    from git_theta.formats.base import FileDraft, FileVersion, Format, Prefer
    from git_theta.model.tensor import TensorSpec


def compose_keras(
    plugin: Format,
    base: FileVersion | None,
    sides: Sequence[FileVersion],
    wanted: Mapping[str, TensorSpec],
    prefer: Prefer,
) -> FileDraft:
    """See `git_theta.formats.one_sided.compose_one_sided`; the date of the save is the chosen side's."""
    return compose_one_sided(plugin, base, sides, wanted, prefer, _facts)


def _facts(version: FileVersion) -> dict[str, Hashable]:
    data = version.skeleton
    archive = read_archive(data)
    found: dict[str, Hashable] = dict(json_values(data, archive))
    found.pop(f"{METADATA}/{DATE}", None)
    for name, member in archive.members.items():
        # An asset, such as a vocabulary.
        if name not in (CONFIG, METADATA, archive.weights.name):
            content = data[member.offset : member.offset + member.packed]
            found[name] = member.method, hashlib.sha256(content).digest()
    start = archive.weights.offset
    weights = data[start : start + archive.weights.size]
    rest = partial(rest_digest, archive.format, weights)
    if isinstance(archive.format, Hdf5):
        found |= hdf5_facts(weights, rest)
    else:
        found[archive.weights.name] = rest()
    return found
