"""First versions: what chains of patches begin with, which is of another size than the values above it."""

from __future__ import annotations

from functools import partial

from git_theta.encoding.budget import can_be_extended, input_sizes
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.decode import decode_verified
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.store.base import Store
from git_theta.updates.base import Base
from git_theta.updates.deflated import Deflated
from git_theta.updates.inflated import Inflated
from git_theta.updates.patch import MEMORY, Patch

#: Updates of bytes whose base is of another size.
_PATCHES = frozenset({Patch.name, Deflated.name, Inflated.name})


def first_version(entry: Entry, store: Store) -> BaseCandidate | None:
    """The value that an entry is a patch of, or a patch of a patch, and so on; `None` if it's no patch.

    A value that is an update of the first version, instead of the last, can be decoded sooner.

    Args:
        entry: An earlier version of a value.
        store: Where its objects are.
    """
    source, nbytes = entry.source, entry.spec.nbytes
    try:
        while source.update in _PATCHES:
            (nbytes,) = input_sizes(source, nbytes, store)
            (source,) = source.inputs
        if source is entry.source or not can_be_extended(source, nbytes, store, MEMORY):
            return None
        spec = TensorSpec("U8", (nbytes,))
    except (ThetaError, ValueError):
        # The payload isn't here, or the manifest isn't genuine.
        return None
    return BaseCandidate(Base(spec, partial(decode_verified, source, store)), source)
