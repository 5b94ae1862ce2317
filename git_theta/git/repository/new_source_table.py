"""New tables of alternative sources: written, and merged with those of other clones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from git_theta.encoding.readable import is_complete
from git_theta.encoding.stored_value import finalize
from git_theta.encoding.value_writer import ValueWriter
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import FORMAT, commit_table, table_parts
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.sizes import entry_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.store.batch import Batch


def write_table(
    repository: Repository, entries: Iterable[Entry], parents: Iterable[str], message: str
) -> str:
    """Write a table; returns its commit. No ref is changed.

    Args:
        repository: The repository.
        entries: Entries of the alternative sources.
        parents: Ids of the commits of the tables that it replaces.
        message: The commit's message.

    Raises:
        ThetaError: The store can't be written.
    """
    parts = list(table_parts(entries))
    layouts = [layout.to_bytes() for layout, _ in parts]
    with Batch(repository.store) as batch:
        writer = ValueWriter(repository.store, batch, {})
        specs = [TensorSpec("U8", (len(data),)) for data in layouts]
        stored = [
            writer.write("layout", spec, memoryview(data)) for spec, data in zip(specs, layouts, strict=True)
        ]
        named = finalize(stored, batch)
    manifests = [
        Manifest(FORMAT, layout.size, entry, part) for (layout, part), entry in zip(parts, named, strict=True)
    ]
    return commit_table(repository.git, manifests, parents, message)


def merged_entries(
    ours: Mapping[str, Entry], theirs: Mapping[str, Entry], is_here: Callable[[str], bool]
) -> dict[str, Entry]:
    """The entries of two tables. Of two for a value, ours stays if its objects are here.

    The value may have no other source, and theirs wasn't decoded. Else one whose objects are here comes
    first, then the smaller sum of payloads, by the sizes that the sources have; then the smaller text.

    Args:
        ours: Entries of this clone, by digest.
        theirs: Those of another one; anybody may have written them.
        is_here: Tells whether an object is here.
    """

    def rank(entry: Entry) -> tuple[bool, int, str]:
        sizes = {ref.oid: ref.size for ref in entry.source.payloads()}
        return (
            not is_complete(entry.source, is_here),
            entry_bytes(entry, lambda oid: sizes[oid]),
            str(entry.source),
        )

    both = dict(ours)
    for digest, entry in theirs.items():
        mine = ours.get(digest)
        if mine is None or (not is_complete(mine.source, is_here) and rank(entry) < rank(mine)):
            both[digest] = entry
    return both
