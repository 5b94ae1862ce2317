"""The format of `skops.io.dump`: a zip archive of arrays, and a schema that says what they are."""

from __future__ import annotations

from dataclasses import replace

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.numpy.npz import Npz
from git_theta.formats.numpy.npz_members import SUFFIX
from git_theta.formats.unique_names import unique_name
from git_theta.formats.zip_reader import directory_bytes, read_member, zip_members

_SCHEMA = "schema.json"

#: Bytes of a directory to look for the schema in.
_MAX_DIRECTORY = 1 << 26


class Skops:
    """Models of scikit-learn as skops writes them, not compressed; the schema stays in the layout."""

    name = "skops"

    def matches(self, data: memoryview) -> bool:
        """A zip archive of stored arrays, and of a schema."""
        return _SCHEMA.encode() in directory_bytes(data, _MAX_DIRECTORY) and Npz().matches(data)

    def locate(self, data: memoryview) -> Located:
        """Find the arrays, by their paths in the schema; the members' own names are new in each file."""
        from git_theta.formats.numpy.skops_names import MAX_SCHEMA, array_names

        schema = next((member for member in zip_members(data) if member.name == _SCHEMA), None)
        if schema is None:
            raise FormatError("the archive has no schema")
        names = array_names(read_member(data, schema, MAX_SCHEMA))
        located = Npz().locate(data)
        counts: dict[str, int] = {}
        tensors = tuple(
            replace(each, name=unique_name(names.get(each.name + SUFFIX) or each.name, counts))
            for each in located.tensors
        )
        return Located(tensors, located.checksums)
